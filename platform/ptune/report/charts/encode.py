"""What the charts have in common: the metric's axis, the colours of trials, what a pointer tells, what is left lit."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from ptune.record.history import History
from ptune.record.objective import Objective
from ptune.report.charts import theme
from ptune.report.charts.axis import Axis
from ptune.report.charts.figure import Json
from ptune.report.charts.table import GROUPS, TRIALS, group_of

TRIALS_DATA = alt.NamedData(TRIALS)
BRUSHED = "brushed"
"""The signal of every chart that shows trials: the numbers of those that stay lit, or null for all."""
BRUSHED_TEST = f"{BRUSHED} == null || indexof({BRUSHED}, datum.trial) >= 0"
"""Whether the brushes leave a trial in."""
ONLY_TEST = "!length(data('only_store')) || vlSelectionTest('only_store', datum)"
"""Whether the legend leaves a trial in."""
_FEW_TICKS = 10
_COLOURS = dict(zip(GROUPS, (theme.BEST, theme.COMPLETE, theme.FAINT, theme.UNFINISHED), strict=True))


def metric_title(objective: Objective, prefix: str = "") -> str:
    """The metric over an axis, and whether less of it is better."""
    hint = "" if objective.is_better(1.0, 0.0) else " (less is better)"
    return f"{prefix}{objective.metric} on dev{hint}"


def whole_axis(first: int, last: int) -> alt.Axis:
    """An axis of whole numbers. A short one states its ticks, or layers that share it get some between them."""
    if last - first <= _FEW_TICKS:
        return alt.Axis(values=list(range(first, last + 1)), format="d", grid=False)
    return alt.Axis(tickMinStep=1, format="d", grid=False)


def epoch_axis(first: float, last: float) -> alt.Axis:
    """An axis of epochs, whole unless the first report lies within one."""
    return whole_axis(int(first), int(last)) if first >= 1 else alt.Axis(format="~g", grid=False)


def number_format(history: History) -> str:
    """How d3 writes the metric: four decimals, two for those that are no shares."""
    best = history.best
    return ".4f" if best is None or abs(best.best_value or 0.0) < 10 else ".2f"


def metric_y(
    history: History, field: str = "value", prefix: str = "best ", domain: Sequence[float] | None = None
) -> alt.Y:
    """The metric as the height, over a range or over what is drawn."""
    title = metric_title(history.objective, prefix)
    scale = alt.Scale(zero=False, nice=True) if domain is None else alt.Scale(zero=False, nice=True, domain=domain)
    axis = alt.Axis(format=".6~g")  # by itself, the axis of a single value rounds it to a whole number
    return alt.Y(field, type="quantitative", title=title, scale=scale, axis=axis)


def group_colour(history: History) -> alt.Color:
    """Trials by how they ended, with a legend that filters them."""
    ranked = history.ranked()
    present = {group_of(trial, best=index == 0) for index, trial in enumerate(ranked)}
    shown = [group for group in GROUPS if group in present]
    scale = alt.Scale(domain=shown, range=[_COLOURS[group] for group in shown])
    return alt.Color("group", type="nominal", scale=scale, title=None)


def metric_colour(history: History) -> alt.Color:
    """Trials by their result, the best in the warmest colour."""
    colours = theme.METRIC_SCALE if history.objective.direction == "maximize" else theme.METRIC_SCALE[::-1]
    scale = alt.Scale(range=list(colours), interpolate="lab")
    legend = alt.Legend(orient="right", gradientLength=180, title=history.objective.metric)
    return alt.Color("value:Q", scale=scale, legend=legend)


def parameter_x(axis: Axis) -> alt.X:
    """A searched parameter across."""
    if not axis.numeric:
        return alt.X(axis.field, type="nominal", title=axis.title, sort=list(axis.words), axis=alt.Axis(labelAngle=0))
    return alt.X(axis.field, type="quantitative", title=axis.title, scale=_scale(axis), axis=_numbers(axis))


def parameter_y(axis: Axis) -> alt.Y:
    """A searched parameter upwards."""
    if not axis.numeric:
        return alt.Y(axis.field, type="nominal", title=axis.title, sort=list(axis.words))
    return alt.Y(axis.field, type="quantitative", title=axis.title, scale=_scale(axis), axis=_numbers(axis))


def tooltip(history: History, axes: Sequence[Axis] = ()) -> list[alt.Tooltip]:
    """What a pointer over a trial tells."""
    told = [
        alt.Tooltip("trial", type="nominal", title="trial"),
        alt.Tooltip(
            "value", type="quantitative", title=f"best {history.objective.metric}", format=number_format(history)
        ),
        alt.Tooltip("best_epoch", type="quantitative", title="in epoch"),
        alt.Tooltip("label", type="nominal", title="configuration"),
        alt.Tooltip("group", type="nominal", title="status"),
    ]
    return told + [alt.Tooltip(axis.field, type="nominal", title=axis.title) for axis in axes]


def spoken(history: History) -> str:
    """An expression for what a screen reader says of a trial."""
    result = f"'{history.objective.metric} ' + format(datum.value, '{number_format(history)}')"
    return f"'trial ' + datum.trial + ': ' + {result} + ', ' + datum.label"


def brushed() -> alt.Parameter:
    """The signal that says which trials stay lit."""
    return alt.param(name=BRUSHED, value=None)


def only_groups() -> alt.Parameter:
    """A legend that filters trials by how they ended."""
    return alt.selection_point(name="only", fields=["group"], bind="legend")


def lit(shown: float, *others: str) -> Json:
    """Opacity of a trial's fill or stroke: full where everything that may hide trials leaves it in."""
    tests = [BRUSHED_TEST, *others]
    return alt.condition(" && ".join(f"({test})" for test in tests), alt.value(shown), alt.value(0.06))


ASIDE = alt.Scale(domain=[-1.6, 1.6])
"""The room of a word on its axis, of which trials take the middle."""


def aside(share: float) -> str:
    """A small, fixed displacement from -1 to 1, so that trials with the same word do not hide each other."""
    return f"(datum.trial * {share}) % 1 * 2 - 1"


def layered(*charts: alt.Chart) -> alt.LayerChart:
    """Charts on top of each other, the last on top."""
    return alt.LayerChart(layer=list(charts))


def inline(rows: Sequence[Json]) -> alt.InlineData:
    """A few rows of a chart's own."""
    return alt.InlineData(values=[dict(row) for row in rows])


def _scale(axis: Axis) -> alt.Scale:
    kind = alt.Scale(type="log") if axis.log else alt.Scale(zero=False, nice=False)
    kind.domain = [axis.low, axis.high]
    kind.padding = 8
    return kind


def _numbers(axis: Axis) -> alt.Axis:
    """Ticks where the parallel coordinates have them, too."""
    small = "datum.value > 0 && datum.value < 0.001"
    return alt.Axis(
        values=axis.values(), labelExpr=f"{small} ? format(datum.value, '.2~e') : format(datum.value, '.3~r')"
    )
