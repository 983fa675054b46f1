"""The GPU benchmark runs all of its parts on a CPU, with tiny shapes; parts that die or fail leave rows."""

import json
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import gpu
import gpu_parts
from gpu_parts import PARTS, Bench

PROGRAM = Path(gpu.__file__)


def test_every_part_measures_tiny_shapes(tmp_path):
    out = tmp_path / "gpu.json"
    command = [sys.executable, str(PROGRAM), "--tiny", "--device", "cpu", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    parts = json.loads(out.read_text(encoding="utf-8"))["parts"]
    assert list(parts) == list(PARTS)
    assert not [row for rows in parts.values() for row in rows if "failed" in row]
    rates = [row for part in ("slots", "rival") for row in parts[part]]
    assert {row["shape"] for row in rates} == {"tiny-bert", "tiny-llama"}
    assert all(row["trials_per_h"] > 0 for row in rates)
    assert all(0 < row["share_of_peak"] <= 1 for row in parts["slots"])
    kinds = next(row["shares"] for row in parts["where"] if "shares" in row)
    assert kinds["optimiser"] > 0.02, "of passes as small as these, steps take several percent"
    assert "times the rival's best" in done.stdout
    assert "tiny-bert, each further slot: " in done.stdout
    assert (tmp_path / "gpu.png").is_file()
    assert json.loads((tmp_path / "gpu" / "slots.json").read_text(encoding="utf-8"))[0]["shape"] == "tiny-bert"


def test_what_a_slot_adds_is_the_slope_over_all_counts():
    rows = [
        {"shape": "bert", "slots": slots, "held_mb": 5 + 1.5 * slots, "peak_mb": 40 + 2 * slots, "learned_mb": slots}
        for slots in (1, 4, 16)
    ]
    (line,) = gpu.memory_of_a_slot([*rows, {"shape": "bert", "slots": 64, "failed": "no memory"}])
    assert "1.50 MB held, 1.00 MB of it" in line
    assert line.endswith("2.00 MB")


def test_a_row_that_fails_is_kept_and_the_next_is_measured(tmp_path):
    bench = Bench(tmp_path / "rows.json", tmp_path, "cpu", tiny=True)
    bench.attempt({"slots": 64}, lambda: {}["ms"])
    bench.attempt({"slots": 1}, lambda: {"ms": 2.0})
    kept = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    assert kept == [{"slots": 64, "failed": "KeyError: 'ms'"}, {"slots": 1, "ms": 2.0}]


def test_a_part_that_dies_or_takes_too_long_keeps_what_it_has(tmp_path, monkeypatch):
    def dies(bench):
        bench.attempt({"slots": 1}, lambda: {"ms": 2.0})
        os._exit(3)

    def waits(bench):
        bench.attempt({"slots": 1}, lambda: {"ms": 2.0})
        os.read(os.pipe()[0], 1)

    monkeypatch.setitem(gpu_parts.PARTS, "peak", (dies, 60))
    monkeypatch.setitem(gpu_parts.PARTS, "slots", (waits, 3))
    options = Namespace(device="cpu", tiny=True, spawn=False)
    assert gpu.measure("peak", tmp_path, options) == [{"slots": 1, "ms": 2.0}, {"failed": "ended with exit code 3"}]
    rows = gpu.measure("slots", tmp_path, options)
    assert rows == [{"slots": 1, "ms": 2.0}, {"failed": "stopped after 3 s, its limit"}]
