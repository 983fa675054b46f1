"""What the search said of its best configurations, beside what fresh seeds say."""

from __future__ import annotations

import altair as alt

from ptune.record.spread import Spread
from ptune.record.wording import described
from ptune.report.charts import theme
from ptune.report.charts.encode import inline, layered
from ptune.report.charts.figure import Figure, Json
from ptune.report.wording import spread_text
from ptune.run.confirm import Confirmation

_KINDS = ["fresh seeds, test", "fresh seeds, dev", "search, dev"]


def confirmed(confirmation: Confirmation) -> Figure:
    """The figure of a confirmation with a result."""
    first = confirmation.configurations[0]
    return Figure(
        name="confirmed",
        title="Search and confirmation",
        alternative=f"The best configuration of the search scores {spread_text(first.test)} on test and "
        f"{spread_text(first.dev)} on dev, on fresh seeds. In the search, it had {spread_text(first.search)} on dev.",
        chart=_chart(confirmation),
        caption="Mean and standard deviation over fresh seeds. Nothing was chosen by the scores on test.",
        least_width=560,
    )


def _chart(confirmation: Confirmation) -> alt.LayerChart:
    rows: list[Json] = []
    for rank, row in enumerate(confirmation.configurations, 1):
        words = f"{rank}. {described(row.config, confirmation.searched)}"
        for kind, spread in zip(_KINDS, (row.test, row.dev, row.search), strict=True):
            if spread is not None:
                rows.append(_row(words, kind, spread))
    scale = alt.Scale(domain=_KINDS, range=[theme.BEST, theme.COMPLETE, theme.FAINT])
    shapes = alt.Scale(domain=_KINDS, range=["square", "circle", "diamond"])
    y = alt.Y(
        "configuration:N", sort=None, title=None, axis=alt.Axis(labelLimit=260, ticks=False, domain=False, grid=True)
    )
    aside = alt.YOffset("kind:N", sort=_KINDS)
    base = alt.Chart(inline(rows)).encode(y=y, yOffset=aside, color=alt.Color("kind:N", scale=scale, title=None))
    told = ["configuration:N", "kind:N", alt.Tooltip("words:N", title=confirmation.metric), "trials:Q"]
    range_x = alt.X("low:Q", title=confirmation.metric, scale=alt.Scale(zero=False))
    bars = base.mark_rule(strokeWidth=2).encode(x=range_x, x2="high:Q", tooltip=told)
    points = base.mark_point(filled=True, size=80, style="around", opacity=1).encode(
        x="mean:Q", shape=alt.Shape("kind:N", scale=shapes, title=None), tooltip=told
    )
    return layered(bars, points).properties(height=alt.Step(18))


def _row(words: str, kind: str, spread: Spread) -> Json:
    sd = spread.sd or 0.0
    return {
        "configuration": words,
        "kind": kind,
        "mean": spread.mean,
        "low": spread.mean - sd,
        "high": spread.mean + sd,
        "words": spread_text(spread),
        "trials": spread.n,
    }
