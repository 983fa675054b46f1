"""What a result costs: the metric against trainable parameters and against seconds, and which trials no other beats."""

from __future__ import annotations

from collections.abc import Iterable

import altair as alt

from ptune.record.history import History
from ptune.report.charts.against import against, behind, in_front
from ptune.report.charts.encode import brushed, layered, tooltip
from ptune.report.charts.figure import Figure
from ptune.report.charts.front import front_figures
from ptune.report.charts.table import parameters_of, pareto_front, seconds_of
from ptune.report.wording import count, duration, plural, score_text

_WORDS = {"parameters": "trainable parameters", "seconds": "seconds of training"}
_TOLD = 8  # trials that the text for those who do not see the chart names
_WIDE = 20.0
"""How many times the least cost the most is on a logarithmic axis, at least."""


def pareto(history: History) -> list[Figure]:
    """The figures of a search with a result: by trainable parameters, if trials report them, and by seconds.

    Where a job names its objectives, they are those of `ptune.report.charts.front`.
    """
    if history.front is not None:
        return front_figures(history)
    ranked = history.ranked()
    sizes = {parameters_of(trial) for trial in ranked}
    known = {size for size in sizes if size is not None}
    times = {seconds_of(trial) for trial in ranked}
    figures = []
    if len(sizes) == len(known) > 1:
        figures.append(_figure(history, "parameters", log=_is_wide(known)))
    if len(times) > 1:
        figures.append(_figure(history, "seconds", log=_is_wide(times)))
    return figures


def _is_wide(costs: Iterable[float]) -> bool:
    ordered = sorted(costs)
    return ordered[0] > 0 and ordered[-1] > _WIDE * ordered[0]


def _figure(history: History, field: str, *, log: bool) -> Figure:
    front = pareto_front(history)
    listed = "; ".join(
        f"trial {trial.number} with {score_text(trial.best_value)}, {count(parameters_of(trial))} parameters and "
        f"{duration(seconds_of(trial))}"
        for trial in front[:_TOLD]
    )
    return Figure(
        name=f"pareto-{field}",
        title=f"By {_WORDS[field]}",
        alternative=f"{history.objective.metric} on dev against {_WORDS[field]}. No other trial beats these "
        f"{plural(len(front), 'trial')} in result, size and time together: {listed}{'; …' * (len(front) > _TOLD)}.",
        chart=_chart(history, field, log=log),
    )


def _chart(history: History, field: str, *, log: bool) -> alt.LayerChart:
    scale = alt.Scale(type="log" if log else "linear", zero=False, padding=10, nice=False)
    axis = alt.Axis(format="~s" if field == "parameters" else "~g", tickCount=5)
    x = alt.X(field, type="quantitative", title=_WORDS[field], scale=scale, axis=axis)
    told = [
        *tooltip(history),
        alt.Tooltip("parameters:Q", title="trainable parameters", format=","),
        alt.Tooltip("seconds:Q", title="seconds", format=".1f"),
    ]
    base = against(history, x, told)
    return layered(behind(base), in_front(base)).add_params(brushed()).properties(height=240)
