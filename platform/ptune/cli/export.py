"""`ptune export`: a trial's prompt as an artifact."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="Write a search's best prompt, or any trial's, as an artifact.")
@click.argument("name")
@click.option("--to", "target", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Folder to write.")
@click.option("--format", "kind", type=click.Choice(["native", "peft"]), default="native", show_default=True)
@click.option("--trial", type=click.IntRange(min=0), help="Export this trial instead of the best.")
def export(name: str, target: Path, kind: str, trial: int | None) -> None:
    r"""Write the prompt of a search's best trial, as it was after its best epoch.

    native is ptune's own format; peft is what PEFT's loader reads, where PEFT can express the prompt.

    \b
    ptune export quickstart --to my-prompt
    ptune export quickstart --to for-peft --format peft
    ptune export quickstart --to seventh --trial 7
    """
    raise NotImplementedError((name, target, kind, trial))
