"""Slices: the result of every trial by one searched parameter."""

from __future__ import annotations

import altair as alt

from ptune.record.history import History
from ptune.report.charts.axis import Axis
from ptune.report.charts.encode import (
    ASIDE,
    TRIALS_DATA,
    aside,
    brushed,
    group_colour,
    lit,
    metric_y,
    parameter_x,
    spoken,
    tooltip,
)
from ptune.report.charts.figure import Figure
from ptune.report.wording import plural

_HEIGHT = 210


def slice_of(history: History, axis: Axis) -> Figure:
    """The figure of one parameter."""
    ranked = history.ranked()
    have = [trial for trial in ranked if trial.config.get(axis.name) is not None]
    without = len(ranked) - len(have)
    best = have[0].config[axis.name] if have else None
    place = (
        f"The best of them has {axis.title} {best:.3g}."
        if isinstance(best, float)
        else f"The best of them has {axis.title} {best}."
    )
    return Figure(
        name=f"slice-{axis.name}",
        title=axis.title,
        alternative=f"{history.objective.metric} on dev by {axis.title}, of {plural(len(have), 'trial')}. {place}",
        chart=_chart(history, axis),
        caption=f"{plural(without, 'trial')} without it." if without else "",
    )


def _chart(history: History, axis: Axis) -> alt.Chart:
    many = len(history.trials) >= 200
    values = [trial.best_value or 0.0 for trial in history.ranked()]
    encoded: alt.Chart = (
        alt.Chart(TRIALS_DATA)
        .transform_calculate(spoken=spoken(history))
        .transform_filter(f"datum.{axis.field} != null")
        .mark_point(filled=True, size=20 if many else 52, style="around", opacity=1, strokeWidth=0.5)
        .encode(
            x=parameter_x(axis),
            y=metric_y(history, prefix="", domain=[min(values), max(values)]),
            color=group_colour(history).legend(None),
            fillOpacity=lit(0.85),
            order=alt.Order("rank:Q", sort="descending"),
            tooltip=tooltip(history, [axis]),
            description="spoken:N",
        )
    )
    if not axis.numeric:
        encoded = encoded.transform_calculate(aside=aside(0.618034)).encode(xOffset=alt.XOffset("aside:Q", scale=ASIDE))
    encoded = encoded.properties(height=_HEIGHT)
    return encoded.add_params(brushed())
