"""What mattered: each parameter's share in what made the best trials the best."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt

from ptune.record.wording import param_heading
from ptune.report.charts import theme
from ptune.report.charts.encode import inline, layered
from ptune.report.charts.figure import Figure


def importance(shares: Mapping[str, float]) -> Figure:
    """The figure of at least one share."""
    rows = [
        {"parameter": param_heading(name), "share": share, "words": f"{share:.0%}"} for name, share in shares.items()
    ]
    data = alt.Chart(inline(rows))
    names = alt.Y(
        "parameter", type="nominal", sort=None, title=None, axis=alt.Axis(domain=False, ticks=False, labelFontSize=12)
    )
    share = alt.X("share", type="quantitative", axis=None, scale=alt.Scale(domain=[0, 1.12 * max(shares.values())]))
    bars = data.mark_bar(color=theme.COMPLETE, cornerRadiusEnd=2, height=13).encode(x=share, y=names)
    words = data.mark_text(align="left", dx=5, style="remark", aria=False).encode(x=share, y=names, text="words:N")
    listed = ", ".join(f"{row['parameter']} {row['words']}" for row in rows)
    return Figure(
        name="importance",
        title="Share of each parameter",
        alternative=f"Each parameter's share: {listed}.",
        chart=layered(bars, words).properties(height=alt.Step(24)),
        caption="Each parameter's share in what sets the best trials apart (PED-ANOVA). It says that a parameter "
        "mattered in its range, not which value is good.",
    )
