"""The optimisation history: every trial in the order of its proposal, and the best result so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from ptune.record.history import History
from ptune.report.charts import theme
from ptune.report.charts.encode import (
    ONLY_TEST,
    TRIALS_DATA,
    brushed,
    group_colour,
    inline,
    layered,
    lit,
    metric_y,
    only_groups,
    spoken,
    tooltip,
    whole_axis,
)
from ptune.report.charts.figure import Figure
from ptune.report.wording import score_text


@dataclass(frozen=True)
class Step:
    """A trial that was better than all before it; with folds, the last trial of a configuration whose mean was."""

    trial: int
    value: float


def steps(history: History) -> list[Step]:
    """The trials that were better than all before them, in the order of their proposal.

    With folds, a configuration counts by the mean of its folds, once it has all of them. The best one counts anyway.
    """
    found: list[Step] = []
    for step in sorted(_results(history), key=lambda step: step.trial):
        if not found or history.objective.is_better(step.value, found[-1].value):
            found.append(step)
    return found


def _results(history: History) -> list[Step]:
    """What a search has tried: its trials; with folds, its configurations."""
    folds = history.job.task.folds
    if folds == 1:
        compared = history.compared()
        return [Step(trial.number, trial.best_value) for trial in compared if trial.best_value is not None]
    configurations = history.configurations()
    whole = [group for group in configurations if len(group.trials) >= folds] or configurations[:1]
    return [Step(max(trial.number for trial in group.trials), group.spread.mean) for group in whole]


def best_so_far(history: History) -> Figure:
    """The figure of a search that has a result."""
    found = steps(history)
    last = max(history.trials)
    first, best = found[0], found[-1]
    mean = "mean over the folds of " if history.job.task.folds > 1 else ""
    each = " Each is one fold of a configuration, and the line is the best mean of all folds." if mean else ""
    gained = f"from {score_text(first.value)} in trial {first.trial} to {score_text(best.value)} in trial {best.trial}"
    moved = "rose" if history.objective.direction == "maximize" else "fell"
    behind = last - best.trial
    since = f" None of the {behind} trials after it was better." if behind > 1 else ""
    return Figure(
        name="history",
        title="Best so far",
        alternative=f"The best {mean}{history.objective.metric} on dev {moved} {gained}.{since}",
        chart=_chart(history, found, last),
        caption="Each point is a trial, in the order of its proposal." + each + since,
    )


def _chart(history: History, found: Sequence[Step], last: int) -> alt.LayerChart:
    number = alt.X(
        "trial",
        type="quantitative",
        title="trial",
        axis=whole_axis(0, last),
        scale=alt.Scale(padding=8, nice=False),
    )
    points = (
        alt.Chart(TRIALS_DATA)
        .transform_calculate(spoken=spoken(history))
        .mark_point(
            filled=True, size=46 if len(history.trials) < 200 else 22, style="around", opacity=1, strokeWidth=0.6
        )
        .encode(
            x=number,
            y=metric_y(history),
            color=group_colour(history),
            fillOpacity=lit(0.9, ONLY_TEST),
            tooltip=tooltip(history),
            description="spoken:N",
        )
        .add_params(only_groups())
    )
    ends: Sequence[Step] = [*found, Step(last, found[-1].value)]
    line = (
        alt.Chart(inline([{"trial": step.trial, "best": step.value} for step in ends]))
        .mark_line(interpolate="step-after", color=theme.BEST, strokeWidth=1.8)
        .encode(x="trial:Q", y=alt.Y("best:Q"))
    )
    return layered(line, points).add_params(brushed())
