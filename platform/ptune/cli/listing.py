"""`ptune list`: the searches in the runs folder."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import shorten

import click

from ptune.report.said import say, say_json

_REASON = 100  # characters of a reason below the table


@click.command("list", short_help="List searches: state, trials, best result.")
@click.option("--address", metavar="URL", help="Dashboard of a cluster, http://HOST:8265, whose runs folder is listed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def listing(address: str | None, as_json: bool) -> None:
    """List the searches in the runs folder, the latest last.

    The state of a search is running, complete, failed, interrupted, or damaged if its journal cannot be read.
    `ptune resume NAME` continues an interrupted search.

    \b
    ptune list
    PTUNE_RUNS=elsewhere ptune list --json
    PTUNE_RUNS=/shared/runs ptune list --address http://head:8265
    """
    if address is not None:
        from ptune.raytune.submission import ask

        answer = ask(["list", "--json"], os.environ.get("PTUNE_RUNS") or None, address)
        _show(answer["runs"], [Entry(**entry) for entry in answer["searches"]], as_json=as_json)
        return
    from ptune.record.journal import JOURNAL
    from ptune.run.folders import JOB, bring_journals, runs_folder
    from ptune.storage.local_copy import url_of

    runs = runs_folder()
    bring_journals(runs)
    folders = {path.parent for name in (JOURNAL, JOB) for path in runs.glob(f"*/{name}")}
    entries = [entry_of(folder / JOURNAL) for folder in sorted(folders)]
    entries.sort(key=lambda entry: entry.started_at or 0.0)
    _show(url_of(runs) or str(runs), entries, as_json=as_json)


def _show(runs: str, entries: list[Entry], *, as_json: bool) -> None:
    if as_json:
        content = {"runs": runs, "searches": [asdict(entry) for entry in entries]}
        say_json(content)
    elif not entries:
        say(f"no searches in {runs}; start one with `ptune search JOB`")
    else:
        _print(entries)


@dataclass(frozen=True)
class Entry:
    """One search on the list; the fields are the keys of its JSON. A search that cannot be read has a reason alone."""

    name: str
    state: str
    reason: str | None = None
    """Why the journal says nothing; None if it could be read."""
    trials: int | None = None
    planned: int | None = None
    metric: str | None = None
    best: float | None = None
    """None before the first result, as `best_trial` is."""
    best_trial: int | None = None
    dev_examples: int | None = None
    """On how many dev examples the best is, if on a part of them; None for all of dev."""
    started_at: float | None = None


def entry_of(path: Path) -> Entry:
    """A search, from its journal. If the journal cannot be read, the entry has the reason."""
    from ptune.errors import JournalError

    try:
        return _entry(path)
    except (JournalError, OSError) as error:
        return Entry(path.parent.name, "damaged", str(error).removeprefix(f"{path}: ").removeprefix(f"{path}, "))


def _entry(path: Path) -> Entry:
    """A search, from its journal.

    Raises:
        JournalError: the journal is missing, or one of its lines is damaged.
    """
    from ptune.record.history import History
    from ptune.record.journal import read
    from ptune.run.folders import is_running

    history = History.of(read(path))
    running = is_running(path.parent)
    if history.first is None:
        state, reason = ("running", "it is being set up") if running else ("damaged", "it has no first step")
        return Entry(path.parent.name, state, reason)
    best = history.best_result
    return Entry(
        name=path.parent.name,
        state="running" if running else history.status,
        trials=len(history.trials),
        planned=history.planned,
        metric=history.objective.metric,
        best=history.best_value,
        best_trial=None if best is None else best.trial,
        dev_examples=history.dev_examples,
        started_at=history.started_at,
    )


def _print(entries: list[Entry]) -> None:
    from rich.table import Table

    from ptune.record.wording import NONE
    from ptune.report.console import Terminal
    from ptune.report.wording import of_planned, result_text

    table = Table(box=None, padding=(0, 1), header_style="dim", show_edge=False)
    for column in ("name", "state", "trials", "best"):
        table.add_column(column, no_wrap=True)
    for entry in entries:
        if entry.reason is not None:
            table.add_row(entry.name, entry.state, NONE, NONE)
            continue
        score = f"{result_text(entry.best, entry.dev_examples)} {entry.metric} (trial {entry.best_trial})"
        best = NONE if entry.best_trial is None else score
        table.add_row(entry.name, entry.state, of_planned(entry.trials or 0, entry.planned), best)
    Terminal().print(table)
    for entry in entries:
        if entry.reason is not None:
            say(f"{entry.name} is {entry.state}: {shorten(entry.reason, _REASON)}")
