"""One picture of a running search: the live table's content, and its one-line form for logs.

Pure: from a `Progress` and a clock to something rich can print. Calm on purpose: one rule, two colours, no boxes.
"""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from ptune.record.history import TrialRecord
from ptune.record.wording import described
from ptune.report.progress import Progress
from ptune.report.wording import duration, plural, score_text

WIDEST = 100
"""Columns the picture uses at most."""

COLOURS = {"running": "cyan", "complete": "green", "failed": "red"}
_FIXED_LINES = 12  # everything but trials
_FINISHED_SHOWN = 6


def picture(progress: Progress, now: float, height: int = 40) -> RenderableType:
    """The live table.

    Args:
        progress: the search.
        now: seconds since 1970.
        height: lines of the terminal; running trials come first, then the latest finished, as many as fit.
    """
    if progress.history.first is None:
        return Text("ptune: waiting for the search to begin", style="dim")
    return Group(
        _title(progress, now),
        _bar(progress),
        _facts(progress),
        Rule(style="dim"),
        _trials(progress, max(3, height - _FIXED_LINES)),
    )


def line(progress: Progress, now: float) -> str:
    """The search in one line of plain text, for logs."""
    history = progress.history
    elapsed = duration(now - (progress.since or now))
    parts = [_counts(progress), plural(progress.epochs_done, "epoch")]
    best = history.best
    if best is not None:
        config = described(best.config, progress.history.header.varied)
        parts.append(f"best {score_text(best.best_value)} {history.objective.metric} (trial {best.number}: {config})")
    return f"[{elapsed}] {', '.join(parts)}, {_left(progress)}"


def _title(progress: Progress, now: float) -> Table:
    row = Table.grid(expand=True)
    row.add_column()
    row.add_column(justify="right")
    elapsed = duration(now - (progress.since or now))
    name = Text.assemble(("ptune ", "dim"), (progress.history.header.name, "bold"))
    row.add_row(name, Text(f"{elapsed} elapsed · {_left(progress)}"))
    return row


def _left(progress: Progress) -> str:
    if progress.history.ended:
        return progress.history.ended.status
    if not progress.history.trials:
        return "starting"
    if progress.epochs_left() == 0:
        return "finishing"
    seconds = progress.seconds_left()
    return "time left not known yet" if seconds is None else f"~{duration(seconds)} left"


def _bar(progress: Progress) -> Table:
    done, to_come = progress.epochs_done, progress.epochs_left()
    row = Table.grid(expand=True, padding=(0, 1))
    row.add_column(ratio=1)
    row.add_column(justify="right")
    total = max(done + to_come, 1)
    bar = ProgressBar(total, done, style="bright_black", complete_style="cyan", finished_style="green")
    row.add_row(bar, Text(f"{done} of ~{done + to_come} epochs", style="dim"))
    return row


def _facts(progress: Progress) -> Table:
    """What counts, as label and line."""
    history = progress.history
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(overflow="ellipsis", no_wrap=True)
    rows.add_row("trials", _counts(progress))
    steps = progress.rungs()
    if len(steps) > 1:
        rows.add_row("rungs", " → ".join(f"{epoch}: {number}" for epoch, number in steps) + "   (epoch: trials there)")
    best = history.best
    if best is not None:
        text = Text.assemble(
            (score_text(best.best_value), "bold green"),
            f" {history.objective.metric} · trial {best.number} · ",
            described(best.config, history.header.varied),
        )
        rows.add_row("best", text)
    failed = [trial for trial in progress.latest if history.trials[trial].status == "failed"]
    if failed:
        reason = (history.trials[failed[-1]].reason or "no reason given").splitlines()[0]
        rows.add_row("failed", Text(f"{len(failed)} · trial {failed[-1]}: {reason}", style="red"))
    if history.job.tracking.type != "none":
        rows.add_row("MLflow", _mlflow(progress))
    return rows


def _counts(progress: Progress) -> str:
    statuses = progress.statuses()
    shown = ("running", "paused", "complete", "stopped", "failed")
    parts = [f"{statuses[status]} {status}" for status in shown if statuses[status]]
    return " · ".join([f"{len(progress.history.trials)} of {progress.planned} begun", *parts])


def _mlflow(progress: Progress) -> str:
    history = progress.history
    if history.run_id is None:
        return "waiting for an answer"
    shown = sum(trial.run_id is not None for trial in history.trials.values())
    return f"{shown} of {plural(len(history.trials), 'trial')} shown"


def _trials(progress: Progress, room: int) -> RenderableType:
    """Running trials, then those that came to rest last."""
    trials = progress.history.trials
    running = [trial for trial in trials.values() if trial.status == "running"]
    rested = [trials[number] for number in reversed(progress.latest) if trials[number].status != "running"]
    shown = running[: room - 1]
    rested = rested[: max(0, min(_FINISHED_SHOWN, room - 1 - len(shown)))]
    table = Table(box=None, expand=True, padding=(0, 1), header_style="dim", show_edge=False)
    for column in ("trial", "epoch", progress.history.objective.metric):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("configuration", ratio=1, no_wrap=True, overflow="ellipsis")
    for trial in (*shown, *rested):
        table.add_row(*_row(trial, progress), style=None if trial.status == "running" else "dim")
    hidden = len(running) - len(shown)
    if hidden:
        return Group(table, Text(f"   and {hidden} more running", style="dim"))
    return table


def _row(trial: TrialRecord, progress: Progress) -> tuple[str | Text, ...]:
    return (
        str(trial.number),
        f"{trial.epoch}/{progress.history.horizon(trial)}",
        score_text(trial.best_value),
        Text(trial.status, style=COLOURS.get(trial.status, "")),
        described(trial.config, progress.history.header.varied),
    )
