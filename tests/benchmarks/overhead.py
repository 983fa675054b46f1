"""What a search costs beside training: start-up, each trial and each report, with ptune's own steps timed apart.

    python tests/benchmarks/overhead.py [--trials 10000] [--out results.json]

Training is simulated, so that what is timed is the driver: suggesting, scheduling, journal and tracking. Beside it, in
the same run, stock Optuna asks TPE for the same space with as many trials behind it. `--startup` adds a real search.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
REPO = HERE.parent.parent
sys.path[:0] = [str(HERE), str(REPO / "tests" / "search")]

import optuna  # noqa: E402 - the folders above come first
import results  # noqa: E402
from simulated import LAYERS, SPACE, curve, make_job, start  # noqa: E402

from ptune.raytune.dispatcher import Dispatcher  # noqa: E402
from ptune.raytune.placement import Placement  # noqa: E402
from ptune.raytune.pool import EnginePool  # noqa: E402
from ptune.search.suggest import quiet, suggest  # noqa: E402
from ptune.spec.space import Space  # noqa: E402
from ptune.tracking.mlflow_writer import MlflowWriter  # noqa: E402

SLOTS, AT = 32, (100, 1000, 10_000)
TARGETS = {"trial_ms": 25.0, "report_ms": 1.0}


class Engine:
    """An engine that is always ready and does nothing."""

    name = "simulated"

    def poll(self) -> bool:
        return True

    def leave(self, _token: str) -> None:
        """Nothing to end."""

    def kill(self) -> None:
        """Nothing to end."""


class Timed:
    """Seconds of each call to a function."""

    def __init__(self, function: Any) -> None:
        self.seconds: list[float] = []
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        began = time.perf_counter()
        answer = self._function(*arguments)
        self.seconds.append(time.perf_counter() - began)
        return answer


def search(trials: int, *, tracked: bool) -> dict[int, dict[str, float]]:
    """A whole search under halving on 32 slots; milliseconds of the driver per trial and report, by trials so far."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        conductor = start(make_job(trials=trials), Path(folder) / "s" / "journal.jsonl")
        if tracked:
            uri = f"sqlite:///{folder}/mlflow.db"
            writer = MlflowWriter(Path(folder) / "s", uri, "overhead", lambda *_: None)
            conductor.history.header |= {"id": "overhead", "name": "overhead"}
            writer.start()
        pool = EnginePool(lambda _: Engine(), RuntimeError, [Placement("cpu", 1.0, 0, 1, None)], SLOTS)
        dispatcher = Dispatcher(conductor, pool)
        dispatcher.step()
        hand_out, take_in = Timed(dispatcher.hand_out), Timed(dispatcher.take_in)
        seated: deque[dict[str, Any]] = deque()
        token, marks = 0, [(0, 0, 0)]
        while not dispatcher.over:
            while pool.has_seat and (turn := hand_out(str(token))) is not None:
                token += 1
                seated.append(turn)
            turn = seated.popleft()
            turn["epoch"] += 1
            value = curve(turn["config"], turn["epoch"])
            report = {"metrics/accuracy": value, "metrics/loss": 0.5, "epoch": turn["epoch"], "state": "state"}
            if take_in(turn["token"], report):
                seated.append(turn)
            begun = len(conductor.history.trials)
            if begun in {size // 5 * 4 for size in AT} | set(AT) and begun != marks[-1][0]:
                marks.append((begun, len(hand_out.seconds), len(take_in.seconds)))
        dispatcher.finish()
        if tracked:
            writer.close(0.0)
        by = {mark[0]: mark for mark in marks}
        for size in AT:
            if size in by and size // 5 * 4 in by:
                (before, turns, reports), (_, turns_then, reports_then) = by[size // 5 * 4], by[size]
                reporting = take_in.seconds[reports:reports_then]
                spent = sum(hand_out.seconds[turns:turns_then]) + sum(reporting)
                found[size] = {
                    "trial_ms": 1e3 * spent / (size - before),
                    "report_ms": 1e3 * median(reporting),
                    "report_mean_ms": 1e3 * sum(reporting) / len(reporting),
                }
    return found


def stock(trials: int, asks: int = 8) -> float:
    """Milliseconds in which stock Optuna suggests and takes in one trial, after as many others."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = Space(**SPACE).resolved(LAYERS)
    with quiet():
        random, model = (
            optuna.samplers.RandomSampler(seed=0),
            optuna.samplers.TPESampler(seed=0, multivariate=True, group=True),
        )
        study = optuna.create_study(direction="maximize", sampler=random)
        began = 0.0
        for number in range(trials + asks):
            if number == trials:
                study.sampler, began = model, time.perf_counter()
            trial = study.ask()
            value = curve({"depth": LAYERS, "dropout": 0.0, **suggest(trial, space)}, 9)
            study.tell(trial, 0.0 if math.isnan(value) else value)
    return 1e3 * (time.perf_counter() - began) / asks


def startup(*flags: str) -> dict[str, float]:
    """Seconds from the command to each first step of a real search: MiniLM, the built-in task."""
    with tempfile.TemporaryDirectory() as runs:
        sets = ("budget.trials=1", "budget.epochs=1", "budget.stopping.grace=1", "task.data.limit_train=32")
        options = [option for each in sets for option in ("--set", each)]
        job = str(REPO / "jobs" / "quickstart.toml")
        began = time.time()
        command = [sys.executable, "-m", "ptune", "search", job, *options, *flags, "--json"]
        subprocess.run(command, env=os.environ | {"PTUNE_RUNS": runs}, check=True, capture_output=True)
        lines = (Path(runs) / "quickstart" / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    first: dict[str, dict[str, Any]] = {}
    for event in map(json.loads, lines):
        first.setdefault(event["event"], event)
    since = {kind: event["time"] - began for kind, event in first.items()}
    epoch = float(first["reported"]["metrics"].get("seconds", 0.0))
    return {
        "imports, job, data, weights checked": since["search"],
        "engine ready": since["loaded"],
        "first pass": since["reported"] - epoch,
        "last pass": since["reported"],
        "MLflow answers, in the background": since["tracked"],
    }


def main() -> None:
    """Measure, print, and leave JSON and a plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=max(AT))
    parser.add_argument("--startup", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    ours = search(arguments.trials, tracked=False)
    tracked = search(min(1000, arguments.trials), tracked=True)
    theirs = {size: stock(size, 8 if size < max(AT) else 3) for size in ours}
    print(f"{'trials':>8}{'ms per trial':>14}{'tracked':>10}{'ms per report':>15}{'Optuna ms':>12}{'ratio':>8}")  # noqa: T201
    for size, cost in ours.items():
        beside = f"{tracked[size]['trial_ms']:.1f}" if size in tracked else "-"
        ratio = theirs[size] / cost["trial_ms"]
        print(  # noqa: T201
            f"{size:8d}{cost['trial_ms']:14.1f}{beside:>10}{cost['report_ms']:15.3f}{theirs[size]:12.1f}{ratio:7.1f}x"
        )
    starts = {"Ray": startup(), "--local": startup("--local")} if arguments.startup else {}
    for name, steps in starts.items():
        for step, seconds in steps.items():
            print(f"{name:>8}  {step:40}{seconds:8.1f} s")  # noqa: T201
    found = {"targets": TARGETS, "driver": ours, "tracked": tracked, "optuna_ms": theirs, "startup_s": starts}
    path = results.write("overhead", found, arguments.out)
    sizes = list(ours)
    series = {
        "ptune: suggest, schedule, journal": (sizes, [ours[size]["trial_ms"] for size in sizes]),
        "Optuna alone: ask, tell": (sizes, [theirs[size] for size in sizes]),
    }
    results.lines(path.with_suffix(".png"), "Driver time per trial", "trials so far", "ms", series, log=True)
    missed = [size for size, cost in ours.items() if any(cost[name] > most for name, most in TARGETS.items())]
    if missed:
        sys.exit(f"above {TARGETS} at {missed} trials")


if __name__ == "__main__":
    main()
