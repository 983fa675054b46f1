"""What `search` and `resume` share: where to train, what is shown meanwhile, and what is said at the end."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ptune.cli.exits import FAILED, INTERRUPTED
from ptune.report.said import say, say_json

if TYPE_CHECKING:
    from ptune.run.search import Outcome
    from ptune.run.session import Observer, Runner
    from ptune.spec.task import Task

local_option = click.option("--local", is_flag=True, help="Train in this process, without Ray.")
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object at the end. The live view goes to standard error."
)
address_option = click.option(
    "--address",
    envvar="RAY_ADDRESS",
    help="Ray cluster to train on, as HOST:PORT. Without it, Ray runs inside this command.",
)
changed_libraries_option = click.option(
    "--changed-libraries",
    is_flag=True,
    envvar="PTUNE_CHANGED_LIBRARIES",
    help="Go on although PyTorch, transformers or Optuna have other versions than those the search began with.",
)


def pick_runner(*, local: bool, address: str | None) -> Runner:
    """Where a command's search trains; see `ptune.api.compose.runner_for`."""
    from ptune.api import compose

    owns_process = bool(click.get_current_context().obj)
    return compose.runner_for(local=local, address=address, owns_process=owns_process)


def pick_observer(*, as_json: bool) -> Observer:
    """What is shown while a search runs: on standard error if standard output is for a program."""
    from ptune.report.live import live_view

    return live_view(sys.stderr if as_json else sys.stdout)


def conclude(outcome: Outcome, *, as_json: bool, local: bool, address: str | None) -> int:
    """Say how a search ended, and how to go on on the same runner; return the exit code."""
    resume = f"{program()} resume {outcome.name}{_runner_options(local=local, address=address)}"
    if as_json:
        say_json(outcome.to_json())
    else:
        from ptune.report.summary import next_commands, print_summary

        task = outcome.history.job.task
        commands = next_commands(
            outcome,
            example_texts(task),
            data_set=example_set(task),
            program=program(),
            resume=resume,
        )
        print_summary(sys.stdout, outcome, commands)
    if outcome.status == "interrupted":
        say(f"ptune: interrupted; go on with `{resume}`", err=True)
        return INTERRUPTED
    if outcome.best is None:
        say("ptune: no trial has a result; `failed` above says why", err=True)
        return FAILED
    return 0


def _runner_options(*, local: bool, address: str | None) -> str:
    """The options with which another command trains where this one did."""
    if local:
        return " --local"
    return f" --address {shlex.quote(address)}" if address and "RAY_ADDRESS" not in os.environ else ""


def program() -> str:
    """How this command is called from where the user stands: `make search` runs it from an environment off the PATH."""
    if shutil.which("ptune"):
        return "ptune"
    script = Path(sys.executable).with_name("ptune")
    if not script.is_file():
        return "python -m ptune"
    folder = Path.cwd()
    return shlex.quote(str(script.relative_to(folder) if script.is_relative_to(folder) else script))


def example_set(task: Task) -> str | None:
    """The data set that `example_texts` are of; None where a task has only one."""
    names = task.set_names
    return names[0] if len(names) > 1 else None


def example_texts(task: Task) -> list[str]:
    """A real input of a task, text by text: the shortest of the first dev examples, if they lie in a file here.

    Args:
        task: the job's task; of several data sets, the first counts.
    """
    from ptune.data.builtin import PREFIX, split_file
    from ptune.data.readers import Reading, read_file
    from ptune.errors import DataError
    from ptune.spec.source import file_of

    data = task.sets[0]
    names = data.columns
    placeholders = [f"a {name}" for name in names]
    if data.source is not None and not data.source.startswith(PREFIX):
        return placeholders
    name = file_of(data.train if data.folds else data.dev)
    try:
        path = split_file(data.source, name) if data.source else Path(name)
        table = read_file(path, names, Reading.of(data))
        rows = [[_one_line(row[column]) for column in names] for row in table.select(range(min(50, len(table))))]
    except (DataError, KeyError):  # the file has gone since the search read it, or is not read as it lies there
        return placeholders
    return min(rows, key=lambda texts: sum(map(len, texts)))


def _one_line(value: Any) -> str:
    """A text, or a list of words, without line breaks and tabs, which `ptune predict` reads as borders."""
    return " ".join(" ".join(value if isinstance(value, list) else [str(value)]).split())
