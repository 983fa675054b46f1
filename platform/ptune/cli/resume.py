"""`ptune resume`: go on with a search that was interrupted."""

from __future__ import annotations

import click

from ptune.cli.running import address_option, conclude, json_option, local_option, pick_observer


@click.command(short_help="Continue an interrupted search.")
@click.argument("name")
@local_option
@address_option
@json_option
def resume(name: str, local: bool, address: str | None, as_json: bool) -> int:
    """Continue a search that was ended by Ctrl-C, a crash or a power cut.

    Finished trials stay as they are. Unfinished trials go on from their last saved epoch.

    \b
    ptune list
    ptune resume quickstart
    """
    from ptune.api import compose
    from ptune.run.folders import runs_folder

    runner = compose.runner_for(local=local, address=address)
    outcome = compose.resume(name, runs_folder(), runner, pick_observer(as_json=as_json))
    return conclude(outcome, as_json=as_json, local=local, address=address)
