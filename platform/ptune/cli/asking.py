"""What the commands share that ask something of a search: whom they ask, and what they say of the answer."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ptune.cli.running import program
from ptune.report.said import say, say_json

if TYPE_CHECKING:
    from ptune.record.requests import Change
    from ptune.run.asking import Asked

cluster_option = click.option(
    "--address",
    metavar="URL",
    help="Dashboard of a cluster, http://HOST:8265, that has the search; $PTUNE_RUNS is the runs folder there.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def ask(name: str, change: Change, words: Sequence[str], address: str | None, *, as_json: bool) -> None:
    """Ask something of a search here or on a cluster, and say what comes of it.

    Args:
        name: the search.
        change: what is asked.
        words: the command, as the cluster is to run it.
        address: the cluster's dashboard; None for a search in the runs folder of this machine.
        as_json: whether to print one JSON object.
    """
    if address is not None:
        from ptune.raytune.submission import ask as ask_cluster

        content = ask_cluster([*words, "--json"], os.environ.get("PTUNE_RUNS") or None, address)
        content["said"] = [line.replace(" resume ", f" resume --address {address} ") for line in content["said"]]
    else:
        from ptune.run.asking import ask as ask_here
        from ptune.run.folders import runs_folder, search_folder

        asked = ask_here(search_folder(runs_folder(), name), change, waiting_for)
        content = {
            "search": name,
            "request": asked.request.id,
            "running": asked.running,
            "answered": asked.answer is not None,
            "trial": getattr(asked.answer, "trial", None),
            "said": told(name, asked),
        }
    if as_json:
        say_json(content)
        return
    for line in content["said"]:
        say(line)


def waiting_for(what: str | None) -> None:
    """Say what an answer waits for."""
    if what is not None:
        say(f"ptune: waiting for {what}", err=True)


def told(name: str, asked: Asked) -> list[str]:
    """What has become of a request, in lines for people."""
    from ptune.record.events import Ended, Suggested
    from ptune.record.requests import Add, Clone, End
    from ptune.report.answers import answer_text
    from ptune.searching.requested import outside

    history, answer, change = asked.history, asked.answer, asked.request.change
    resume = f"`{program()} resume {shlex.quote(name)}`"
    if answer is not None:
        lines = [answer_text(answer, history)]
        if isinstance(change, Add | Clone):
            config = history.trials[answer.trial].config if isinstance(answer, Suggested) else {}
            lines += outside(config, list(change.config), history)
        return [f"{lines[0]}; go on with {resume}"] if isinstance(answer, Ended) else lines
    if asked.running:
        return [f"{name} has been asked, and takes it up after what it does at present"]
    if isinstance(change, End):
        return [f"{name} has come to its end by itself: it is {history.status}"]
    return [f"{name} is {history.status}, so this waits until it goes on: {resume}"]
