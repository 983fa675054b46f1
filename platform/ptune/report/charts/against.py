"""What charts of a front have in common: trials by the metric against something else, and the front among them."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from ptune.record.history import History
from ptune.report.charts import theme
from ptune.report.charts.encode import TRIALS_DATA, lit, metric_y, spoken


def against(history: History, x: alt.X, told: Sequence[alt.Tooltip]) -> alt.Chart:
    """All trials by the metric against `x`, without a mark; `told` is what a pointer reads."""
    base: alt.Chart = (
        alt.Chart(TRIALS_DATA)
        .transform_calculate(spoken=spoken(history))
        .encode(x=x, y=metric_y(history, prefix=""), fillOpacity=lit(0.85), tooltip=told, description="spoken:N")
    )
    return base


def behind(base: alt.Chart) -> alt.Chart:
    """The trials that another one beats: small and faint."""
    marks: alt.Chart = base.transform_filter("!datum.front").mark_point(
        filled=True, size=34, color=theme.FAINT, style="around", opacity=1, strokeWidth=0.5
    )
    return marks


def in_front(base: alt.Chart, which: str = "datum.front") -> alt.Chart:
    """The trials of the front, or some of them: diamonds."""
    marks: alt.Chart = base.transform_filter(which).mark_point(
        filled=True, size=100, shape="diamond", color=theme.BEST, style="around", opacity=1, strokeWidth=0.6
    )
    return marks
