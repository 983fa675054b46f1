"""`ptune confirm`: the best of a search again, on fresh seeds."""

from __future__ import annotations

import click

from ptune.cli.running import address_option, conclude, json_option, local_option, pick_observer, pick_runner


@click.command(short_help="Repeat and test the best configurations on fresh seeds.")
@click.argument("name")
@click.option(
    "--top", type=click.IntRange(min=1), default=3, show_default=True, help="Number of configurations to repeat."
)
@click.option(
    "--seeds", type=click.IntRange(min=1), default=5, show_default=True, help="Number of seeds for each configuration."
)
@local_option
@address_option
@json_option
def confirm(name: str, top: int, seeds: int, local: bool, address: str | None, as_json: bool) -> int:
    """Train the best configurations of a finished search again, and report mean and standard deviation.

    The best of many trials is the best partly by luck. Each repetition trains to its horizon on a seed of its own,
    and on every few-shot draw if the data has them. It keeps the epoch that was the best one in the search and is
    scored on the test split. A winner is named only if it is better than all others beyond what chance explains; else
    it is said how many more repetitions might tell. The repetitions form a search called NAME-confirm, which can be
    interrupted and resumed.

    \b
    ptune confirm quickstart
    ptune confirm quickstart --top 1 --seeds 10 --local
    """
    from ptune.api import compose
    from ptune.run.folders import runs_folder

    runner = pick_runner(local=local, address=address)
    observer = pick_observer(as_json=as_json)
    outcome = compose.confirm(name, runs_folder(), runner, observer, top=top, seeds=seeds)
    return conclude(outcome, as_json=as_json, local=local, address=address)
