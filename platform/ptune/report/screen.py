"""One picture of a running search: the live table's content, and its one-line form for logs.

Pure: from a `Progress` and a clock to something rich can print. Calm on purpose: one rule, two colours, no boxes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from ptune.record.events import LimitReached
from ptune.record.history import Answer, TrialRecord
from ptune.record.wording import described
from ptune.report.answers import answer_text
from ptune.report.folded import fold
from ptune.report.progress import Progress
from ptune.report.wording import duration, front_text, of_planned, plural, result_text

COLOURS = {"running": "cyan", "complete": "green", "failed": "red"}
_LABEL = 8  # columns of a fact's label, with its margin
_MARGINS = 2 * 5  # columns between those of the table of trials
_FIXED_LINES = 5  # title, bar, rule, heading, and what is hidden
_RESTED_SHOWN = 6
_RUNGS = 7  # that are shown, of a rule that compares after every epoch
_ANSWER_SHOWN_S = 60.0


def picture(progress: Progress, now: float, width: int, height: int) -> RenderableType:
    """The live table.

    Args:
        progress: the search.
        now: seconds since 1970.
        width: columns to use.
        height: lines of the terminal; running trials come first, then the latest at rest, as many as fit.
    """
    if progress.history.first is None:
        return Text("ptune: waiting for the search to begin", style="dim")
    facts = list(_facts(progress, now, width - _LABEL))
    room = height - _FIXED_LINES - sum(len(lines) for _, lines in facts)
    parts = [_title(progress, now), _bar(progress), _labelled(facts), Rule(style="dim"), _trials(progress, width, room)]
    return Constrain(Group(*parts), width)


def line(progress: Progress, now: float) -> str:
    """The search in one line of plain text, for logs."""
    history = progress.history
    elapsed = duration(now - (progress.since or now))
    parts = [_counts(progress), plural(progress.in_epochs(progress.epochs_done), "epoch")]
    best, metric = history.best_result, history.objective.metric
    if best is not None:
        trial = history.trials[best.trial]
        config = described(best.config, history.names(trial), trial.inherited)
        score = result_text(history.best_value, history.dev_examples)
        parts.append(f"best {score} {metric} (trial {best.trial}: {config})")
    return f"[{elapsed}] {', '.join(parts)}, {_left(progress, now)}"


def waiting_line(progress: Progress, now: float) -> str:
    """What holds the search up, or that nothing does any more, in one line of plain text."""
    awaiting = progress.history.awaiting
    what = "waits no longer" if awaiting is None else f"waiting for {awaiting}"
    return f"[{duration(now - (progress.since or now))}] {what}"


def limit_line(progress: Progress, limit: LimitReached, now: float) -> str:
    """Which limit of its budget a search has reached, in one line of plain text."""
    return f"[{duration(now - (progress.since or now))}] {_limit(limit)}"


def answer_line(progress: Progress, answer: Answer, now: float) -> str:
    """What has become of a user's request, in one line of plain text."""
    return f"[{duration(now - (progress.since or now))}] {answer_text(answer, progress.history)}"


def _limit(limit: LimitReached) -> str:
    return f"{limit.reason}; the leaders finish, the rest stop"


def _title(progress: Progress, now: float) -> Table:
    row = Table.grid(expand=True, padding=(0, 2, 0, 0), pad_edge=False)
    row.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    row.add_column(justify="right", no_wrap=True)
    elapsed = duration(now - (progress.since or now))
    name = Text.assemble(("ptune ", "dim"), (progress.history.header.name, "bold"))
    row.add_row(name, Text(f"{elapsed} elapsed · {_left(progress, now)}"))
    return row


def _left(progress: Progress, now: float) -> str:
    if progress.history.ended:
        return progress.history.ended.status
    if not progress.history.trials:
        return "starting"
    if progress.epochs_left() == 0:
        return "finishing"
    seconds, waited = progress.seconds_left(now), progress.waited(now)
    if seconds is not None:
        return f"~{duration(seconds)} left"
    return "time left not known yet" if waited is None else f"waiting {duration(waited)} for {_awaited(progress)}"


def _awaited(progress: Progress) -> str:
    """Whose report comes next."""
    running = [number for number, trial in progress.history.trials.items() if trial.status == "running"]
    return f"trial {running[0]}" if len(running) == 1 else plural(len(running), "trial") if running else "an engine"


def _bar(progress: Progress) -> Table:
    done, to_come = progress.epochs_done, progress.epochs_left()
    row = Table.grid(expand=True, padding=(0, 1))
    row.add_column(ratio=1)
    row.add_column(justify="right")
    total = max(done + to_come, 1)
    bar = ProgressBar(total, done, style="bright_black", complete_style="cyan", finished_style="green")
    row.add_row(bar, Text(f"{progress.in_epochs(done)} of ~{progress.in_epochs(done + to_come)} epochs", style="dim"))
    return row


