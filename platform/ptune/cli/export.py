"""`ptune export`: a trial's prompt as an artifact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ptune.errors import SpecError

if TYPE_CHECKING:
    from ptune.artifacts.artifact import Artifact
    from ptune.record.history import History, TrialRecord


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
    from ptune.artifacts import native, peft
    from ptune.report.wording import score
    from ptune.run.folders import runs_folder, search_folder

    artifact = find_artifact(search_folder(runs_folder(), name), trial)
    (peft if kind == "peft" else native).write(target, artifact)
    manifest = artifact.manifest
    metric = manifest.task.metric
    click.echo(
        f"trial {manifest.trial} of {name} ({metric} {score(manifest.scores['dev'].get(metric))} on dev) -> {target}"
    )


def find_artifact(folder: Path, trial: int | None) -> Artifact:
    """The prompt of one trial, or of the best: what the search exported, else made from the trial's saved state.

    Raises:
        SpecError: there is no such trial, or it has no result.
        EngineError: its saved state is missing or damaged.
    """
    from ptune.artifacts import native
    from ptune.record.history import History
    from ptune.record.journal import JOURNAL, read
    from ptune.run.outcome import ARTIFACT, artifact_of

    history = History.of(read(folder / JOURNAL))
    chosen = pick(history, trial)
    if history.status == "complete" and (folder / ARTIFACT).is_dir():
        exported = native.read(folder / ARTIFACT)  # which has the test split's scores, too
        if exported.manifest.trial == chosen.number:
            return exported
    from ptune.run.load import load_job_backbone
    from ptune.run.prepare import prepare

    job = history.job
    return artifact_of(chosen, load_job_backbone(job), prepare(job).splits, job, folder)


def pick(history: History, number: int | None) -> TrialRecord:
    """A trial that has a result: the best, or the one asked for.

    Raises:
        SpecError: there is none.
    """
    ranked = history.ranked()
    if not ranked:
        raise SpecError("no trial has a result yet")
    if number is None:
        return ranked[0]
    for trial in ranked:
        if trial.number == number:
            return trial
    valid = ", ".join(str(trial.number) for trial in sorted(ranked, key=lambda trial: trial.number))
    raise SpecError(f"trial {number} has no result to export (trials that have one: {valid})")
