"""What the search took: epochs trained, and what early stopping saved against training every trial to its horizon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from ptune.record.history import History
from ptune.report.charts import theme
from ptune.report.charts.encode import inline
from ptune.report.charts.figure import Figure
from ptune.report.charts.table import seconds_of
from ptune.report.wording import plural

_HEIGHT = 180


@dataclass(frozen=True)
class Cost:
    """Epochs and time of a search."""

    epochs: float
    """Trained, over all trials."""
    full: float
    """What they would be had every trial that has begun trained to its horizon."""
    saved: float
    """Epochs that trials were spared which early stopping ended."""
    slot_seconds: float
    """Time that trials held a slot, over all of them; those that train together count each."""
    wall_seconds: float
    """From the first event to the last, without the time between an interruption and going on."""
    engines: int | None
    """How many engines the job asks for; None where the machine decides."""

    @property
    def device_seconds(self) -> float | None:
        """Time on devices; None where their number is not known."""
        return None if self.engines is None else self.wall_seconds * self.engines

    @property
    def saved_share(self) -> float:
        """Saved epochs as a share of what training all to the horizon takes."""
        return self.saved / self.full if self.full else 0.0


def cost_of(history: History) -> Cost:
    """What a search has taken so far."""
    in_epochs = history.job.budget.in_epochs
    begun = [trial for trial in history.trials.values() if trial.epoch or trial.status != "waiting"]
    return Cost(
        epochs=in_epochs(sum(trial.epoch for trial in begun)),
        full=in_epochs(sum(history.horizon(trial) for trial in begun)),
        saved=in_epochs(sum(history.horizon(trial) - trial.epoch for trial in begun if trial.status == "stopped")),
        slot_seconds=sum(map(seconds_of, begun)),
        wall_seconds=history.worked_s,
        engines=asked if isinstance(asked := history.job.resources.engines, int) else None,
    )


@dataclass(frozen=True)
class EpochCount:
    """How many trials trained up to some report, and how many were spared it."""

    epoch: float
    trained: int
    spared: int


def by_epoch(history: History) -> list[EpochCount]:
    """Report by report up to the horizon, over all trials."""
    trials = list(history.trials.values())
    return [
        EpochCount(
            history.job.budget.in_epochs(report),
            trained=sum(trial.epoch >= report for trial in trials),
            spared=sum(
                trial.status == "stopped" and trial.epoch < report <= history.horizon(trial) for trial in trials
            ),
        )
        for report in range(1, max(map(history.horizon, trials)) + 1)
    ]


def cost(history: History) -> Figure:
    """The figure of a search with early stopping."""
    spent = cost_of(history)
    return Figure(
        name="cost",
        title="Epochs trained and saved",
        alternative=f"{plural(spent.epochs, 'epoch')} trained; early stopping saved {spent.saved} of {spent.full}, "
        f"{spent.saved_share:.0%} of training every trial to its horizon.",
        chart=_chart(by_epoch(history)),
        caption="For each epoch, how many trials trained it, and how many early stopping had ended before.",
    )


def _chart(counts: Sequence[EpochCount]) -> alt.Chart:
    rows = [
        {"epoch": row.epoch, "trials": number, "what": what}
        for row in counts
        for what, number in (("trained", row.trained), ("saved", row.spared))
    ]
    scale = alt.Scale(domain=["trained", "saved"], range=[theme.COMPLETE, theme.FAINT])
    apart = alt.Scale(paddingInner=0.15 if len(counts) <= 24 else 0.05)
    bars: alt.Chart = (
        alt.Chart(inline(rows))
        .mark_bar()
        .encode(
            x=alt.X("epoch:O", title="epoch", axis=alt.Axis(labelAngle=0, labelOverlap=True), scale=apart),
            y=alt.Y("trials:Q", title="trials", axis=alt.Axis(tickMinStep=1, format="d", tickCount=5)),
            color=alt.Color("what:N", scale=scale, title=None),
            opacity=alt.condition("datum.what == 'trained'", alt.value(1), alt.value(0.45)),
            order=alt.Order("what:N", sort="descending"),
            tooltip=["epoch:O", "what:N", "trials:Q"],
        )
        .properties(height=_HEIGHT)
    )
    return bars
