"""One of the searches that stand side by side. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from ptune.record.beside import front_json
from ptune.record.history import History
from ptune.record.spread import Spread
from ptune.report.findings import Findings
from ptune.report.leaderboard import TrialRow

_LEADERS = 5


@dataclass(frozen=True)
class Side:
    """One of the searches."""

    report: Findings
    history: History

    @property
    def name(self) -> str:
        """The search's name."""
        return self.report.name

    @property
    def best_value(self) -> float | None:
        """The best value of its metric on dev."""
        return self.report.best_value

    @property
    def dev_error(self) -> float | None:
        """The standard error of that value, where it is known."""
        return self.report.standard_error

    @property
    def test_value(self) -> float | None:
        """What the exported prompt scores on test."""
        return (self.report.test or {}).get(self.report.metric)

    @property
    def confirmed(self) -> Spread | None:
        """What the search's best configuration reaches on dev on fresh seeds."""
        confirmation = self.report.confirmation
        return None if confirmation is None else confirmation.configurations[0].dev

    @property
    def confirmed_test(self) -> Spread | None:
        """What it reaches on test."""
        confirmation = self.report.confirmation
        return None if confirmation is None else confirmation.configurations[0].test

    @property
    def leaders(self) -> Sequence[TrialRow]:
        """The first trials of its leaderboard."""
        return [row for row in self.report.leaderboard if row.rank is not None][:_LEADERS]

    @property
    def front(self) -> Sequence[TrialRow]:
        """The trials that no other one beats, the best in the metric first; none where the metric counts alone."""
        front, rows = self.history.front, {row.trial: row for row in self.report.leaderboard}
        return [] if front is None else [rows[number] for number in front.numbers]

    def to_json(self) -> Mapping[str, object]:
        """The search as one JSON object, with the first trials of its leaderboard."""
        report = self.report
        return {
            "name": report.name,
            "state": report.state,
            "metric": report.metric,
            "backbone": report.backbone,
            "epochs": self.history.job.budget.epochs,
            "trials": report.trials,
            "planned": report.planned,
            "best": None if report.best is None else vars(report.best),
            "standard_error": self.dev_error,
            "test": report.test,
            "confirmed": {"dev": _plain(self.confirmed), "test": _plain(self.confirmed_test)},
            "leaderboard": [row.to_json(report.metric) for row in self.leaders],
            **({} if (front := front_json(self.history)) is None else {"front": front}),
        }


def _plain(spread: Spread | None) -> Mapping[str, object] | None:
    return None if spread is None else asdict(spread)
