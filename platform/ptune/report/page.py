"""A report as one HTML page that needs nothing beside itself: style inside, plots embedded.

Pure: from the object of `ptune.report.findings` and a picture's bytes to text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from ptune.record.events import DataSource
from ptune.record.objective import Objective
from ptune.record.wording import NONE, described, param_heading, value_text
from ptune.report.confirmation import baseline, flags
from ptune.report.findings import Findings
from ptune.report.html import Cell, image, paragraph, table
from ptune.report.leaderboard import TrialRow
from ptune.report.wording import (
    alike,
    answering_alike,
    count,
    duration,
    plural,
    score_text,
    signed,
    spread_text,
)
from ptune.run.confirm import Confirmation

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --soft: #616e7c; --line: #e4e7eb; --back: #ffffff; --best: #d55e00;
  --bar: #0072b2; --up: #00795c; --down: #b3410e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --soft: #9aa5b1; --line: #323f4b; --back: #14191f;
  --bar: #56b4e9; --up: #3fc7a0; --down: #f0945d; } img { filter: invert(.93) hue-rotate(180deg); } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); max-width: 66rem;
  margin: 2.5rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.02rem; margin: 2.4rem 0 .6rem; }
p { margin: .25rem 0; } .soft, small { color: var(--soft); } .big { font-size: 2.1rem; font-weight: 650; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th { text-align: left; font-weight: 500; color: var(--soft); } th, td { padding: .32rem .8rem .32rem 0;
  border-bottom: 1px solid var(--line); vertical-align: top; } td.n, th.n { text-align: right; white-space: nowrap; }
tr.best td { font-weight: 650; } .up { color: var(--up); } .down { color: var(--down); }
.bar { display: inline-block; height: .6rem; background: var(--bar); border-radius: 2px; } img { max-width: 100%; }
.flag { color: var(--down); } ul { padding-left: 1.1rem; }
"""

_ROWS = 200
"""Lines of a table that the page shows at most; the leaderboard files have them all."""
_FAILED = 20
"""Failed trials that it shows beyond these, for their reasons."""


