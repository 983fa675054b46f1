"""`ptune export`: a trained prompt as a folder that ptune or another tool loads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ptune.errors import ArtifactError, SpecError
from ptune.report.said import say
from ptune.spec.formats import FORMATS
from ptune.spec.prompt_uri import HUB
from ptune.spec.tracking import is_in_mlflow

if TYPE_CHECKING:
    from ptune.api.export import Found
    from ptune.artifacts.hub import HubTarget


@click.command(short_help="Write the best prompt, or any trial's, for ptune and other tools.")
@click.argument("source", metavar="NAME")
@click.option("--to", "target", type=click.Path(path_type=Path), metavar="DIR", help="Folder to write to.")
@click.option("--format", "kind", type=click.Choice(FORMATS), default="native", show_default=True)
@click.option("--all-formats", is_flag=True, help="Write every format that can express the prompt, into DIR/FORMAT.")
@click.option("--trial", type=click.IntRange(min=0), help="Number of the trial. The default is the best.")
@click.option("--data-set", metavar="NAME", help="The one data set to answer for, of a prompt of several.")
@click.option("--embed-backbone", is_flag=True, help="Copy the backbone into the folder.")
@click.option("--backbone", metavar="DIR", help="Folder or Hub id of the backbone, if it has moved.")
@click.option("--push", "repo", metavar="ORG/NAME", help="Push the folder to this repository on the Hub.")
@click.option("--private/--public", default=True, show_default=True, help="Who sees a repository that is new.")
@click.option("--revision", metavar="BRANCH", help="Branch to push to.  [default: main]")
@click.option("--message", metavar="TEXT", help="Message of the commit.")
def export(
    source: str,
    target: Path | None,
    kind: str,
    all_formats: bool,
    trial: int | None,
    data_set: str | None,
    embed_backbone: bool,
    backbone: str | None,
    repo: str | None,
    private: bool,
    revision: str | None,
    message: str | None,
) -> None:
    """Write a prompt as it was after its trial's best epoch.

    NAME is a search, a run or a model of MLflow (runs:/RUN_ID, models:/NAME@best), the folder of an artifact, or one on
    the Hub (hub:ORG/NAME). The format native holds every prompt. The others are for the loaders of other tools. What is
    written is loaded as such a tool does it, and must give the same scores; else nothing is written.

    \b
    ptune export quickstart --to my-prompt
    ptune export quickstart --to for-peft --format peft --embed-backbone
    ptune export quickstart --to everywhere --all-formats
    ptune export quickstart --to seventh --trial 7
    ptune export quickstart --push me/whose-job --public
    """
    hub = _hub(repo, private=private, revision=revision, message=message)
    if hub is not None and (all_formats or embed_backbone):
        excess = "--all-formats" if all_formats else "--embed-backbone"
        raise SpecError(f"--push takes one format and no embedded backbone, got {excess}")
    if hub is None and target is None:
        raise SpecError("give --to DIR, or --push ORG/NAME, or both")
    if hub is not None:
        hub.check()
    found = _found(source, trial)
    if data_set is not None:
        found = found.part(data_set)
    _say_what(source, found)
    if hub is not None:
        written, address = found.push(target, kind, hub, backbone=backbone)
        say(f"{kind} -> {address}: {written.checked}")
        return
    assert target is not None, "without --push there is --to"
    if all_formats:
        for name, result in found.write_all(target, backbone=backbone, embed=embed_backbone).items():
            if isinstance(result, ArtifactError):
                say(f"{name:10} not written: {_reason(result)}")
            else:
                say(f"{name:10} -> {result.folder}: {result.checked}")
        return
    written = found.write(target, kind, backbone=backbone, embed=embed_backbone)
    say(f"{kind} -> {target}: {written.checked}")
    if written.note is not None:
        say(written.note.replace("`", ""))


def _hub(repo: str | None, *, private: bool, revision: str | None, message: str | None) -> HubTarget | None:
    """Where to push to; None without --push.

    Raises:
        SpecError: options for a push are given without one.
    """
    if repo is None:
        if revision is not None or message is not None:
            raise SpecError(f"{'--revision' if revision is not None else '--message'} needs --push ORG/NAME")
        return None
    from ptune.artifacts.hub import HubTarget

    return HubTarget(repo, private, revision, message)


def _found(source: str, trial: int | None) -> Found:
    """The prompt that is meant.

    Raises:
        SpecError: a number of a trial is given for what is no search.
        PtuneError: there is no such prompt.
    """
    from ptune.api.export import of_folder, of_run, of_search

    is_folder = source.startswith(HUB) or _holds_artifact(Path(source))
    is_run = is_in_mlflow(source) and not is_folder
    if trial is not None and (is_run or is_folder):
        raise SpecError(f"--trial chooses among the trials of a search, and {source} is a single prompt: leave it out")
    if is_run:
        from ptune.run.folders import runs_folder
        from ptune.tracking.location import resolve_uri

        return of_run(source, resolve_uri(None, runs_folder()))
    if is_folder:
        return of_folder(Path(source))
    from ptune.api.search import open as open_search

    search = open_search(source)
    return of_search(search.folder, search.history, trial)


def _holds_artifact(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("artifact.json", "ptune.json"))


def _say_what(source: str, found: Found) -> None:
    from ptune.report.wording import score_text

    manifest = found.artifact.manifest
    metric = manifest.task.metric
    dev = f"{metric} {score_text(manifest.scores['dev'].get(metric))} on dev"
    say(f"trial {manifest.trial} of {manifest.search} ({dev}), from {source}")


def _reason(refusal: ArtifactError) -> str:
    """Why a format was not written, without what the line says already."""
    text = str(refusal).removesuffix("; the native format holds every prompt")
    return text.partition(": ")[2] if text.startswith("the prompt cannot be exported as ") else text
