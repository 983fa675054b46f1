"""`ptune resume`: go on with a search that was interrupted."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ptune.cli.cluster import is_dashboard, show
from ptune.cli.running import (
    changed_libraries_option,
    conclude,
    json_option,
    local_option,
    pick_observer,
    pick_runner,
    program,
)
from ptune.report.said import say, say_json

if TYPE_CHECKING:
    from ptune.record.history import History
    from ptune.spec.resources import Resources


@click.command(short_help="Continue an interrupted search.")
@click.argument("name")
@local_option
@click.option(
    "--address",
    envvar="RAY_ADDRESS",
    help="Ray cluster to train on: HOST:PORT from one of its nodes, or its dashboard, http://HOST:8265, from outside.",
)
@changed_libraries_option
@json_option
def resume(name: str, local: bool, address: str | None, changed_libraries: bool, as_json: bool) -> int:
    """Continue a search that was ended by Ctrl-C, a crash or a power cut.

    Finished trials stay as they are. Unfinished trials go on from their last saved epoch. Of a complete search, nothing
    is trained again.

    A search goes on with the versions of PyTorch, transformers and Optuna that it began with, because others may give
    other numbers. --changed-libraries accepts them, and the search's journal notes it.

    With a dashboard as --address, the search goes on as a Ray job on that cluster, and the command follows its log.
    $PTUNE_RUNS then names the runs folder as the cluster's nodes have it.

    \b
    ptune list
    ptune resume quickstart
    ptune resume quickstart --address http://head:8265
    """
    if address is not None and is_dashboard(address):
        from ptune.raytune.submission import resume as resubmit

        runs = os.environ.get("PTUNE_RUNS") or None
        return show(resubmit(name, runs, address, changed_libraries=changed_libraries), address, follow=True)
    from ptune.record.history import History
    from ptune.record.journal import JOURNAL, read
    from ptune.run.folders import runs_folder, search_folder

    history = History.of(read(search_folder(runs_folder(), name) / JOURNAL))
    return go_on(name, history, local=local, address=address, as_json=as_json, changed_libraries=changed_libraries)


def go_on(
    name: str,
    history: History,
    *,
    local: bool,
    address: str | None,
    as_json: bool,
    resources: Resources | None = None,
    changed_libraries: bool = False,
) -> int:
    """Go on with a search, or say that it is complete; return the exit code.

    Args:
        name: the search.
        history: what its journal says.
        local: see `ptune.api.compose.runner_for`, as `address`.
        address: of a cluster.
        as_json: whether to print one JSON object.
        resources: what it may use from now on; None is what its job says.
        changed_libraries: see `ptune.run.search.resume_search`.
    """
    from ptune.api import compose
    from ptune.run.finished import lacking
    from ptune.run.folders import runs_folder

    folder = runs_folder() / name
    missing = lacking(folder, history)
    if missing == []:
        _say_it_is_complete(folder, history, as_json=as_json)
        return 0
    if missing is not None:
        say(f"ptune: {name} is complete, and {' and '.join(missing)} will be written again", err=True)
    runner = pick_runner(local=local, address=address)
    observer = pick_observer(as_json=as_json)
    outcome = compose.resume(name, runs_folder(), runner, observer, resources, changed_libraries=changed_libraries)
    return conclude(outcome, as_json=as_json, local=local, address=address)


def _say_it_is_complete(folder: Path, history: History, *, as_json: bool) -> None:
    """Say that nothing is left to train, and what there is to do with the search."""
    from ptune.report.summary import print_commands, trials_and_best
    from ptune.run.finished import result_of

    content = result_of(folder)
    if as_json:
        say_json(content)
        return
    say(f"{folder.name} is complete: {trials_and_best(history)}. Nothing is left to resume.")
    commands = [(f"{program()} report {folder.name}", "show its results")]
    behind = (content.get(history.job.tracking.type) or {}).get("lagging")
    if behind is not None:
        commands.append((f"{program()} sync {folder.name}", f"the tracker was behind when it ended: {behind}"))
    print_commands(sys.stdout, commands)
