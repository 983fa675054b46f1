"""The best trials of several searches: their learning curves in one chart."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt

from ptune.record.dev_part import examples_of_part
from ptune.record.history import History
from ptune.record.wording import described
from ptune.report.charts import theme
from ptune.report.charts.encode import inline, layered, metric_title, whole_axis
from ptune.report.charts.figure import Figure
from ptune.report.wording import mean_of_epochs, of_dev, result_text

_COLOURS = (theme.COMPLETE, theme.BEST, theme.HEAD, theme.UNFINISHED, theme.FAINT)
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 1])


def best_curves(searches: Mapping[str, History]) -> Figure | None:
    """The figure of searches in one metric, by name; None if none of them has a result."""
    curves = [_rows(name, history) for name, history in searches.items()]
    rows = [row for curve in curves for row in curve]
    if not rows:
        return None
    leading = [
        f"{name}: trial {best.number} reaches {result_text(best.best_value, best.dev_examples)} in epoch "
        f"{best.kept_epoch}{mean_of_epochs(best.counted_epochs)}"
        for name, history in searches.items()
        if (best := history.best) is not None
    ]
    objective = next(iter(searches.values())).objective
    return Figure(
        name="curves",
        title="Curves of the best",
        alternative=f"{objective.metric} on dev of each search's best trial over its epochs. {'; '.join(leading)}.",
        chart=_chart(list(searches), rows, metric_title(objective), max(map(len, curves))),
        caption="Each search's best trial. Point at a curve to read it.",
    )


def _rows(name: str, history: History) -> list[dict[str, str | int | float]]:
    best, metric = history.best, history.objective.metric
    if best is None:
        return []
    words = f"trial {best.number}: {described(best.config, history.header.varied, best.inherited)}"
    return [
        {
            "search": name,
            "epoch": best.in_epochs(number),
            "score": report[metric],
            "configuration": words + of_dev(examples_of_part(report)),
        }
        for number, report in enumerate(best.reports, 1)
    ]


def _chart(names: list[str], rows: list[dict[str, str | int | float]], title: str, last: int) -> alt.LayerChart:
    colours = [_COLOURS[index % len(_COLOURS)] for index in range(len(names))]
    dashes = [_DASHES[index // len(_COLOURS) % len(_DASHES)] for index in range(len(names))]
    base = alt.Chart(inline(rows)).encode(
        x=alt.X("epoch:Q", axis=whole_axis(1, last), scale=alt.Scale(nice=False)),
        y=alt.Y("score:Q", title=title, scale=alt.Scale(zero=False, nice=True)),
        color=alt.Color("search:N", title=None, scale=alt.Scale(domain=names, range=colours)),
    )
    lines = base.mark_line(strokeWidth=2.4).encode(
        strokeDash=alt.StrokeDash("search:N", title=None, scale=alt.Scale(domain=names, range=dashes))
    )
    told = [alt.Tooltip("search:N"), alt.Tooltip("epoch:Q"), alt.Tooltip("score:Q", format=".4f", title="score")]
    points = base.mark_point(filled=True, size=40, opacity=1).encode(
        shape=alt.Shape("search:N", title=None, scale=alt.Scale(domain=names)),
        tooltip=[*told, alt.Tooltip("configuration:N")],
    )
    return layered(lines, points)
