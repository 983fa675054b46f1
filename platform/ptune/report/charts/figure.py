"""A figure: a chart, what it is called, and what it says to those who do not see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import altair as alt

Json = Mapping[str, object]
"""An object of JSON, such as a Vega specification."""


@dataclass(frozen=True)
class Figure:
    """A chart with its words."""

    name: str
    """In the page's addresses: `curves`."""
    title: str
    alternative: str
    """What the chart shows, in words, with its most important numbers."""
    chart: alt.LayerChart | alt.Chart | Json
    """In Vega-Lite, or a specification of Vega's own."""
    caption: str = ""
    """How to read it, and what it leaves out."""
    least_width: int = 0
    """CSS pixels below which the chart scrolls sideways; 0 if it fits anywhere."""


def sentence(parts: Sequence[str]) -> str:
    """Sentences that have something to say, one after the other."""
    return " ".join(part for part in parts if part)
