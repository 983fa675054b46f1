"""What a search will take, before it starts: its real conductor, played in virtual time on some engines.

Trials of one engine train in the same passes, so an epoch takes the longer, the more of them train beside each other,
and less than it would take them one after another. Knows neither torch nor ray.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from ptune.record.events import Header
from ptune.record.journal import JOURNAL, Journal
from ptune.searching.conductor import Conductor
from ptune.searching.made_up import made_up
from ptune.searching.simulate import Curve, Simulation, report_epoch
from ptune.searching.turn import Turn
from ptune.spec.budget import Budget
from ptune.spec.job import Job
from ptune.spec.stopping import Asha

_DRAWS = 3  # made-up surfaces on which a search is played
_DONE = 1e-9  # of an epoch's work: what rounding leaves of it
FLAT = 0.2
"""An engine more is worth its price while it saves at least so much of what a perfect one would."""


@dataclass(frozen=True)
class Pace:
    """What an epoch takes on one engine, and what comes before the first one.

    Attributes:
        alone_s: seconds of an epoch whose trial has the engine for itself.
        together_s: seconds of an epoch while every slot trains.
        slots: of an engine.
        start_s: seconds until an engine trains.
    """

    alone_s: float
    together_s: float
    slots: int
    start_s: float

    def epoch_s(self, trials: int) -> float:
        """Seconds of an epoch while so many trials train on the engine, at least one."""
        if self.slots == 1:
            return self.alone_s
        return self.alone_s + (self.together_s - self.alone_s) * (trials - 1) / (self.slots - 1)

    @property
    def gain(self) -> float:
        """How many times as fast the slots of an engine train together as one after another."""
        return self.slots * self.alone_s / self.together_s


@dataclass(frozen=True)
class Planned:
    """What a search takes on a number of engines; of several made-up surfaces, the median and the extremes."""

    engines: int
    trials: int
    epochs: int
    fewest_epochs: int
    most_epochs: int
    wall_s: float
    """From the start of the engines to the last report."""
    devices: int = 1
    """Of each engine."""

    @property
    def device_hours(self) -> float:
        """Hours of all engines' devices, those included in which one has nothing to do."""
        return self.engines * self.devices * self.wall_s / 3600


def plan(header: Header, pace: Pace, engines: Sequence[int]) -> Iterator[Planned]:
    """What a search takes on each of some numbers of engines.

    Limits that depend on what trials reach (`target`, `patience`) are left out, so the plan is the most that it takes.

    Args:
        header: says the job and the backbone's layers.
        pace: of one engine.
        engines: numbers of engines, each at least 1.
    """
    for count in engines:
        budget = _without_clock(header.job, pace, count)
        job = header.job.model_copy(update={"budget": budget})
        space = job.space.resolved(header.backbone.layers)
        curves = [made_up(space, seed, budget.reports_per_epoch) for seed in range(_DRAWS)]
        played = [_play(replace(header, job=job), curve, count, pace) for curve in curves]
        epochs = sorted(round(simulation.epochs) for simulation, _ in played)
        wall = pace.start_s + median(simulation.makespan for simulation, _ in played)
        trials = round(median(trials for _, trials in played))
        devices = job.resources.gpus_per_engine
        yield Planned(count, trials, round(median(epochs)), epochs[0], epochs[-1], wall, devices)


def stopping_early(header: Header, pace: Pace, engines: int) -> Planned | None:
    """What a search without early stopping would take with it; None where it has it, or cannot."""
    job = header.job
    budget = job.budget.model_copy(update={"stopping": Asha()})
    cannot = job.budget.sampler == "pbt" or "epochs" in job.space.parameters
    if job.budget.stops_early or not budget.rungs or cannot:
        return None
    (planned,) = plan(replace(header, job=job.model_copy(update={"budget": budget})), pace, [engines])
    return planned


def flattens_at(plans: Sequence[Planned]) -> int | None:
    """The number of engines from which on more of them hardly shorten a search; None if each of them still does."""
    for fewer, more in pairwise(plans):
        perfect = fewer.wall_s * (1 - fewer.engines / more.engines)
        if fewer.wall_s - more.wall_s < FLAT * perfect:
            return fewer.engines
    return None


def _without_clock(job: Job, pace: Pace, engines: int) -> Budget:
    """A job's budget as it is played: limits of time in epochs, and none that depends on what trials reach."""
    budget, devices = job.budget, engines * job.resources.gpus_per_engine
    hours = [budget.hours, None if budget.device_hours is None else budget.device_hours / devices]
    pace_s = pace.epoch_s(pace.slots) / (pace.slots * engines)
    bounds = [max(budget.epochs, math.floor(limit * 3600 / pace_s)) for limit in hours if limit is not None]
    bounds += [] if budget.epochs_total is None else [budget.epochs_total]
    taken = {"hours": None, "device_hours": None, "target": None, "patience": None}
    return budget.model_copy(
        update={**taken, "sampler": budget.quick_sampler, "epochs_total": min(bounds, default=None)}
    )


def _play(header: Header, curve: Curve, engines: int, pace: Pace) -> tuple[Simulation, int]:
    """One search in virtual time, and how many trials it had."""
    with TemporaryDirectory(prefix="ptune-plan-") as folder, closing(Journal(Path(folder) / JOURNAL)) as journal:
        conductor = Conductor(journal, [journal.append(header)])
        return play(conductor, curve, engines, pace), len(conductor.history.trials)


@dataclass
class _Running:
    """What a trial trains up to its next report."""

    turn: Turn
    engine: int
    number: int
    left: float
    """Epochs of its work that are still to be done."""


def play(conductor: Conductor, curve: Curve, engines: int, pace: Pace) -> Simulation:
    """Run a conductor's search to its end; turns go to the emptiest engine. Times are in seconds."""
    running: list[_Running] = []
    clock = busy = 0.0
    reports = 0
    budget = conductor.history.job.budget
    part = 1 / budget.reports_per_epoch
    while True:
        loads = [sum(trained.engine == engine for trained in running) for engine in range(engines)]
        while min(loads) < pace.slots and (turn := conductor.next_turn()) is not None:
            engine = loads.index(min(loads))
            loads[engine] += 1
            running.append(_Running(turn, engine, turn.epoch + 1, part))
        if not running:
            return Simulation(budget.in_epochs(reports), busy, clock)
        epoch_s = [pace.epoch_s(max(1, load)) for load in loads]
        passed = min(trained.left * epoch_s[trained.engine] for trained in running)
        clock += passed
        busy += passed * len(running)
        for trained in running:
            trained.left -= passed / epoch_s[trained.engine]
        ended = next(trained for trained in running if trained.left <= _DONE)  # the first that began
        running.remove(ended)
        reports += 1
        if report_epoch(conductor, curve, ended.turn, ended.number):
            running.append(_Running(ended.turn, ended.engine, ended.number + 1, part))
