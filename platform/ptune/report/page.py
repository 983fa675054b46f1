"""A report as one HTML page that needs nothing beside itself: text first, then charts, then every trial.

Pure, but for the page's own style and script, which lie beside this module: from findings and a history to text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from ptune.record.events import DataSource
from ptune.record.history import History
from ptune.record.wording import NONE, param_heading, value_text
from ptune.report.charts.cost import cost_of
from ptune.report.charts.draw import library, specification
from ptune.report.charts.figure import Figure
from ptune.report.diagnosed import TITLE, diagnosis_list
from ptune.report.findings import Findings
from ptune.report.gallery import Gallery, gallery
from ptune.report.html import number, paragraph, table, terms, words
from ptune.report.provenance import Provenance
from ptune.report.tables import (
    configuration_table,
    confirmation_table,
    front_table,
    headline,
    published_table,
    trial_table,
)
from ptune.report.wording import count, duration, plural, score_text
from ptune.spec.quantization import precision_of
from ptune.spec.trial import Scalar
from ptune.tracking.parameters import constant_params

_FEW = 25
"""Lines of the table of trials that are shown until a reader asks for all."""


def page(report: Findings, history: History) -> str:
    """The page.

    Args:
        report: what the search has come to.
        history: the search, for the charts.
    """
    charts = gallery(history, report.importances, report.confirmation)
    few = len(report.leaderboard) > _FEW
    sections = [
        headline(report),
        _links(report.provenance),
        _section(TITLE, diagnosis_list(report.diagnoses), "diagnoses"),
        _section("Beside published numbers", published_table(report)),
        _section("Confirmed on fresh seeds", _confirmed(report, charts)),
        _section("In what the protocol differs" if report.published else "Notes", _notes(report.notes)),
        "" if charts is None else _charts(report, charts, history),
        _section("Configurations", configuration_table(report) if report.repeated else ""),
        _section("Trials", trial_table(report, few=_FEW) + (_all_button() if few else ""), "trials"),
        _section("What it took", _cost(history, charts)),
        _section("Data", _data(report.data)),
        _section("Where it comes from", _provenance(report, history)),
    ]
    return _document(report.name, "".join(sections), None if charts is None else charts.tables.to_json())


def compose(name: str, head: str, sections: Sequence[tuple[str, str | Figure | None]]) -> str:
    """A page of other contents: titled sections that are HTML, or a chart with data of its own.

    Args:
        name: the page's title.
        head: HTML that comes first.
        sections: what follows; an empty section, or None, is left out.
    """
    parts = [
        _section(title, _figure(content, titled=False) if isinstance(content, Figure) else content or "")
        for title, content in sections
    ]
    drawn = any(isinstance(content, Figure) for _, content in sections)
    return _document(name, head + "".join(parts), {} if drawn else None)


def _document(name: str, body: str, tables: Mapping[str, object] | None) -> str:
    """The page. `tables` are what its charts share; None for a page without charts."""
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    head += f"<title>{escape(name)}</title><style>{_resource('page.css')}</style>"
    floating = '<div class="tip" aria-hidden="true"></div><div class="voice" role="status"></div>'
    content = f"<main>{body}</main>{floating}{_scripts(tables)}"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{content}</body></html>\n'


def _scripts(tables: Mapping[str, object] | None) -> str:
    """Vega, the tables and the page's own script; a page without charts has the last alone."""
    vega = "" if tables is None else f"<script>{_inert(library())}</script>"
    return f"{vega}{_json('tables', tables or {})}<script>{_resource('page.js')}</script>"


