"""A report on a terminal. Pure: from the object of `ptune.report.findings` to something rich can print."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ptune.record.history import History
from ptune.record.wording import NONE, described, optimism_text
from ptune.report import confirmation, leaderboard
from ptune.report.beside_words import beside_words
from ptune.report.comparison import Comparison
from ptune.report.console import PLAIN, Terminal
from ptune.report.diagnosed import print_diagnosed
from ptune.report.findings import Findings
from ptune.report.folded import Folded
from ptune.report.summary import importance_bars
from ptune.report.wording import (
    answering_alike,
    best_text,
    best_words,
    mean_of_epochs,
    plural,
    score_text,
    signed,
    spread_text,
    trials_of,
    whose_text,
)


def printed(report: Findings, history: History, width: int) -> RenderableType:
    """The report on `width` columns."""
    parts: list[RenderableType] = [Folded(headline(report)), Text()]
    if report.published:
        parts += [Text("beside published numbers", style="dim"), published(report, width), Text()]
    confirmed = report.confirmation
    if confirmed:
        title = f"the best of {confirmed.search}, repeated by {confirmed.name}"
        parts += [Text(title, style="dim"), confirmation.table(confirmed, width), Text()]
    if report.best and not (confirmed and confirmed.name == report.name):
        parts += [leaderboard.table(history, width), Text()]
    if report.importances:
        parts += [Text("what mattered", style="dim"), importance_bars(report.importances), Text()]
    parts += map(note, report.notes)
    if report.notes:
        parts.append(Text())
    return Group(*parts)


def as_text(report: Findings, history: History, width: int = PLAIN) -> str:
    """The report as plain text on `width` columns."""
    console = Terminal(file=io.StringIO(), width=width, color_system=None, force_jupyter=False)
    with console.capture() as captured:
        console.print(printed(report, history, width))
        print_diagnosed(console, report.diagnoses)
    return "\n".join(line.rstrip() for line in captured.get().strip().splitlines())


def headline(report: Findings) -> Text:
    """How the search stands, its best, and what that has to beat."""
    begun = trials_of(report.trials, report.planned)
    head = Text.assemble((report.name, "bold"), f" {report.state}: {begun} on {report.backbone}")
    best = report.best
    if best is None:
        return head.append("; no trial has a result yet")
    metric = report.metric
    again = report.confirmation
    if again is not None and again.name == report.name and (shown := confirmation.lead(again)) is not None:
        head.append("\n").append(shown[0], style="bold green")
        return head.append(f" {shown[1]}")
    head.append(f"\n{best_words(metric, report.chosen)} on dev ")
    head.append(best_text(report.best_value, report.over_folds, report.dev_examples), style="bold green")
    head.append(mean_of_epochs(report.best_epochs))
    if report.test and metric in report.test:
        head.append(f", on test {score_text(report.test[metric])}")
    head.append(f" · {whose_text(best.trial, best.config, report.varied, report.over_folds, report.inherited)}")
    if lucky := optimism_text(report.optimism, report.trials):
        head.append(f"\n{lucky} on dev")
    if report.majority_baseline is not None:
        majority = f"{report.majority_metric} {score_text(report.majority_baseline)}"
        head.append(f"\nalways {report.majority_answer}: {majority} on dev")
    if report.constant:
        head.append(f"\n{answering_alike(report.constant)}", style="yellow")
    return head


def published(report: Findings, width: int) -> RenderableType:
    """Each published number, the search's own, the difference, and the same on fresh seeds where it was confirmed."""
    confirmed = any(row.confirmed for row in report.published)
    columns = ["published", "here", "difference", *(["confirmed"] if confirmed else [])]
    rows = [(_numbers(row, confirmed=confirmed), _compared(row, report.varied)) for row in report.published]
    return beside_words(columns, rows, "", width)


def _numbers(row: Comparison, *, confirmed: bool) -> list[str]:
    measured = spread_text(row.match.spread) if row.match else NONE
    again = [spread_text(row.confirmed)] if confirmed else []
    return [score_text(row.published.value), measured, signed(row.difference), *again]


def note(text: str) -> Table:
    """A sentence with a dash before it."""
    row = Table.grid(padding=(0, 1))
    row.add_row(Text("  -", style="yellow"), Text(text, style="yellow"))
    return row


def _compared(row: Comparison, names: Sequence[str]) -> Folded:
    """What a published number is of, where it stands, and what was compared with it."""
    text = Text.assemble(
        f"{row.published.metric} on {row.published.on}: {row.published.what}", (f" ({row.published.source})", "dim")
    )
    match = row.match
    if match:
        trials = f"trial {match.trials[0]}" if match.spread.n == 1 else plural(match.spread.n, "trial")
        text.append(f"\n{trials}: {described(match.config, names)}", style="dim")
    for remark in row.notes:
        text.append(f"\n{remark}", style="dim italic")
    return Folded(text)
