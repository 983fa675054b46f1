"""`ptune resume`: go on with a search that was interrupted."""

from __future__ import annotations

import click

from ptune.cli.running import address_option, conclude, json_option, local_option, pick_observer, pick_runner


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
    from ptune.report.publish import publish
    from ptune.run.interrupts import interrupts
    from ptune.run.search import resume_search, runs_folder

    with interrupts():  # SIGTERM ends a search as Ctrl-C does: saved, recorded as interrupted, and resumable
        outcome = resume_search(
            name, runs_folder(), pick_runner(local=local, address=address), pick_observer(as_json=as_json), publish
        )
    return conclude(outcome, as_json=as_json, local=local, address=address)
