"""What the commands share that ask something of a search: whom they ask, and what they say of the answer."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, assert_never

import click

from ptune.cli.running import program
from ptune.report.said import say, say_json

if TYPE_CHECKING:
    from ptune.record.events import Suggested
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

        asked = ask_here(search_folder(runs_folder(), name), change)
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


def told(name: str, asked: Asked) -> list[str]:
    """What has become of a request, in lines for people."""
    from ptune.record.events import Ended, Extended, Finished, Refused, Suggested
    from ptune.report.wording import score_text

    history, answer = asked.history, asked.answer
    match answer:
        case None:
            return [_waiting(name, asked)]
        case Suggested():
            return _added(asked, answer)
        case Finished(trial):
            record, metric = history.trials[trial], history.objective.metric
            best = "" if record.best_value is None else f"; its best {metric} is {score_text(record.best_value)}"
            return [f"trial {trial} is stopped after epoch {record.epoch}{best}"]
        case Extended():
            return [f"{name} is extended: it will have {history.planned} trials"]
        case Ended(status):
            return [f"{name} is {status}; go on with `{program()} resume {shlex.quote(name)}`"]
        case Refused(reason=reason):
            return [reason]
        case _:
            assert_never(answer)


def _waiting(name: str, asked: Asked) -> str:
    """Who takes a request up that has no answer yet."""
    from ptune.record.requests import End

    if asked.running:
        return f"{name} has been asked, and takes it up after what it does at present"
    if isinstance(asked.request.change, End):
        return f"{name} has come to its end by itself: it is {asked.history.status}"
    state = asked.history.status
    return f"{name} is {state}, so this waits for it to go on: `{program()} resume {shlex.quote(name)}`"


def _added(asked: Asked, answer: Suggested) -> list[str]:
    """What trial has been added."""
    from ptune.record.requests import Add, Clone
    from ptune.record.wording import described
    from ptune.searching.requested import outside

    history, change = asked.history, asked.request.change
    assert isinstance(change, Add | Clone), "only these are answered with a trial"
    record = history.trials[answer.trial]
    names = list(dict.fromkeys([*history.header.varied, *change.config]))
    kind = "added" if answer.cloned is None else f"a {'warm ' if answer.warm else ''}clone of trial {answer.cloned}"
    lines = [f"trial {answer.trial} is {kind}: {described(record.config, names)}"]
    lines += outside(record.config, list(change.config), history)
    return lines if record.status != "failed" else [*lines, f"it cannot be trained: {record.reason}"]
