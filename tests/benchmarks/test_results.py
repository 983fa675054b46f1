"""What benchmarks leave behind: JSON that names its machine, and plots."""

import json

import results

PNG = b"\x89PNG"


def test_results_are_written_with_the_machine_they_are_from(tmp_path):
    out = tmp_path / "new" / "speed.json"
    assert results.write("speed", {"ratio": 2.5}, out) == out
    written = json.loads(out.read_text(encoding="utf-8"))
    assert written["ratio"] == 2.5
    assert written["benchmark"] == "speed"
    assert set(written["machine"]) == {"cpu", "cores", "gpu", "torch", "python"}
    assert written["machine"]["cores"] >= 1
    assert written["machine"]["cpu"]


def test_results_stand_in_the_build_folder_unless_told_otherwise(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    assert results.write("speed", {}) == tmp_path / "speed.json"


def test_lines_and_bars_are_pictures(tmp_path):
    results.lines(tmp_path / "lines.png", "t", "trials", "s", {"a": ([1, 2], [3.0, 4.0]), "b": ([1], [2.0])})
    results.lines(tmp_path / "log.png", "t", "trials", "s", {"a": ([1, 100], [3.0, 4.0])}, log=True)
    results.bars(tmp_path / "bars.png", "t", "s", {"ptune": 1.0, "the same by hand, with care": 20.0})
    assert all((tmp_path / f"{name}.png").read_bytes().startswith(PNG) for name in ("lines", "log", "bars"))
