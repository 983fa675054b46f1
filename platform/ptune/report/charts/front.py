"""The front of several objectives: the metric against each of the others, what no other trial beats, and the knee."""

from __future__ import annotations

import altair as alt

from ptune.record.beside import besides
from ptune.record.history import History
from ptune.record.ranking import Front
from ptune.report.charts import theme
from ptune.report.charts.against import against, behind, in_front
from ptune.report.charts.encode import brushed, layered, tooltip
from ptune.report.charts.figure import Figure
from ptune.report.charts.table import beside_column
from ptune.report.wording import cost_heading, cost_text, plural, score_text
from ptune.spec.objectives import is_less_better

_TOLD = 8  # trials that the text for those who do not see the chart names
_WIDE = 20.0
"""How many times the least value the most is on a logarithmic axis, at least."""


def front_figures(history: History) -> list[Figure]:
    """A figure for each objective beside the metric in which the trials differ; none where the metric counts alone."""
    objectives, front = history.objectives, history.front
    if objectives is None or front is None:
        return []
    reached = besides(history)
    values = {
        name: [reached[trial.number].values.get(name) for trial in history.ranked()] for name in objectives.beside
    }
    known = {name: {value for value in column if value is not None} for name, column in values.items()}
    return [_figure(history, front, name, known[name]) for name in objectives.beside if len(known[name]) > 1]


def _figure(history: History, front: Front, name: str, values: set[float]) -> Figure:
    reached, metric = besides(history), history.objective.metric
    listed = "; ".join(
        f"trial {trial.number} with {score_text(trial.best_value)} and {cost_text(name, value)}"
        for trial in front.trials[:_TOLD]
        for value in [reached[trial.number].values.get(name)]
    )
    more = "; …" * (len(front.trials) > _TOLD)
    return Figure(
        name=f"front-{name}",
        title=f"By {cost_heading(name)}",
        alternative=f"{metric} on dev against {cost_heading(name)}. No other trial beats these "
        f"{plural(len(front.trials), 'trial')} in all objectives together: {listed}{more}. The knee is trial "
        f"{front.knee.number}.",
        chart=_chart(history, name, values),
    )


def _chart(history: History, name: str, values: set[float]) -> alt.LayerChart:
    wide = min(values) > 0 and max(values) > _WIDE * min(values)
    scale = alt.Scale(type="log" if wide else "linear", zero=False, padding=14, nice=False)
    better = " (less is better)" if is_less_better(name) else ""
    axis = alt.Axis(format=".2~%" if name.endswith("share") else "~s", tickCount=5)
    column = beside_column(name)
    x = alt.X(column, type="quantitative", title=f"{cost_heading(name)}{better}", scale=scale, axis=axis)
    told = [*tooltip(history), alt.Tooltip(f"{column}:Q", title=cost_heading(name), format=".4~g")]
    base = against(history, x, told)
    front = in_front(base, "datum.front && !datum.knee")
    knee = base.transform_filter("datum.knee").mark_point(
        filled=True, size=190, shape="square", color=theme.COMPLETE, style="around", opacity=1, strokeWidth=0.6
    )
    return layered(behind(base), front, knee).add_params(brushed()).properties(height=240)
