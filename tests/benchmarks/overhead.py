"""What a search costs beside training: each trial and report, and what follows the last trial.

    python tests/benchmarks/overhead.py [--trials 10000] [--out results.json]

Training is simulated, so that what is timed is the driver: suggesting, scheduling and the journal. Costs are given by
tenths of the search, because they must not grow with it. Before that, in the same run, over as many trials as the
first tenth has, 320 at least: the search with MLflow's writer beside it, which no training leaves time to; and stock
Optuna on the same space with TPE, which reads all trials and so gets no further.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import optuna  # noqa: E402 - the folders above come first
import results  # noqa: E402

from ptune.raytune.dispatcher import Dispatcher  # noqa: E402
from ptune.raytune.messages import Assignment, Beat, Trained  # noqa: E402
from ptune.raytune.placement import Fleet, Node, Planner  # noqa: E402
from ptune.raytune.pool import EnginePool  # noqa: E402
from ptune.record.events import Ended, Tracked  # noqa: E402
from ptune.record.journal import JOURNAL, Journal, read  # noqa: E402
from ptune.report.write_files import publish  # noqa: E402
from ptune.run.waits import Waits, unsaid  # noqa: E402
from ptune.searching.conductor import Conductor  # noqa: E402
from ptune.searching.importance import importances  # noqa: E402
from ptune.searching.suggest import quiet, suggest  # noqa: E402
from ptune.spec.resources import Resources  # noqa: E402
from ptune.spec.space import Space  # noqa: E402
from ptune.tracking.mlflow_writer import MlflowWriter  # noqa: E402
from support.made_headers import header_of  # noqa: E402
from support.simulated import LAYERS, SPACE, curve, make_job  # noqa: E402

SLOTS, TENTHS = 32, 10
FEWEST = SLOTS * TENTHS
"""Trials of which each tenth begins with every slot taken."""
TARGETS = {"trial_ms": 25.0, "report_ms": 1.0}
PATIENCE_S = 1800.0


class Engine:
    """An engine that is always ready and does nothing."""

    name = "simulated"
    node = "here"
    dtype = "float32"

    def beat(self) -> Beat:
        return Beat(None, 0.0, 0.0)

    def compute_with(self, _threads: int) -> None:
        """Nothing to compute."""

    def poll(self) -> bool:
        return True

    def leave(self, _token: str) -> None:
        """Nothing to end."""

    def conclude(self, _history: object) -> dict[str, Any]:
        return {}

    def kill(self) -> None:
        """Nothing to end."""


class Timed:
    """A function, the wall seconds of each call to it, and the CPU seconds of all."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.seconds: list[float] = []
        self.cpu = 0.0
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        began, cpu = time.perf_counter(), time.thread_time()
        answer = self._function(*arguments)
        self.cpu += time.thread_time() - cpu
        self.seconds.append(time.perf_counter() - began)
        return answer


def search(folder: Path, trials: int) -> tuple[list[dict[str, float]], dict[str, float]]:
    """A whole search under halving on 32 slots: milliseconds per trial and report by tenth, and seconds afterwards."""
    journal, conductor = _begin(folder, trials)
    rows = _train(conductor, trials)
    conductor.history.apply(journal.append(Ended("complete")))
    journal.close()
    shares: dict[str, float] = {}
    after = {
        "importances": _seconds(lambda: shares.update(importances(conductor.history))),
        "leaderboard, plots, report": _seconds(lambda: publish(folder, conductor.history, shares)),
        "taken up from its journal": _seconds(lambda: _resumed(folder)),
    }
    return rows, after