def _json(name: str, value: object) -> str:
    """Data for the page's script."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f'<script type="application/json" id="{escape(name)}">{_inert(text)}</script>'


def _inert(text: str) -> str:
    """JSON or JavaScript that does not end the element in which it stands."""
    return re.sub(
        r"</(?=script)|<(?=!--)", lambda found: found.group().replace("<", "\\x3c"), text, flags=re.IGNORECASE
    )


def _resource(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _section(title: str, body: str, name: str = "") -> str:
    anchor = f' id="{name}"' if name else ""
    return f"<section{anchor}><h2>{escape(title)}</h2>{body}</section>" if body else ""


def _figure(figure: Figure, level: str = "h3", *, titled: bool = True) -> str:
    """A chart with its words, which a keyboard reaches; the script draws it."""
    name = escape(figure.name)
    title = f'<{level} id="title-{name}">{escape(figure.title)}</{level}>' if titled else ""
    least = f' style="min-width:{figure.least_width}px"' if figure.least_width else ""
    spoken = f'role="group" aria-label="{escape(figure.title)}" aria-describedby="words-{name}"'
    chart = f'<div class="chart" data-name="{name}" tabindex="0" {spoken}>'
    words = f'<p class="told" id="words-{name}">{escape(figure.alternative)}</p>'
    caption = f"<figcaption>{escape(figure.caption)}</figcaption>" if figure.caption else ""
    drawing = f'<div class="drawing"{least}></div></div>'
    return (
        f"<figure>{title}{chart}{drawing}{words}{caption}{_json(f'spec-{name}', specification(figure.chart))}</figure>"
    )


def _charts(report: Findings, charts: Gallery, history: History) -> str:
    """The charts of all trials, from their curves to what their results cost."""
    told = "All trials are shown. What a brush keeps here stays lit in every chart, and in the table of trials."
    kept = f'<p class="kept soft screen" role="status">{told}</p>'
    slices = "".join(_figure(figure) for figure in charts.slices)
    front = "".join(_figure(figure) for figure in charts.pareto)
    several = history.objectives is not None and bool(history.objectives.beside)
    diamonds = (
        "Diamonds are trials that no other one beats in all objectives together, and the square is their knee."
        if several
        else "Diamonds are trials that no other one beats in result, size and time together."
    )
    return "".join(
        (
            _section("Learning curves", _figure(charts.curves, titled=False), "curves"),
            _section("Best so far", "" if charts.history is None else _figure(charts.history, titled=False), "history"),
            _section(
                "All parameters at once",
                "" if charts.parallel is None else kept + _figure(charts.parallel, titled=False),
                "parallel",
            ),
            _section("One parameter at a time", f'<div class="grid">{slices}</div>' if slices else "", "slices"),
            _section("What mattered", _mattered(charts), "importance"),
            _section(
                "The front" if several else "Result, size and time",
                f'<div class="grid two">{front}</div>{paragraph(diamonds, "note")}{_front(report, charts, history)}'
                if front
                else "",
                "pareto",
            ),
        )
    )


def _mattered(charts: Gallery) -> str:
    figures = [_figure(figure) for figure in (charts.importance, charts.landscape) if figure is not None]
    return f'<div class="grid two">{"".join(figures)}</div>' if figures else ""


def _front(report: Findings, charts: Gallery, history: History) -> str:
    """The trials that no other one beats."""
    if history.front is not None:
        return front_table(report, history.front.numbers)
    rows = [
        [
            number(str(row["trial"])),
            number(score_text(_number(row["value"]))),
            number(count(_number(row["parameters"]))),
            number(duration(_number(row["seconds"]))),
            words(str(row["label"])),
        ]
        for row in charts.tables.trials
        if row["front"]
    ]
    columns = ["trial", report.metric, "trained", "time", "configuration"]
    return table(columns, rows, caption="Trials that no other one beats")


def _number(value: Scalar | None) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _confirmed(report: Findings, charts: Gallery | None) -> str:
    drawn = "" if charts is None or charts.confirmed is None else _figure(charts.confirmed, titled=False)
    return drawn + confirmation_table(report.confirmation)


def _cost(history: History, charts: Gallery | None) -> str:
    """Epochs, time, and what early stopping saved."""
    spent = cost_of(history)
    if not spent.epochs:
        return ""
    device = "" if spent.engines is None else f" on {plural(spent.engines, 'engine')}"
    hours = spent.wall_seconds / 3600 * (spent.engines or 1)
    each = "device-hours" if spent.engines is not None else "device-hours for each engine"
    rows = [
        ("epochs trained", f"{spent.epochs:,}"),
        ("time", f"{duration(spent.wall_seconds)}{device}, {hours:.3g} {each}"),
        ("time in slots", f"{duration(spent.slot_seconds)}, summed over trials, of which several train at once"),
    ]
    if history.job.budget.stops_early:
        full = (
            f"{spent.saved:,} epochs, {spent.saved_share:.0%} of the {spent.full:,} that all trials take to the horizon"
        )
        rows.insert(1, ("saved by early stopping", full))
    drawn = "" if charts is None or charts.cost is None else _figure(charts.cost, titled=False)
    return f'<div class="facts">{terms([(name, escape(words)) for name, words in rows])}</div>{drawn}'


def _links(source: Provenance) -> str:
    """Where MLflow shows the search, and where the page goes on."""
    tracked = source.tracked
    if tracked is None:
        return ""
    if tracked.search is None:
        return f'<p class="soft">In MLflow: <code>{escape(tracked.command)}</code></p>'
    return f'<p><a href="{escape(tracked.search)}" target="_blank" rel="noopener">This search in MLflow</a></p>'


def _provenance(report: Findings, history: History) -> str:
    source = report.provenance
    versions = ", ".join(f"{name} {version}" for name, version in source.versions.items())
    precision = precision_of(source.dtype, source.quantization) if source.dtype else "not loaded"
    backbone = f"{source.backbone.id}, {plural(source.backbone.layers, 'layer')}, {precision}"
    rows = [
        ("command", f"<code>{escape(source.command)}</code>" if source.command else NONE),
        ("seed", f"{source.seed}; every trial's random numbers follow from it and the trial's number"),
        ("data seed", str(source.data_seed)),
        ("begun", f"{source.started}" + (f" by {escape(source.user)}" if source.user else "")),
        ("last at work", source.last),
        ("backbone", escape(backbone)),
        ("weights", f"<code>{escape(source.backbone.hash)}</code>"),
        *([("started from", escape(str(source.start)))] if source.start else []),
        ("versions", escape(versions)),
        ("commit", f"<code>{escape(source.commit)}</code>" if source.commit else NONE),
        ("the same in all trials", escape(_constants(history))),
    ]
    return f'<div class="facts">{terms(rows)}</div>'


def _constants(history: History) -> str:
    """The parameters that no trial has otherwise than another."""
    same = constant_params(history.header)
    return (
        ", ".join(f"{param_heading(name)} {value_text(value)}" for name, value in same.items() if value is not None)
        or NONE
    )


def _all_button() -> str:
    return '<p class="screen"><button class="plain" data-all="trials">Show all trials</button></p>'


def _data(data: Mapping[str, DataSource]) -> str:
    rows = [[words(name), number(f"{split.rows:,}"), words(str(split.source))] for name, split in data.items()]
    return table(["split", "examples", "source"], rows)


def _notes(notes: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in notes)}</ul>" if notes else ""
