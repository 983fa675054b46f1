"""`ptune list`: the searches in the runs folder."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import shorten
from typing import Any

import click

_REASON = 100  # characters of a reason below the table


@click.command("list", short_help="List searches: state, trials, best result.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def listing(as_json: bool) -> None:
    """List the searches in the runs folder, the latest last.

    The state of a search is running, complete, failed, interrupted, or damaged if its journal cannot be read.
    `ptune resume NAME` continues an interrupted search.

    \b
    ptune list
    PTUNE_RUNS=elsewhere ptune list --json
    """
    from ptune.record.journal import JOURNAL
    from ptune.run.folders import JOB, runs_folder

    runs = runs_folder()
    folders = {path.parent for name in (JOURNAL, JOB) for path in runs.glob(f"*/{name}")}
    entries = [entry_of(folder / JOURNAL) for folder in sorted(folders)]
    searches = sorted(entries, key=lambda entry: float(entry["started_at"] or 0))
    if as_json:
        click.echo(json.dumps({"runs": str(runs), "searches": searches}, ensure_ascii=False))
    elif not searches:
        click.echo(f"no searches in {runs}; start one with `ptune search JOB`")
    else:
        _print(searches)


def entry_of(path: Path) -> dict[str, Any]:
    """One search, from its journal; a journal that cannot be read is told with the reason."""
    from ptune.errors import JournalError

    try:
        return _entry(path)
    except (JournalError, OSError) as error:
        return _unread(path, "damaged", str(error).removeprefix(f"{path}: ").removeprefix(f"{path}, "))


def _entry(path: Path) -> dict[str, Any]:
    """One search, from its journal.

    Raises:
        JournalError: the journal is missing, or one of its lines is damaged.
    """
    from ptune.record.history import History
    from ptune.record.journal import is_running, read

    history = History.of(read(path))
    running = is_running(path)
    if history.first is None:
        return _unread(path, *(("running", "it is being set up") if running else ("damaged", "it has no first step")))
    best = history.best
    return {
        "name": path.parent.name,
        "state": "running" if running else history.status,
        "reason": None,
        "trials": len(history.trials),
        "planned": history.job.budget.trials,
        "metric": history.objective.metric,
        "best": None if best is None else best.best_value,
        "best_trial": None if best is None else best.number,
        "started_at": history.started_at,
    }


def _unread(path: Path, state: str, reason: str) -> dict[str, Any]:
    """A search of which its journal says nothing, with the reason."""
    unknown = dict.fromkeys(("trials", "planned", "metric", "best", "best_trial", "started_at"))
    return {"name": path.parent.name, "state": state, "reason": reason, **unknown}


def _print(searches: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    from ptune.report.wording import NONE, score

    table = Table(box=None, padding=(0, 1), header_style="dim", show_edge=False)
    for column in ("name", "state", "trials", "best"):
        table.add_column(column, no_wrap=True)
    for entry in searches:
        if entry["reason"] is not None:
            table.add_row(entry["name"], entry["state"], NONE, NONE)
            continue
        metric, trial = entry["metric"], entry["best_trial"]
        best = NONE if trial is None else f"{score(entry['best'])} {metric} (trial {trial})"
        table.add_row(entry["name"], entry["state"], f"{entry['trials']} of {entry['planned']}", best)
    Console().print(table)
    for entry in searches:
        if entry["reason"] is not None:
            click.echo(f"{entry['name']} is {entry['state']}: {shorten(entry['reason'], _REASON)}")
