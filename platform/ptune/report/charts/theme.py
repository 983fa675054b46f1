"""How charts look: the colours of their data, which are the same everywhere, and those of what stands around it.

The colours of categories are Okabe and Ito's (2008), told apart by all kinds of colour vision; what they say is also
said by line width, shape or position. The metric has the middle of `plasma`, a perceptual scale. All of them stand out
from white and from the page's dark ground alike, so a scale never has to be turned over.
"""

from __future__ import annotations

from dataclasses import dataclass

from ptune.report.charts.figure import Json

BEST, COMPLETE, FAINT, UNFINISHED = "#D55E00", "#0072B2", "#8A97A6", "#CC79A7"
HEAD, MAJORITY = "#009E73", "#7F8A96"
METRIC_SCALE = ("#8f0da4", "#b12a90", "#cc4778", "#e16462", "#f2844b")
"""From the worst to the best result."""


@dataclass(frozen=True)
class Theme:
    """The colours around the data, and the letters."""

    ink: str
    soft: str
    line: str
    ground: str
    font: str = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"

    def config(self) -> Json:
        """The theme as a configuration of Vega."""
        words = {"labelColor": self.soft, "titleColor": self.ink, "labelFont": self.font, "titleFont": self.font}
        return {
            "background": None,
            "font": self.font,
            "view": {"stroke": None},
            "axis": {
                **words,
                "domainColor": self.line,
                "tickColor": self.line,
                "gridColor": self.line,
                "labelFontSize": 11,
                "titleFontSize": 12,
                "titleFontWeight": 500,
                "titlePadding": 8,
                "labelOverlap": True,
                "labelLimit": 140,
            },
            "axisX": {"grid": False},
            "legend": {
                **words,
                "titleFontWeight": 500,
                "labelFontSize": 12,
                "symbolStrokeWidth": 2.5,
                "labelLimit": 220,
                "orient": "top",
                "titleFontSize": 12,
            },
            "title": {
                "color": self.ink,
                "font": self.font,
                "anchor": "start",
                "fontSize": 13,
                "fontWeight": 600,
                "subtitleColor": self.soft,
                "subtitleFont": self.font,
                "subtitleFontSize": 12,
            },
            "text": {"color": self.soft, "font": self.font, "fontSize": 11},
            "style": {
                "around": {"stroke": self.ground},
                "remark": {"fill": self.soft},
                "mark": {"stroke": self.line},
                "frame": {"stroke": self.line},
            },
        }


PAGE = Theme("var(--ink)", "var(--soft)", "var(--line)", "var(--back)")
"""The page's own colours, whether it is light, dark or printed."""
PAPER = Theme("#1F2933", "#52606D", "#D9DEE4", "#FFFFFF", font="Helvetica, Arial, Liberation Sans, DejaVu Sans")
"""For pictures, which have a white ground."""