def tracked(folder: Path, trials: int) -> dict[str, float]:
    """The same with MLflow's writer: milliseconds of the driver per trial, and of the writer until it has all."""
    journal, conductor = _begin(folder, trials)
    writer = _writer(folder, journal)
    beside = _other_threads()
    rows = _train(conductor, trials)
    journal.append(Ended("complete"))
    rest = _seconds(lambda: writer.close(PATIENCE_S))
    if writer.lagging is not None:
        sys.exit(f"MLflow was not kept up to date: {writer.lagging}")
    journal.close()
    costs = {name: sum(row[name] for row in rows) / len(rows) for name in ("trial_ms", "cpu_ms", "report_mean_ms")}
    return {**costs, "writer_cpu_ms": 1e3 * (_other_threads() - beside) / trials, "rest_s": rest}


def _begin(folder: Path, trials: int) -> tuple[Journal, Conductor]:
    journal = Journal(folder / JOURNAL)
    header = journal.append(header_of(make_job(trials=trials), LAYERS))
    return journal, Conductor(journal, [header])


def _train(conductor: Conductor, trials: int) -> list[dict[str, float]]:
    """Play the search as Tune's scheduler and searcher do; what each tenth of its trials took."""
    here = Fleet([Node("here", cpus=1, gpus=0, address="here")], False, 0.0)
    planner = Planner(Resources(engines=1, slots=SLOTS), trials, engine_bytes=1)
    pool = EnginePool(lambda *_: Engine(), planner, lambda _: here, Waits(unsaid))
    dispatcher = Dispatcher(conductor, pool)
    dispatcher.step()  # asks for the engine
    dispatcher.step()  # takes it in
    hand_out, take_in = Timed(dispatcher.hand_out), Timed(dispatcher.take_in)
    under_way: deque[Assignment] = deque()
    lease, rows, mark = 0, [], _Mark()
    while not dispatcher.over:
        while pool.has_free_slot and (assignment := hand_out(str(lease))) is not None:
            lease += 1
            under_way.append(assignment)
        assignment = under_way.popleft()
        epoch = assignment.epoch + 1
        metrics = {"accuracy": curve(assignment.config, epoch), "loss": 0.5}
        if take_in(assignment.lease, Trained(epoch, metrics, "state")):
            under_way.append(replace(assignment, epoch=epoch))
        begun = len(conductor.history.trials)
        if begun >= (len(rows) + 1) * trials / TENTHS and len(rows) < TENTHS - 1:
            rows.append(mark.advance(begun, hand_out, take_in))
    rows.append(mark.advance(trials, hand_out, take_in))
    dispatcher.finish()
    return rows


class _Mark:
    """Where the last tenth ended."""

    def __init__(self) -> None:
        self._trials = self._turns = self._reports = 0
        self._cpu = 0.0

    def advance(self, trials: int, hand_out: Timed, take_in: Timed) -> dict[str, float]:
        """What was spent since, per trial and per report; milliseconds."""
        turns, reports = hand_out.seconds[self._turns :], take_in.seconds[self._reports :]
        cpu, count = hand_out.cpu + take_in.cpu, trials - self._trials
        row = {
            "trials": trials,
            "trial_ms": 1e3 * (sum(turns) + sum(reports)) / count,
            "cpu_ms": 1e3 * (cpu - self._cpu) / count,
            "report_ms": 1e3 * median(reports),
            "report_mean_ms": 1e3 * sum(reports) / len(reports),
        }
        self._trials, self._turns, self._reports = trials, len(hand_out.seconds), len(take_in.seconds)
        self._cpu = cpu
        return row


def _other_threads() -> float:
    """CPU seconds of all threads but this one, ended ones included."""
    return time.process_time() - time.thread_time()


def _writer(folder: Path, journal: Journal) -> MlflowWriter:
    """MLflow's writer on a new SQLite database, once it has answered."""
    journaled = lambda trial, run_id: journal.append(Tracked(trial, run_id))  # noqa: E731
    writer = MlflowWriter(folder, f"sqlite:///{folder}/mlflow.db", "overhead", journaled)
    writer.start()
    until = time.monotonic() + PATIENCE_S
    while writer.parent_run_id is None:
        if writer.lagging is not None or time.monotonic() > until:
            sys.exit(f"MLflow does not answer: {writer.lagging}")
        time.sleep(0.1)
    return writer


