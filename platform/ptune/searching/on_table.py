"""A search on recorded learning curves: its real conductor, sampler and early stopping, and no training."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

from ptune.errors import NotFoundError, SpecError
from ptune.record.curve_table import CurveTable, Run
from ptune.record.events import Checkpoint, Header, Metrics
from ptune.record.journal import JOURNAL, Journal
from ptune.record.objective import Objective
from ptune.searching.conductor import Conductor
from ptune.searching.nearest_curve import NearestCurve
from ptune.searching.simulate import simulate
from ptune.spec.job import Job
from ptune.spec.objectives import COSTS, LENGTH
from ptune.spec.problem import Problem
from ptune.spec.trial import Config


@dataclass(frozen=True)
class Played:
    """A search that was played.

    Attributes:
        seed: of its sampler.
        trials: how many it began.
        values: what the search shows as its best after each epoch that it trained.
        config: the configuration of its best trial.
    """

    seed: int
    trials: int
    values: Sequence[float]
    config: Config


def table_problems(job: Job, table: CurveTable) -> list[Problem]:
    """What keeps a job from being played on a table, whatever configurations it tries."""
    problems = []
    recorded, budget = table.recorded, job.budget
    if budget.epochs != recorded.epochs:
        law = f"the table's curves have {recorded.epochs} epochs, over which their rates run, got {budget.epochs}"
        problems.append(Problem(("budget", "epochs"), law))
    if budget.report_every is not None:
        problems.append(Problem(("budget", "report_every"), "a table knows whole epochs, and no parts of them"))
    if budget.dev_grows:
        problems.append(Problem(("budget", "dev_grows"), "a table knows scores on all of dev, and none on parts of it"))
    if budget.inherit:
        problems.append(Problem(("budget", "inherit"), "the curves of a table are of trials that inherit nothing"))
    if "epochs" in job.space.parameters:
        law = "cannot differ between trials: the curves of a table are of one length"
        problems.append(Problem(("space", "parameters", "epochs"), law))
    timed = [name for name in ("hours", "device_hours") if getattr(budget, name) is not None]
    problems += [Problem(("budget", name), "a table knows epochs, and no hours") for name in timed]
    if job.task.folds > 1:
        problems.append(Problem(("task", "data", "folds"), "the curves of a table are of one split"))
    if (name := job.task.metric) not in table.metrics:
        problems.append(Problem(("task", "metric"), _no_metric(name, table)))
    if job.objectives is not None:
        named = dict.fromkeys([*job.objectives.beside, *job.objectives.bounded])
        missing = [name for name in named if name != LENGTH and name not in table.metrics]
        problems += [Problem(("objectives",), _no_metric(name, table)) for name in missing]
    return problems


def play_on(job: Job, table: CurveTable, seed: int, slots: int) -> Played:
    """Play a search to its end; every epoch takes as long as every other.

    Args:
        job: without `table_problems`.
        table: the curves. A configuration of several runs is played by one of them, which the seed chooses.
        seed: of the sampler, in place of the job's own.
        slots: trials that train at the same time.

    Raises:
        SpecError: the search tries a configuration for which the table has no curve, or has no result.
    """
    nearest = NearestCurve(table)
    values: list[float] = []
    missing: list[str] = []
    with TemporaryDirectory(prefix="ptune-simulate-") as folder, closing(Journal(Path(folder) / JOURNAL)) as journal:
        conductor = Conductor(journal, [journal.append(_header(job, table, seed))])
        history = conductor.history

        def curve(config: Config, epoch: int) -> Metrics:
            if (best := history.best_value) is not None:
                values.append(best)
            try:
                runs = nearest(config)
            except NotFoundError as error:
                missing.append(str(error))
                raise
            return runs[seed % len(runs)].reports[epoch - 1]

        simulate(conductor, curve, slots)
        if missing:
            raise SpecError(missing[0])
        if history.best is None or history.best_value is None:
            raise SpecError(f"{job.name}: no trial had a result on this table")
        return Played(seed, len(history.trials), [*values, history.best_value], history.best.config)


def best_of(table: CurveTable, objective: Objective) -> tuple[Config, float]:
    """The best configuration of a table, and what it reaches: the mean of its runs, each at its best epoch."""
    reached = [(config, _reached(runs, objective)) for config, runs in table.curves]
    return max(
        ((config, value) for config, value in reached if value is not None), key=lambda one: objective.utility(one[1])
    )


def _reached(runs: Sequence[Run], objective: Objective) -> float | None:
    values = [value for run in runs if (value := objective.best_value(run.reports)) is not None]
    return mean(values) if values else None


def _header(job: Job, table: CurveTable, seed: int) -> Header:
    recorded = table.recorded
    checkpoint = Checkpoint(recorded.backbone, recorded.weights_hash, recorded.layers)
    seeded = job.model_copy(update={"seed": seed})
    return Header("0" * 32, job.name, seeded, {}, [], checkpoint, recorded.versions)


def _no_metric(name: str, table: CurveTable) -> str:
    why = "costs of a machine are not recorded" if name in COSTS else "was not recorded"
    return f"{name} {why} (recorded: {', '.join(table.metrics)})"
