"""How long a search takes to its first pass: wall seconds and processor seconds of all its processes, by step.

    python tests/benchmarks/startup.py [--rounds 3] [--out results.json]

A real search of one trial is begun on Ray and in one process, in turns, each with an empty cache. The least of the
rounds counts. On a machine that does other work, wall seconds say little; processor seconds hardly change.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import results

REPO = Path(__file__).resolve().parent.parent.parent
TARGETS = {"Ray": 10.0, "--local": 6.0}
"""Wall seconds to the first pass, on two cores that do nothing else."""
FIRST = "first pass"
_STEPS = {
    "search": "imports, job, data, weights checked",
    "loaded": "engine ready",
    "reported": "first report",
    "tracked": "MLflow answers, in the background",
}
_SETTINGS = ("budget.trials=1", "budget.epochs=1", "budget.stopping.grace=1", "task.data.limit_train=32")
_LOOK_EVERY_S = 0.05


def startup(*flags: str, job: Path = REPO / "jobs" / "quickstart.toml", settings: Sequence[str] = _SETTINGS) -> Any:
    """Wall and processor seconds from the command to each step that the journal of a search tells of, by step.

    Args:
        flags: of `ptune search`.
        job: what is searched.
        settings: what `--set` changes of it.
    """
    options = [word for setting in settings for word in ("--set", setting)]
    command = [sys.executable, "-m", "ptune", "search", str(job), *options, *flags, "--name", "first", "--json"]
    with tempfile.TemporaryDirectory() as runs, tempfile.TemporaryFile("w+") as errors:
        environment = os.environ | {"PTUNE_RUNS": runs, "PTUNE_CACHE": f"{runs}/cache"}
        began = time.time()
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
        spent = Spent(process.pid)
        while process.poll() is None:
            spent.look()
            time.sleep(_LOOK_EVERY_S)
        if process.returncode != 0:
            errors.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{errors.read()[-4000:]}")
        times = moments((Path(runs) / "first" / "journal.jsonl").read_text(encoding="utf-8"))
    return {step: {"wall_s": at - began, "processor_s": spent.until(at)} for step, at in times.items()}


def moments(journal: str) -> dict[str, float]:
    """When each step of a search first came, in seconds since 1970, in order."""
    first: dict[str, dict[str, Any]] = {}
    for event in map(json.loads, journal.splitlines()):
        first.setdefault(event["event"], event)
    times = {step: first[kind]["time"] for kind, step in _STEPS.items() if kind in first}
    report = first["reported"]
    times[FIRST] = report["time"] - float(report["metrics"].get("seconds", 0.0))
    return dict(sorted(times.items(), key=lambda item: item[1]))


class Spent:
    """Processor seconds of a process and of all that it has started; what has ended counts as it was last seen."""

    def __init__(self, process: int) -> None:
        self._root = process
        self._seen: dict[tuple[int, float], float] = {}
        self._sums: list[tuple[float, float]] = []

    def look(self) -> None:
        """Read what the processes have used by now."""
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(self._root)
            for one in [root, *root.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    times = one.cpu_times()
                    self._seen[one.pid, one.create_time()] = times.user + times.system
        self._sums.append((time.time(), sum(self._seen.values())))

    def until(self, moment: float) -> float:
        """What they had used at a moment, in seconds since 1970, as it was last seen before."""
        return max((seconds for at, seconds in self._sums if at <= moment), default=0.0)


def least(rounds: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """The least of each step's seconds over some rounds."""
    return {
        step: {unit: min(one[step][unit] for one in rounds if step in one) for unit in about}
        for step, about in rounds[0].items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, leave JSON and a plot; fail if the first pass comes later than it must."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="default: build/bench/startup.json")
    options = parser.parse_args(arguments)
    rounds: dict[str, list[Any]] = {name: [] for name in TARGETS}
    for number in range(options.rounds):
        for name in TARGETS:
            rounds[name].append(startup(*(["--local"] if name == "--local" else [])))
            results.say(f"round {number + 1}, {name}: first pass after {rounds[name][-1][FIRST]['wall_s']:.1f} s")
    found = {name: least(each) for name, each in rounds.items()}
    for name, steps in found.items():
        for step, about in steps.items():
            results.say(f"{name:>8}  {step:40}{about['wall_s']:8.1f} s{about['processor_s']:8.1f} s of processors")
    path = results.write("startup", {"targets": TARGETS, "steps": found, "rounds": rounds}, options.out)
    bars = {
        f"{name}, {unit}": steps[FIRST][key]
        for name, steps in found.items()
        for key, unit in (("wall_s", "wall"), ("processor_s", "processors"))
    }
    results.bars(path.with_suffix(".png"), "From the command to the first pass", "seconds", bars)
    late = [name for name, most in TARGETS.items() if found[name][FIRST]["wall_s"] > most]
    if late:
        sys.exit(f"{', '.join(late)}: the first pass comes later than after {TARGETS} seconds")


if __name__ == "__main__":
    main()
