"""What ptune does on a GPU, beside Trainer and PEFT on the same one, in under 15 minutes and without a network.

    python tests/benchmarks/gpu.py [--only PART …] [--device cpu --tiny] [--out results.json]

Backbones have real shapes, random weights in bfloat16 and made-up data. A trial trains P-tuning v2 for 300 steps of 32
rows of 64 tokens; neither scoring nor start-up counts, on either side. Each part runs in a process of its own with a
time limit of its own. Its rows are in `build/bench/gpu/PART.json` as soon as they are measured, and what fails is a row
that says why. `--tiny --device cpu` runs all parts with tiny shapes in a few seconds.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent.parent))  # what stands in on CPUs lies beside the tests

import results
from gpu_parts import PARTS, run
from growth import per_slot
from results import say

Rows = list[dict[str, Any]]


def measure(name: str, kept: Path, options: argparse.Namespace) -> Rows:
    """The rows of one part; if it dies or takes too long, those it has, and one that says so."""
    file = kept / f"{name}.json"
    file.unlink(missing_ok=True)
    most = PARTS[name][1]
    context = multiprocessing.get_context("spawn" if options.device == "cuda" or options.spawn else "fork")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        process = context.Process(target=run, args=(name, file, Path(folder), options.device, options.tiny))
        process.start()
        process.join(most)
        if process.is_alive() and process.pid is not None:
            os.killpg(process.pid, signal.SIGKILL)  # with the processes that it started
            process.join()
            ended = f"stopped after {most:.0f} s, its limit"
        else:
            ended = "" if process.exitcode == 0 else f"ended with exit code {process.exitcode}"
        rows: Rows = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
        if ended:
            rows.append({"failed": ended})
        if rows:
            file.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    say(f"{name}: {len(rows)} rows, {time.monotonic() - began:.0f} s")
    return rows


def with_shares(found: dict[str, Rows]) -> None:
    """Add each rate's share of the best matrix product of the same run."""
    best = max((row["gflops"] for rows in found.values() for row in rows if "gflops" in row), default=0.0)
    for rows in found.values():
        for row in rows:
            if "gflops" in row:
                row["share_of_peak"] = row["gflops"] / best


COLUMNS = {
    "gflops": "GFLOP/s",
    "share_of_peak": "of peak",
    "trials_per_h": "trials/h",
    "ms_per_pass": "ms/pass",
    "peak_mb": "peak MB",
    "held_mb": "held MB",
    "token_budget": "budget",
    "ms": "ms",
    "share": "share",
    "busy": "busy",
}
_SHARES = ("share_of_peak", "share", "busy")


def table(name: str, rows: Rows) -> None:
    """Print the rows of one part."""
    columns = [column for column in COLUMNS if any(column in row for row in rows)]
    say(f"\n{name:44}" + "".join(f"{COLUMNS[column]:>12}" for column in columns))
    for row in rows:
        about = " · ".join(
            str(row[key]) if key in ("shape", "what", "by") else f"{row[key]} {key}"
            for key in ("shape", "what", "slots", "processes", "by", "at", "budget")
            if key in row
        ).replace(" at", "")
        if "failed" in row:
            say(f"{about:44}  {row['failed']}")
            continue
        say(f"{about:44}" + "".join(_cell(row, column) for column in columns))
        for part, share in row.get("shares", {}).items():
            say(f"    {share:6.1%}  {part}")
        for operator in row.get("top", [])[:12]:
            say(f"    {operator['share']:6.1%}  {operator['calls']:6d} x  {operator['name']}")


def _cell(row: dict[str, Any], column: str) -> str:
    if column not in row:
        return f"{'':>12}"
    return f"{row[column]:>12.1%}" if column in _SHARES else f"{row[column]:>12,.1f}"


def times(slots: Rows, rival: Rows) -> list[str]:
    """For each backbone, ptune's best rate over the rival's best."""
    said = []
    for shape in dict.fromkeys(row["shape"] for row in slots if "trials_per_h" in row):
        ours = [row for row in slots if row.get("shape") == shape and "trials_per_h" in row]
        theirs = [row for row in rival if row.get("shape") == shape and "trials_per_h" in row]
        if theirs:
            best = max(theirs, key=lambda row: float(row["trials_per_h"]))
            each = [f"{row['trials_per_h'] / best['trials_per_h']:.1f} at {row['slots']} slots" for row in ours]
            said.append(f"{shape}, times the rival's best ({best['processes']} processes): " + ", ".join(each))
    return said


def memory_of_a_slot(slots: Rows) -> list[str]:
    """For each backbone, what each further slot adds to the memory that is held, and to the most that a pass takes."""
    said = []
    for shape in dict.fromkeys(row["shape"] for row in slots if "held_mb" in row):
        rows = [row for row in slots if row.get("shape") == shape and "held_mb" in row]
        if len(rows) > 1:
            held, peak, learned = (per_slot(rows, what) for what in ("held_mb", "peak_mb", "learned_mb"))
            said.append(
                f"{shape}, each further slot: {held:.2f} MB held, {learned:.2f} MB of it parameters and moments; "
                f"the most that a pass takes grows by {peak:.2f} MB"
            )
    return said


def plot(found: dict[str, Rows], folder: Path) -> None:
    """Trials an hour by trials at a time, of ptune and of the rival."""
    series: dict[str, tuple[Sequence[float], Sequence[float]]] = {}
    for part, key in (("slots", "slots"), ("rival", "processes")):
        rows = [row for row in found.get(part, []) if "trials_per_h" in row]
        for shape in dict.fromkeys(row["shape"] for row in rows):
            mine = [row for row in rows if row["shape"] == shape]
            name = f"{'ptune' if part == 'slots' else 'Trainer + PEFT'}, {shape}"
            series[name] = ([row[key] for row in mine], [row["trials_per_h"] for row in mine])
    if series:
        title = "Trials of 300 steps on one device"
        results.lines(folder / "gpu.png", title, "trials at a time", "trials/hour", series, log=True)


def main() -> None:
    """Measure all parts; keep, print and draw what there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS), default=tuple(PARTS))
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--tiny", action="store_true", help="tiny shapes, short times")
    parser.add_argument("--spawn", action="store_true", help="start parts as on a GPU, without copying this process")
    parser.add_argument("--out", type=Path, help="default: build/bench/gpu.json")
    options = parser.parse_args()
    os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    out: Path = options.out or results.FOLDER / "gpu.json"
    kept = out.parent / "gpu"
    kept.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    found = {name: measure(name, kept, options) for name in options.only}
    with_shares(found)
    for name, rows in found.items():
        table(name, rows)
    say()
    for line in times(found.get("slots", []), found.get("rival", [])):
        say(line)
    for line in memory_of_a_slot(found.get("slots", [])):
        say(line)
    plot(found, out.parent)
    seconds = time.monotonic() - began
    say(f"\n{results.write('gpu', {'seconds': seconds, 'tiny': options.tiny, 'parts': found}, out)}, {seconds:.0f} s")
    if not any("failed" not in row for rows in found.values() for row in rows):
        sys.exit("nothing could be measured")


if __name__ == "__main__":
    main()
