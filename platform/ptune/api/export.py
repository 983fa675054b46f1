"""A trained prompt, from wherever it is, in the formats that other tools load."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ptune.errors import ArtifactError, DataError, SpecError, nearest
from ptune.spec.formats import FORMATS, FormatName

if TYPE_CHECKING:
    from ptune.artifacts.artifact import Artifact
    from ptune.artifacts.export import Exported
    from ptune.artifacts.hub import HubTarget
    from ptune.data.sources import Split
    from ptune.record.history import History, TrialRecord
    from ptune.spec.task import Task


@dataclass(frozen=True)
class Found:
    """A prompt that can be exported.

    Attributes:
        artifact: the prompt.
        dev: reads the dev split of each data set; its answer is None where they are not at hand.
    """

    artifact: Artifact
    dev: Callable[[], Sequence[Split] | None]

    def part(self, data_set: str) -> Found:
        """The prompt for one of its data sets alone.

        Raises:
            ArtifactError: it has no such data set.
        """
        number, part = self.artifact.manifest.set_names.index, self.artifact.part(data_set)

        def dev() -> Sequence[Split] | None:
            splits = self.dev()
            return None if splits is None else [splits[number(data_set)]]

        return Found(part, dev)

    def write(
        self,
        target: Path,
        format_name: str,
        *,
        backbone: str | None = None,
        embed: bool = False,
        repo: str | None = None,
    ) -> Exported:
        """Write the prompt in a format.

        Args:
            target: the folder to write.
            format_name: one of `ptune.spec.formats.FORMATS`.
            backbone: where its backbone is; None is where it was at training.
            embed: copy the backbone into the folder, where a format names it.
            repo: the repository on the Hub that the folder is for, if it is.

        Raises:
            SpecError: there is no such format.
            ArtifactError: the format cannot express the prompt, or another tool gives it other scores; nothing is
                written.
            BackboneError: the backbone is not there.
        """
        from ptune.artifacts.export import write_export
        from ptune.artifacts.formats.format import Export
        from ptune.artifacts.formats.registry import BY_NAME

        return write_export(
            BY_NAME[format_of(format_name)], Export(self.artifact, target, backbone, self.dev, embed=embed, repo=repo)
        )

    def push(
        self, target: Path | None, format_name: str, hub: HubTarget, *, backbone: str | None = None
    ) -> tuple[Exported, str]:
        """Write the prompt in a format, and push its folder to the Hub.

        Args:
            target: the folder to write; None is one that is gone afterwards.
            format_name: one of `ptune.spec.formats.FORMATS`.
            hub: where to push to; it has been checked.
            backbone: where its backbone is; None is where it was at training.

        Returns:
            What was written, and the address of the commit.

        Raises:
            SpecError: the format would name the backbone by its place on this machine.
            HubError: the Hub refuses, or does not answer; what was written to `target` stays.
            ArtifactError: as for `write`.
            BackboneError: as for `write`.
        """
        from ptune.artifacts.formats.format import is_bound
        from ptune.artifacts.formats.registry import BY_NAME
        from ptune.artifacts.reference import BackboneReference

        origin, chosen = self.artifact.manifest.backbone, BY_NAME[format_of(format_name)]
        name = backbone or origin.id
        if is_bound(chosen, BackboneReference.of(name, origin.revision, None)):
            raise SpecError(
                f"{hub.repo} is not pushed: {name} has no Hub id, and a folder of the format {chosen.name} would name "
                "it by its place on this machine; --backbone ORG/NAME gives its Hub id, and the formats native and hf "
                "need none"
            )
        with tempfile.TemporaryDirectory(prefix="ptune-push-") as scratch:
            folder = target or Path(scratch) / "prompt"
            written = self.write(folder, chosen.name, backbone=backbone, repo=hub.repo)
            return written, hub.push(folder, f"{self.artifact.manifest.search} in the format {chosen.name}, by ptune")

    def write_all(
        self, target: Path, *, backbone: str | None = None, embed: bool = False
    ) -> dict[FormatName, Exported | ArtifactError]:
        """Write the prompt in every format that can express it, each into a folder of its name inside `target`.

        Returns:
            By format, what was written, or why it was not.

        Raises:
            BackboneError: the backbone is not there.
        """
        done: dict[FormatName, Exported | ArtifactError] = {}
        for name in FORMATS:
            try:
                done[name] = self.write(target / name, name, backbone=backbone, embed=embed)
            except ArtifactError as refusal:
                done[name] = refusal
        return done


def format_of(name: str) -> FormatName:
    """The format of a name.

    Raises:
        SpecError: there is none.
    """
    for known in FORMATS:
        if name == known:
            return known
    raise SpecError(f"format is one of {', '.join(FORMATS)}, got {name!r}{nearest(name, FORMATS)}")


def of_search(folder: Path, history: History, number: int | None) -> Found:
    """The prompt of one trial of a search, or of the best; see `find_artifact`."""
    job = history.job
    seed = job.seed if job.data_seed is None else job.data_seed
    return Found(find_artifact(folder, history, number), lambda: _dev(job.task, seed))


def of_folder(folder: Path) -> Found:
    """The prompt that a folder holds.

    Raises:
        ArtifactError: the folder holds no artifact, or a damaged one.
    """
    from ptune.artifacts.load import load_artifact
    from ptune.data.builtin import PREFIX

    artifact = load_artifact(folder)
    task = artifact.manifest.task
    # An artifact knows the names of its files, not their places; only built-in data is the same everywhere.
    builtin = all(data.source is not None and data.source.startswith(PREFIX) for data in task.sets)
    return Found(artifact, lambda: _dev(task, artifact.manifest.seed) if builtin else None)


def of_run(uri: str, tracking_uri: str) -> Found:
    """The prompt that a run or a model of MLflow holds; see `ptune.tracking.fetch.fetch_prompt`.

    Raises:
        TrackingError: MLflow has no such run, or it holds no prompt.
        ArtifactError: what it holds is damaged.
    """
    from ptune.tracking.fetch import fetch_prompt

    with tempfile.TemporaryDirectory(prefix="ptune-run-") as folder:
        return of_folder(fetch_prompt(uri, tracking_uri, Path(folder)))


def find_artifact(folder: Path, history: History, number: int | None) -> Artifact:
    """The prompt of one trial, or of the best: what the search has exported, else made from the trial's saved state.

    Args:
        folder: the search's folder.
        history: the search.
        number: the trial; None is the best.

    Raises:
        SpecError: there is no such trial, or it has no result.
        EngineError: its saved states are damaged, and it cannot be trained again.
    """
    from ptune.artifacts.load import load_artifact
    from ptune.run.conclude import artifact_of, best_artifact
    from ptune.run.conclusion import ARTIFACT

    trial = pick(history, number)
    if history.ended and history.ended.status == "complete" and (folder / ARTIFACT).is_dir():
        exported = load_artifact(folder / ARTIFACT)  # which has the test split's scores, too
        if exported.manifest.trial == trial.number:
            return exported
    from ptune.run.kept_start import kept_start
    from ptune.run.load import load_job_backbone
    from ptune.run.prepare import prepare

    job = history.job
    make = artifact_of if number is not None else best_artifact
    return make(
        trial, load_job_backbone(job), prepare(job, folder.parent, kept_start(history.header, folder)), history, folder
    )


def pick(history: History, number: int | None) -> TrialRecord:
    """A trial that has a result: the best, or the one asked for.

    Raises:
        SpecError: there is none.
    """
    ranked = history.ranked()
    if not ranked:
        raise SpecError("no trial has a result yet")
    if number is None:
        assert history.best is not None, "some trial has a result"
        return history.best
    for trial in ranked:
        if trial.number == number:
            return trial
    valid = ", ".join(str(trial.number) for trial in sorted(ranked, key=lambda trial: trial.number))
    raise SpecError(f"trial {number} has no result to export (trials that have one: {valid})")


def _dev(task: Task, seed: int) -> Sequence[Split] | None:
    from ptune.data.sources import load_splits

    try:
        return [load_splits(data, seed).dev for data in task.sets]
    except DataError:  # its files have gone since the search; the check then takes made-up texts, and says so
        return None