def _facts(progress: Progress, now: float, width: int) -> Iterator[tuple[str, list[Text]]]:
    """What counts: a label, and its lines on `width` columns; an answer to a request for a while."""
    history = progress.history
    yield "trials", [Text(_counts(progress))]
    if history.awaiting is not None:
        yield "waiting", [Text(part, style="yellow") for part in fold(f"for {history.awaiting}", width)]
    steps = progress.rungs()
    if len(steps) > _RUNGS:  # the first, the horizon, and as many between them
        steps = [steps[number * (len(steps) - 1) // (_RUNGS - 1)] for number in range(_RUNGS)]
    if len(steps) > 1:
        shown = " → ".join(f"{progress.in_epochs(rung)}: {number}" for rung, number in steps)
        yield "rungs", [Text(f"{shown}   (epoch: trials there)")]
    if history.limit is not None:
        yield "limit", [Text(part) for part in fold(_limit(history.limit), width)]
    if progress.answered is not None and now - progress.answered.time < _ANSWER_SHOWN_S:
        yield "asked", [Text(part) for part in fold(answer_text(progress.answered, history), width)]
    best, metric = history.best_result, history.objective.metric
    if best is not None:
        score = result_text(history.best_value, history.dev_examples)
        trial = history.trials[best.trial]
        config = described(best.config, history.names(trial), trial.inherited)
        first, *more = fold(f"{score} {metric} · trial {best.trial} · {config}", width)
        yield "best", [Text.assemble((score, "bold green"), first.removeprefix(score)), *map(Text, more)]
    if history.front is not None:
        yield "front", [Text(part) for part in fold(front_text(history.front), width)]
    failed = [trial for trial in progress.latest if history.trials[trial].status == "failed"]
    if failed:
        reason = (history.trials[failed[-1]].reason or "no reason given").splitlines()[0]
        yield "failed", [Text(f"{len(failed)} · trial {failed[-1]}: {reason}", style="red")]
    if history.job.tracking.type != "none":
        yield "MLflow", [Text(_mlflow(progress))]


def _labelled(facts: list[tuple[str, list[Text]]]) -> Table:
    """Facts below each other; a line that is too long breaks off."""
    rows = Table.grid(padding=(0, 2, 0, 0), expand=True)
    rows.add_column(style="dim", width=_LABEL - 2)
    rows.add_column(ratio=1, overflow="ellipsis", no_wrap=True)
    for label, lines in facts:
        for index, line in enumerate(lines):
            rows.add_row(label if index == 0 else "", line)
    return rows


def _counts(progress: Progress) -> str:
    statuses = progress.statuses()
    shown = ("running", "interrupted", "paused", "complete", "stopped", "failed")
    parts = [f"{statuses[status]} {status}" for status in shown if statuses[status]]
    return " · ".join([f"{of_planned(len(progress.history.trials), progress.history.planned)} begun", *parts])


def _mlflow(progress: Progress) -> str:
    history = progress.history
    if history.run_id is None:
        return "waiting for an answer"
    shown = sum(trial.run_id is not None for trial in history.trials.values())
    return f"{shown} of {plural(len(history.trials), 'trial')} shown"


def _trials(progress: Progress, width: int, room: int) -> RenderableType:
    """On `room` lines running trials, at least one of them, then those that came to rest last."""
    trials = progress.history.trials
    running = [trial for trial in trials.values() if trial.status == "running"]
    rested = [trials[number] for number in reversed(progress.latest) if trials[number].status != "running"]
    rows = [_row(trial, progress) for trial in (*running, *rested[:_RESTED_SHOWN])]
    headings = ("trial", "epoch", progress.history.objective.metric, "status")
    widths = [max(map(len, column)) for column in zip(headings, *(row[:-1] for row in rows), strict=True)]
    table = Table(box=None, expand=True, padding=(0, 1), header_style="dim", show_edge=False)
    for heading, size in zip(headings, widths, strict=True):
        table.add_column(heading, justify="left" if heading == "status" else "right", no_wrap=True, width=size)
    table.add_column("configuration", ratio=1)
    shown = 0
    for row in rows:
        lines = fold(row[-1], width - sum(widths) - _MARGINS)
        if shown and len(lines) > room:
            break
        room -= len(lines)
        shown += 1
        _add_row(table, row, lines)
    hidden = len(running) - shown
    return Group(table, Text(f"   and {hidden} more running", style="dim")) if hidden > 0 else table


def _row(trial: TrialRecord, progress: Progress) -> tuple[str, str, str, str, str]:
    return (
        str(trial.number),
        f"{trial.trained_epochs}/{trial.in_epochs(progress.history.horizon(trial))}",
        result_text(trial.best_value, trial.dev_examples),
        f"{trial.status} ({trial.by_user})" if trial.by_user else str(trial.status),
        described(trial.config, progress.history.names(trial), trial.inherited),
    )


def _add_row(table: Table, row: Sequence[str], lines: list[str]) -> None:
    *standing, status, _ = row
    word = status.partition(" ")[0]
    coloured = Text(status, style=COLOURS.get(word, ""))
    table.add_row(*standing, coloured, "\n".join(lines), style=None if word == "running" else "dim")
