"""`ptune extend`: let a search try more configurations than its budget says."""

from __future__ import annotations

import re

import click

from ptune.cli.asking import ask, cluster_option, json_option


@click.command(short_help="Give a search more trials.")
@click.argument("name")
@click.option("--trials", required=True, metavar="+N", help="How many more trials, such as +20.")
@cluster_option
@json_option
def extend(name: str, trials: str, address: str | None, as_json: bool) -> None:
    """Give the search NAME more trials than its budget says, whether it runs or has ended.

    A search that runs goes on with them at once, and one that does not when it is resumed. Trials that early stopping
    has ended stay as they are.

    \b
    ptune extend quickstart --trials +20
    ptune resume quickstart
    """
    from ptune.errors import SpecError
    from ptune.record.requests import Extend

    if re.fullmatch(r"\+[0-9]{1,9}", trials) is None:
        raise SpecError(f"--trials says how many more, such as +20, got {trials!r}")
    ask(name, Extend(int(trials)), ["extend", name, "--trials", trials], address, as_json=as_json)
