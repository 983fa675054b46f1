"""What a result costs: the metric against trainable parameters and against seconds, and the trials that lead."""

from __future__ import annotations

import altair as alt

from ptune.record.history import History
from ptune.report.charts import theme
from ptune.report.charts.encode import TRIALS_DATA, brushed, layered, lit, metric_y, tooltip
from ptune.report.charts.figure import Figure
from ptune.report.charts.table import parameters_of, pareto_front, seconds_of
from ptune.report.wording import count, duration, plural, score_text

_WORDS = {"parameters": "trainable parameters", "seconds": "seconds of training"}


def pareto(history: History) -> list[Figure]:
    """The figures of a search with a result: by trainable parameters, if trials report them, and by seconds."""
    ranked = history.ranked()
    sizes = {parameters_of(trial) for trial in ranked}
    times = {seconds_of(trial) for trial in ranked}
    found = []
    if None not in sizes and len(sizes) > 1:
        found.append(
            _figure(history, "parameters", log=max(map(_number, sizes)) > 10 * max(1.0, min(map(_number, sizes))))
        )
    if len(times) > 1:
        found.append(_figure(history, "seconds", log=min(times) > 0 and max(times) > 20 * min(times)))
    return found


def _number(value: float | None) -> float:
    return value or 0.0


def _figure(history: History, field: str, *, log: bool) -> Figure:
    front = pareto_front(history)
    listed = "; ".join(
        f"trial {trial.number} with {score_text(trial.best_value)}, {count(parameters_of(trial))} parameters and "
        f"{duration(seconds_of(trial))}"
        for trial in front[:8]
    )
    return Figure(
        name=f"pareto-{field}",
        title=f"By {_WORDS[field]}",
        alternative=f"{history.objective.metric} on dev against {_WORDS[field]}. No other trial beats these "
        f"{plural(len(front), 'trial')} in result, size and time together: {listed}{'; …' if len(front) > 8 else ''}.",
        chart=_chart(history, field, log=log),
    )


def _chart(history: History, field: str, *, log: bool) -> alt.LayerChart:
    scale = alt.Scale(
        type="symlog" if log and field == "parameters" else "log" if log else "linear", zero=False, padding=10
    )
    axis = alt.Axis(format="~s", tickCount=5) if field == "parameters" else alt.Axis(format="~g", tickCount=5)
    x = alt.X(field, type="quantitative", title=_WORDS[field], scale=scale, axis=axis)
    told = [
        *tooltip(history),
        alt.Tooltip("parameters", type="quantitative", title="trainable parameters", format=","),
        alt.Tooltip("seconds", type="quantitative", title="seconds", format=".1f"),
    ]
    base = alt.Chart(TRIALS_DATA).encode(x=x, y=metric_y(history, prefix=""), opacity=lit(0.85), tooltip=told)
    others = base.transform_filter("!datum.front").mark_point(
        filled=True, size=30, color=theme.FAINT, style="around", strokeWidth=0.5
    )
    front = base.transform_filter("datum.front").mark_point(
        filled=True, size=90, shape="diamond", color=theme.BEST, style="around", strokeWidth=0.6
    )
    return layered(others, front).add_params(brushed())
