"""The two parameters that mattered most, against each other.

No contour is drawn. Between the trials it would show values that nobody has measured, and a sampler leaves most of the
plane empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt

from ptune.record.history import History
from ptune.record.repetition import REPEATING
from ptune.report.charts import theme
from ptune.report.charts.axis import Axis
from ptune.report.charts.encode import (
    ASIDE,
    TRIALS_DATA,
    aside,
    brushed,
    layered,
    lit,
    metric_colour,
    metric_y,
    parameter_x,
    parameter_y,
    spoken,
    tooltip,
)
from ptune.report.charts.figure import Figure
from ptune.report.wording import plural, result_text


def most_important(axes: Sequence[Axis], shares: Mapping[str, float]) -> list[Axis]:
    """The two parameters that mattered most, or the first two; which data and which seed only where nothing else is."""
    known = list(shares)

    def rank(axis: Axis) -> tuple[bool, int]:
        return axis.name in REPEATING, known.index(axis.name) if axis.name in shares else len(known)

    return sorted(axes, key=rank)[:2]


def landscape(history: History, axes: Sequence[Axis]) -> Figure:
    """The figure of one or two parameters."""
    names = " and ".join(axis.title for axis in axes)
    having = [t for t in history.ranked() if all(t.config.get(axis.name) is not None for axis in axes)]
    without = len(history.ranked()) - len(having)
    best = having[0] if having else None
    place = "" if best is None else ", ".join(f"{axis.title} {_said(best.config[axis.name])}" for axis in axes)
    return Figure(
        name="landscape",
        title=f"By {names}",
        alternative=f"{plural(len(having), 'trial')} by {names}. "
        + (f"The best of them, {result_text(best.best_value, best.dev_examples)}, lies at {place}." if best else ""),
        chart=landscape_chart(history, axes),
        caption="The two parameters that mattered most. The best trial has a ring."
        + (
            f" {plural(without, 'trial')} without one of them {'is' if without == 1 else 'are'} left out."
            if without
            else ""
        ),
    )


def landscape_chart(history: History, axes: Sequence[Axis]) -> alt.LayerChart:
    """The chart alone: two parameters and the colour of the result, or one parameter and the result as height."""
    there = " && ".join(f"datum.{axis.field} != null" for axis in axes)
    many = len(history.ranked()) >= 300
    dots = alt.Chart(TRIALS_DATA).transform_calculate(spoken=spoken(history)).transform_filter(there)
    up = parameter_y(axes[1]) if len(axes) == 2 else metric_y(history)
    dots = dots.encode(x=parameter_x(axes[0]), y=up)
    if not axes[0].numeric:
        dots = dots.transform_calculate(across=aside(0.618034)).encode(xOffset=alt.XOffset("across:Q", scale=ASIDE))
    if len(axes) == 2 and not axes[1].numeric:
        dots = dots.transform_calculate(upwards=aside(0.754878)).encode(yOffset=alt.YOffset("upwards:Q", scale=ASIDE))
    points = dots.mark_point(filled=True, size=30 if many else 70, style="around", opacity=1, strokeWidth=0.6).encode(
        color=metric_colour(history),
        fillOpacity=lit(0.95),
        order=alt.Order("rank:Q", sort="descending"),
        tooltip=tooltip(history, axes),
        description="spoken:N",
    )
    ring = dots.transform_filter("datum.rank == 1").mark_point(size=230, strokeWidth=2.4, color=theme.BEST, aria=False)
    return layered(points, ring).add_params(brushed())


def _said(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
