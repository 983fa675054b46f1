"""Charts made ready: as specifications that a page draws, as a picture, and the library that draws them in a page.

The only module that knows vl-convert, which brings Vega along.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import altair as alt
import vl_convert

from ptune.files import write_text
from ptune.node_files import default_folder, make_private
from ptune.report.charts.figure import Json
from ptune.report.charts.theme import PAGE, PAPER, Theme

_VEGA_LITE = "6.4"
_HEIGHT = 300


def library() -> str:
    """Vega in JavaScript, as `window.vegaEmbed`; nothing beside it is needed.

    Bundling it takes seconds, so the node keeps it.
    """
    kept = default_folder() / "pages" / f"vega-{version('vl-convert-python')}.js"
    with suppress(OSError):
        make_private(kept.parent)
        return kept.read_text(encoding="utf-8")
    bundled = str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
    with suppress(OSError):  # a cache that cannot be written is no trouble of the page
        write_text(kept, bundled)
    return bundled


def specification(chart: alt.LayerChart | alt.Chart | Json) -> Json:
    """A chart for the page, as a specification of Vega without the tables that charts share."""
    if isinstance(chart, Mapping):
        return {**chart, "config": PAGE.config()}
    if chart.height is alt.Undefined:
        chart = chart.properties(height=_HEIGHT)
    return _compiled(chart.properties(width="container"), PAGE)


def as_png(chart: alt.HConcatChart, tables: Mapping[str, Sequence[Json]], scale: float = 2.0) -> bytes:
    """Charts side by side as PNG, on white.

    Args:
        chart: the charts, each of some size.
        tables: the rows of the tables to which they refer.
        scale: pixels for each CSS pixel.
    """
    written = _written(chart)
    written["config"] = {**PAPER.config(), "background": PAPER.ground}
    written["datasets"] = {**written.get("datasets", {}), **{name: list(rows) for name, rows in tables.items()}}
    return bytes(vl_convert.vegalite_to_png(json.dumps(written), vl_version=_VEGA_LITE, scale=scale))


def _written(chart: alt.TopLevelMixin) -> Any:
    """A chart as Vega-Lite's JSON. Vega refuses what is wrong in it, in a hundredth of the time that altair takes."""
    importlib.import_module("pandas")  # altair asks it for its types, even while another thread is only importing it
    return chart.to_dict(validate=False)


def _compiled(chart: alt.LayerChart | alt.Chart, theme: Theme) -> Json:
    written = _written(chart)
    written["config"] = dict(theme.config())
    compiled: Json = vl_convert.vegalite_to_vega(written, vl_version=_VEGA_LITE)
    return compiled