def _resumed(folder: Path) -> None:
    journal = Journal(folder / JOURNAL)
    Conductor(journal, read(journal.path))
    journal.close()


def _seconds(action: Callable[[], Any]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def stock(trials: int) -> dict[str, float]:
    """Milliseconds of stock Optuna for one of as many trials, and for one of the last tenth of them."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = Space(**SPACE).resolved(LAYERS)
    spent, cpu = [], time.thread_time()
    with quiet():
        sampler = optuna.samplers.TPESampler(seed=0, multivariate=True, group=True)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for _ in range(trials):
            began = time.perf_counter()
            trial = study.ask()
            value = curve({"depth": LAYERS, "dropout": 0.0, **suggest(trial, space)}, 9)
            study.tell(trial, 0.0 if math.isnan(value) else value)
            spent.append(time.perf_counter() - began)
    last = spent[-max(1, trials // TENTHS) :]
    return {
        "trials": trials,
        "trial_ms": 1e3 * sum(spent) / trials,
        "cpu_ms": 1e3 * (time.thread_time() - cpu) / trials,
        "last_tenth_ms": 1e3 * sum(last) / len(last),
    }


def main() -> None:
    """Measure, print, and leave JSON and a plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.trials < FEWEST:
        parser.error(f"--trials must be at least {FEWEST}, a tenth for each of {SLOTS} slots, got {arguments.trials}")
    few = max(FEWEST, arguments.trials // TENTHS)
    with tempfile.TemporaryDirectory() as folder:
        beside, theirs = tracked(Path(folder) / "tracked", few), stock(few)
        rows, after = search(Path(folder) / "search", arguments.trials)
    _print(rows, after, beside, theirs)
    found = {"targets": TARGETS, "driver": rows, "tracked": beside, "optuna": theirs, "after_s": after}
    path = results.write("overhead", found, arguments.out)
    tenths = [row["trials"] for row in rows]
    series = {
        "ptune: suggest, schedule, journal": (tenths, [row["trial_ms"] for row in rows]),
        "the same, CPU time": (tenths, [row["cpu_ms"] for row in rows]),
        "Optuna alone: ask, tell": ([few], [theirs["last_tenth_ms"]]),
    }
    results.lines(path.with_suffix(".png"), "Driver time per trial", "trials so far", "ms", series)
    missed = [row["trials"] for row in rows if any(row[name] > most for name, most in TARGETS.items())]
    if missed:
        sys.exit(f"above {TARGETS} in the tenths that end at {missed} trials")


def _print(
    rows: list[dict[str, float]], after: dict[str, float], beside: dict[str, float], theirs: dict[str, float]
) -> None:
    print(f"{'trials':>8}{'ms per trial':>14}{'CPU':>8}{'ms per report':>15}{'mean':>8}")  # noqa: T201
    for row in rows:
        print(  # noqa: T201
            f"{row['trials']:8d}{row['trial_ms']:14.1f}{row['cpu_ms']:8.1f}{row['report_ms']:15.3f}"
            f"{row['report_mean_ms']:8.3f}"
        )
    print(  # noqa: T201
        f"with MLflow, the first {theirs['trials']} trials: {beside['trial_ms']:.1f} ms, CPU {beside['cpu_ms']:.1f}; "
        f"its writer: CPU {beside['writer_cpu_ms']:.1f} ms per trial, {beside['rest_s']:.0f} s after the last"
    )
    print(  # noqa: T201
        f"stock Optuna, the first {theirs['trials']} trials: {theirs['trial_ms']:.1f} ms, CPU {theirs['cpu_ms']:.1f} "
        f"({theirs['cpu_ms'] / beside['cpu_ms']:.1f}x ptune's); their last tenth {theirs['last_tenth_ms']:.1f} ms"
    )
    for what, seconds in after.items():
        print(f"{what:32}{seconds:8.1f} s")  # noqa: T201


if __name__ == "__main__":
    main()
