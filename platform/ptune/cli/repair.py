"""`ptune repair`: what is damaged in a search's folder, and putting it in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from ptune.cli.exits import FAILED
from ptune.cli.running import program
from ptune.report.said import say

if TYPE_CHECKING:
    from ptune.record.recovery import Recovery
    from ptune.run.repair import Damage

_SHOWN = 10  # lost lines that are listed one by one


@click.command(short_help="Show what is damaged in a search, and put it in order.")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Put it in order. What is damaged is kept beside its place.")
def repair(name: str, yes: bool) -> int:
    """Show which lines of a search's journal, which saved states and whether its artifact are damaged.

    Without --yes, nothing changes, and the exit code is 1 if something is damaged. With --yes, the journal keeps its
    sound lines, and damaged files get `.damaged` behind their names. `ptune resume NAME` then trains what is lost.

    \b
    ptune repair quickstart
    ptune repair quickstart --yes
    """
    from ptune.run.folders import runs_folder, search_folder
    from ptune.run.repair import examine, mend

    damage = examine(search_folder(runs_folder(), name))
    if damage.is_none:
        say(f"{name}: nothing is damaged")
        return 0
    for line in _told(damage):
        say(line)
    if not yes:
        say(f"Nothing has changed. `{program()} repair {name} --yes` puts it in order.")
        return FAILED
    for path in mend(damage):
        say(f"set aside  {path}")
    say(f"Go on with `{program()} resume {name}`.")
    return 0


def _told(damage: Damage) -> Iterator[str]:
    """What is damaged, and what becomes of it."""
    if not damage.journal.is_whole:
        yield from _journal_told(damage.journal)
    for state in damage.states:
        epochs = damage.journal.history.job.budget.in_epochs(state.reports)
        then = f"its other one holds {epochs} epochs" if state.reports else "it has no other one"
        yield f"trial {state.trial}  {state.file.name} {state.reason}; {then}"
    if damage.artifact is not None:
        yield f"artifact  {damage.artifact}"


def _journal_told(journal: Recovery) -> Iterator[str]:
    from ptune.report.wording import plural

    for lost in journal.lost[:_SHOWN]:
        yield f"line {lost.line}  {lost.reason}"
    if len(journal.lost) > _SHOWN:
        yield f"and {plural(len(journal.lost) - _SHOWN, 'more line')}"
    history = journal.history
    epochs = history.job.budget.in_epochs(sum(trial.epoch for trial in history.trials.values()))
    yield (
        f"journal  {plural(len(journal.lost), 'line')} lost; kept: {plural(len(journal.lines), 'line')} with "
        f"{plural(len(history.trials), 'trial')} and {plural(epochs, 'epoch')}"
    )
    for trial in journal.restored:
        yield f"trial {trial}  its configuration was lost, and is found again in its saved state"
    for trial in journal.given_up:
        yield f"trial {trial}  its configuration is lost, so it ends as failed"
