"""A search without training: learning curves played in virtual time against a real conductor.

Serves plans, benchmarks and tests. The conductor, its journal and every decision are the ones of a real search; only
the engine is replaced, by a function from configuration and epoch to the metric. Knows neither torch nor ray.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

from ptune.errors import PtuneError
from ptune.record.events import Metrics
from ptune.searching.conductor import Conductor
from ptune.searching.turn import Turn
from ptune.spec.trial import Config

Curve = Callable[[Config, int], float | Metrics]
"""What a configuration reports as its first, second, ... report, or the metric alone, as a share of which the loss is
what lacks. It may raise a PtuneError, which fails that trial."""
Cost = Callable[[Config], float]
"""What one epoch of a configuration takes, in any unit of time."""


@dataclass(frozen=True)
class Simulation:
    """What a simulated search took, in epochs and in the unit of its cost function."""

    epochs: float
    """Epochs trained, over all trials."""
    busy: float
    """Time summed over all slots."""
    makespan: float
    """Time from the first start to the last report."""


def simulate(conductor: Conductor, curve: Curve, slots: int, cost: Cost = lambda _: 1.0) -> Simulation:
    """Run a conductor's search to its end on `slots` slots; every epoch takes `cost(config)`.

    Deterministic: epochs that end at the same time are reported in the order in which they began.
    """
    running: list[tuple[float, int, Turn, int]] = []  # end of the epoch, order of its start, turn, epoch
    begun = 0
    clock = busy = 0.0
    while True:
        while len(running) < slots and (turn := conductor.next_turn()) is not None:
            begun += 1
            heapq.heappush(running, (clock + cost(turn.config), begun, turn, turn.epoch + 1))
        if not running:
            return Simulation(epochs=conductor.history.job.budget.in_epochs(begun), busy=busy, makespan=clock)
        clock, _, turn, epoch = heapq.heappop(running)
        busy += cost(turn.config)
        if report_epoch(conductor, curve, turn, epoch):
            begun += 1
            heapq.heappush(running, (clock + cost(turn.config), begun, turn, epoch + 1))


def report_epoch(conductor: Conductor, curve: Curve, turn: Turn, epoch: int) -> bool:
    """Report one epoch; return whether the turn goes on."""
    try:
        value = curve(turn.config, epoch)
    except PtuneError as error:
        conductor.fail(turn.trial, str(error))
        return False
    if isinstance(value, float):
        metrics: Metrics = {"loss": 1.0 - value} | {conductor.history.objective.metric: value}
    else:
        metrics = value
    state = f"trials/{turn.trial:04d}/state.safetensors"
    return conductor.report(turn.trial, epoch, metrics, state) == "continue"
