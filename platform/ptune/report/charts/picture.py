"""The picture of a search: learning curves beside the two parameters that mattered most. As PNG, on white."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt

from ptune.record.history import History
from ptune.record.wording import described
from ptune.report.charts.axis import searched_axes
from ptune.report.charts.curves import curves_chart
from ptune.report.charts.draw import as_png
from ptune.report.charts.landscape import landscape_chart, most_important
from ptune.report.charts.table import CURVES, TRIALS, tables
from ptune.report.wording import result_text

_LEFT, _RIGHT, _HEIGHT = 560, 420, 380


def picture(history: History, shares: Mapping[str, float]) -> bytes:
    """The picture as PNG.

    Args:
        history: a search with a result.
        shares: each parameter's share; the two largest are drawn. Empty: the first two that vary.
    """
    axes = searched_axes(history)
    data = tables(history, axes)
    some = "" if data.drawn == len(data.trials) else f"{data.drawn} of {len(data.trials)} "
    charts = [curves_chart(history, still=True).properties(width=_LEFT, height=_HEIGHT, title=f"{some}learning curves")]
    main = most_important(axes, shares)
    if main:
        title = f"trials by {' and '.join(axis.title for axis in main)}"
        charts.append(landscape_chart(history, main).properties(width=_RIGHT, height=_HEIGHT, title=title))
    both = alt.hconcat(*charts, spacing=36, title=_title(history)).resolve_scale(color="independent")
    return as_png(both, {TRIALS: data.trials, CURVES: data.curves})


def _title(history: History) -> alt.TitleParams:
    best = history.ranked()[0]
    config = described(best.config, history.header.varied, best.inherited)
    value = f"{result_text(best.best_value, best.dev_examples)} {history.objective.metric}"
    words = f"best {value}, trial {best.number}{config and ' · ' + config}"
    return alt.TitleParams(history.header.name, subtitle=words, fontSize=16, offset=14)
