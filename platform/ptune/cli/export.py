"""`ptune export`: a trial's prompt as an artifact."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="Write the best prompt, or any trial's, as an artifact.")
@click.argument("name")
@click.option(
    "--to", "target", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Folder to write to."
)
@click.option("--format", "kind", type=click.Choice(["native", "peft"]), default="native", show_default=True)
@click.option("--trial", type=click.IntRange(min=0), help="Number of the trial. The default is the best.")
def export(name: str, target: Path, kind: str, trial: int | None) -> None:
    """Write the prompt of the best trial, or of another one, as it was after the trial's best epoch.

    The format native holds every prompt. The format peft is for PEFT's own loader, and holds the prompts that PEFT can
    express.

    \b
    ptune export quickstart --to my-prompt
    ptune export quickstart --to for-peft --format peft
    ptune export quickstart --to seventh --trial 7
    """
    from ptune.api.export import export as write
    from ptune.api.search import open as open_search
    from ptune.report.wording import score_text

    search = open_search(name)
    manifest = write(search.folder, search.history, target, kind, trial).manifest
    metric = manifest.task.metric
    dev = f"{metric} {score_text(manifest.scores['dev'].get(metric))} on dev"
    click.echo(f"trial {manifest.trial} of {name} ({dev}) -> {target}")
