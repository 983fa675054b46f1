"""`ptune trial`: add a trial to a search, stop one, or try one again with changes."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ptune.cli.asking import ask, cluster_option, json_option

set_option = click.option(
    "--set", "settings", multiple=True, metavar="PARAMETER=VALUE", help="A value of the trial. May be repeated."
)


@click.group(short_help="Add, clone or stop a trial of a search.")
def trial() -> None:
    """Change which trials a search has while it runs. Of one that does not run, `ptune resume` takes it up.

    \b
    ptune trial add quickstart --set method=v2 --set lr=0.03
    ptune trial clone quickstart 7 --set depth=3
    ptune trial stop quickstart 4
    """


@trial.command(short_help="Add a trial.")
@click.argument("name")
@set_option
@cluster_option
@json_option
def add(name: str, settings: tuple[str, ...], address: str | None, as_json: bool) -> None:
    """Add a trial to the search NAME, beside those of its budget. It is the next to begin.

    What the settings leave out is proposed as for any other trial. Values outside the space are taken, too.

    \b
    ptune trial add quickstart
    ptune trial add quickstart --set method=v2 --set lr=0.03
    """
    from ptune.record.requests import Add
    from ptune.spec.overrides import configuration

    change = Add(configuration(settings))
    ask(name, change, ["trial", "add", name, *_given(settings)], address, as_json=as_json)


@trial.command(short_help="Try a trial again with changes.")
@click.argument("name")
@click.argument("number", metavar="TRIAL", type=click.IntRange(min=0))
@set_option
@click.option(
    "--warm", is_flag=True, help="Start from what the trial has learned. Its prompt must have the same shape."
)
@cluster_option
@json_option
def clone(name: str, number: int, settings: tuple[str, ...], warm: bool, address: str | None, as_json: bool) -> None:
    """Add a trial to the search NAME that has the configuration of TRIAL, with some values changed.

    \b
    ptune trial clone quickstart 7 --set depth=3
    ptune trial clone quickstart 7 --set lr=0.003 --warm
    """
    from ptune.record.requests import Clone
    from ptune.spec.overrides import configuration

    words = ["trial", "clone", name, str(number), *_given(settings), *(["--warm"] if warm else [])]
    ask(name, Clone(number, configuration(settings), warm), words, address, as_json=as_json)


@trial.command(short_help="Stop a trial.")
@click.argument("name")
@click.argument("number", metavar="TRIAL", type=click.IntRange(min=0))
@cluster_option
@json_option
def stop(name: str, number: int, address: str | None, as_json: bool) -> None:
    """Stop a TRIAL of the search NAME for good. What it has reported stays, and others may take its place at its rung.

    \b
    ptune trial stop quickstart 4
    """
    from ptune.record.requests import Stop

    ask(name, Stop(number), ["trial", "stop", name, str(number)], address, as_json=as_json)


def _given(settings: Sequence[str]) -> list[str]:
    """Settings as words of a command line."""
    return [word for setting in settings for word in ("--set", setting)]