def page(report: Findings, picture: bytes | None) -> str:
    """The page.

    Args:
        report: what the search has come to.
        picture: the curves as PNG; None before the first report.
    """
    name = escape(report.name)
    sections = [
        headline(report),
        _section("Beside published numbers", _published(report)),
        _section("Confirmed on fresh seeds", confirmation_table(report.confirmation)),
        _section("In what the protocol differs" if report.published else "Notes", _notes(report.notes)),
        _section("Learning curves and trials", image(picture)),
        _section("Configurations", configuration_table(report) if report.repeated else ""),
        _section("What mattered", importance_table(report.importances)),
        _section("Trials", trial_table(report)),
        _section("Data", _data(report.data)),
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{name}</title>'
    head += f"<style>{_STYLE}</style>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(sections)}</body></html>\n'


def _section(title: str, body: str) -> str:
    return f"<h2>{escape(title)}</h2>{body}" if body else ""


def headline(report: Findings) -> str:
    """How the search stands, its best, and what that has to beat."""
    statuses = ", ".join(f"{number} {status}" for status, number in report.statuses.items())
    begun = f"{report.trials} of {plural(report.planned or 0, 'trial')}: {statuses or NONE}"
    lines = [f"<h1>{escape(report.name)}</h1>"]
    lines.append(paragraph(f"{report.state} · {begun} · {report.backbone}", "soft"))
    best, metric = report.best, report.metric
    if best is not None:
        test = (report.test or {}).get(metric)
        tested = "" if test is None else f", {score_text(test)} on test"
        config = described(best.config, report.varied)
        lines.append(paragraph(score_text(best.metrics[metric]), "big"))
        lines.append(paragraph(f"best {metric} on dev{tested} · trial {best.trial}: {config}"))
    if report.majority_baseline is not None:
        majority = f"{report.majority_metric} {score_text(report.majority_baseline)}"
        lines.append(paragraph(f"always the commonest answer: {majority} on dev"))
    if report.constant:
        lines.append(paragraph(answering_alike(report.constant), "flag"))
    return "".join(lines)


def _published(report: Findings) -> str:
    rows = []
    for row in report.published:
        match, difference = row.match, row.difference
        title = f"{escape(row.published.what)} <span class=soft>({escape(row.published.source)})</span>"
        matched = (
            f"<br><small>{escape(described(match.config, report.varied))}, n = {match.spread.n}</small>"
            if match
            else ""
        )
        notes = "".join(f"<br><small>{escape(note)}</small>" for note in row.notes)
        objective = Objective.in_metric(row.published.metric)
        side = "" if difference is None else "down" if objective.is_better(0.0, difference) else "up"
        rows.append(
            [
                ("", title + matched + notes),
                ("", escape(f"{row.published.metric} on {row.published.on}")),
                ("n", score_text(row.published.value)),
                ("n", spread_text(match.spread) if match else NONE),
                ("n", f'<span class="{side}">{signed(difference)}</span>'),
                ("n", spread_text(row.confirmed)),
            ]
        )
    return table(["published", "", "value", "here", "difference", "on fresh seeds"], rows)


def confirmation_table(confirmed: Confirmation | None) -> str:
    """Each configuration as the search saw it and as it holds up on fresh seeds; nothing without a confirmation."""
    if confirmed is None:
        return ""
    rows = [
        [
            ("", escape(described(row.config, confirmed.searched))),
            ("n", spread_text(row.search)),
            ("n", spread_text(row.dev)),
            ("n", spread_text(row.test)),
            ("n", str(row.dev.n if row.dev else 0)),
            ("", escape(flags(row))),
        ]
        for row in confirmed.configurations
    ]
    columns = ["configuration", f"search {confirmed.metric}", "dev", "test", "trials", "of these"]
    return table(columns, rows) + paragraph(baseline(confirmed), "soft")


def configuration_table(report: Findings, limit: int = _ROWS) -> str:
    """The best configurations by their mean over data splits and seeds."""
    rows: list[list[Cell]] = [
        [
            ("n", str(rank)),
            ("n", spread_text(group.spread)),
            ("n", str(group.spread.n)),
            ("", escape(described(group.config, report.varied))),
        ]
        for rank, group in enumerate(report.configurations[:limit], 1)
    ]
    columns = ["#", f"mean {report.metric}", "trials", "configuration"]
    return table(columns, rows, best=True) + _rest(len(report.configurations) - len(rows), "configuration")


def trial_table(report: Findings, limit: int = _ROWS) -> str:
    """The best trials, and of the others some that failed."""
    metric = report.metric
    rows: list[list[Cell]] = []
    shown = _shown(report.leaderboard, limit)
    for row in shown:
        mark = alike(everywhere=bool(row.constant_prediction), on=row.constant_on)
        constant = f' <span class="flag">{escape(mark)}</span>' if mark else ""
        status = escape(str(row.status)) + constant
        reason = f"<br><small>{escape(row.reason)}</small>" if row.status == "failed" and row.reason else ""
        standing = [("n", NONE if row.rank is None else str(row.rank)), ("n", str(row.trial))]
        numbers = [("n", score_text(row.best)), ("n", str(row.best_epoch or NONE)), ("n", str(row.epochs))]
        effort = [("n", count(row.trainable_parameters)), ("n", duration(row.seconds))]
        values = [("", escape(value_text(row.config.get(name)))) for name in report.varied]
        rows.append([*standing, *numbers, *effort, ("", status + reason), *values])
    columns = [
        "#",
        "trial",
        metric,
        "best epoch",
        "epochs",
        "trained",
        "time",
        "status",
        *map(param_heading, report.varied),
    ]
    return table(columns, rows, best=True) + _rest(len(report.leaderboard) - len(shown), "trial")


def _shown(rows: Sequence[TrialRow], limit: int) -> list[TrialRow]:
    """The first rows, and of the others some that failed."""
    failed = [row for row in rows[limit:] if row.status == "failed"]
    return [*rows[:limit], *failed[: min(_FAILED, limit // 3)]]


def _rest(hidden: int, noun: str) -> str:
    """Where to find what a table leaves out; nothing if that is nothing."""
    return (
        paragraph(f"and {plural(hidden, f'more {noun}')}, in leaderboard.csv and leaderboard.json", "soft")
        if hidden
        else ""
    )


def importance_table(shares: Mapping[str, float]) -> str:
    """Each parameter's share in what made trials good; nothing without shares."""
    rows: list[list[Cell]] = [
        [
            ("", escape(name)),
            ("n", f"{share:.0%}"),
            ("", f'<span class="bar" style="width:{20 * share:.2f}rem"></span>'),
        ]
        for name, share in shares.items()
    ]
    return table(["parameter", "share", ""], rows)


def _data(data: Mapping[str, DataSource]) -> str:
    rows: list[list[Cell]] = [
        [("", escape(name)), ("n", str(split.rows)), ("", escape(str(split.source)))] for name, split in data.items()
    ]
    return table(["split", "examples", "source"], rows)


def _notes(notes: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in notes)}</ul>" if notes else ""
