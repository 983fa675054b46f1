"""How several objectives rank at a rung: each trial counts there as its place among those that have reached it."""

from __future__ import annotations

from ptune.record.front import Standing, by_spread
from ptune.searching.scheduler import Scheduler


class RungPlaces:
    """Tells a scheduler, which ranks numbers, how trials stand at its rungs.

    The metric alone is told as it is. Of several objectives, the front comes first, see `ptune.record.front.by_spread`,
    and what breaks a bound last. Every trial that arrives moves the others, so all of its rung are told anew.

    Args:
        scheduler: who is told; where the metric is not alone, it must only ask who is the best at a rung.
        alone: whether the metric alone counts.
    """

    def __init__(self, scheduler: Scheduler, *, alone: bool) -> None:
        self._scheduler = scheduler
        self._alone = alone
        self._reached: dict[int, dict[int, Standing]] = {}

    def record(self, trial: int, rung: int, standing: Standing) -> None:
        """Note how a trial stands at a rung that it has reached."""
        if self._alone:
            self._scheduler.record(trial, rung, standing.utilities[0])
            return
        self._reached.setdefault(rung, {})[trial] = standing
        self._tell(rung)

    def discard(self, trial: int) -> None:
        """Forget a trial that failed, or that a user has stopped, so that the next best moves up."""
        self._scheduler.discard(trial)
        for rung, reached in self._reached.items():
            if reached.pop(trial, None) is not None:
                self._tell(rung)

    def _tell(self, rung: int) -> None:
        for rank, number in enumerate(by_spread(self._reached[rung])):
            self._scheduler.record(number, rung, -float(rank))
