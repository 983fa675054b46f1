"""What an exported prompt is, wherever it lies. Imports no torch."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ptune.errors import JournalError
from ptune.spec.prompt_uri import HUB
from ptune.spec.tracking import is_in_mlflow

if TYPE_CHECKING:
    from ptune.artifacts.inspection import Inspection


def inspect(source: str | os.PathLike[str]) -> Inspection:
    """Look at an exported prompt: what it is, where it comes from, whether its files are whole, and where it can go.

    Args:
        source: the folder of an artifact, the name of a search, a run or a model of MLflow (`runs:/RUN_ID`,
            `models:/NAME@best`), or a prompt on the Hub (`hub:ORG/NAME`).

    Returns:
        Its `manifest`, which is the prompt's description; `damage`, a phrase for each file that is not as it was
        written; `exports`, by format, why it cannot hold the prompt, or None. `to_json()` is all of it. What comes from
        MLflow is gone from its `folder` afterwards.

    Raises:
        ArtifactError: there is no such folder, or it holds no artifact.
        NotFoundError: there is no such search.
        JournalError: it has exported nothing yet.
        TrackingError: MLflow has no such run or model, or does not answer.
        HubError: the Hub has no such prompt, or does not answer.
        SpecError: `source` is no path.

    Examples:
        >>> found = ptune.inspect("quickstart")
        >>> found.manifest.search, found.damage
        ('quickstart', [])
    """
    from ptune.api.arguments import as_path
    from ptune.artifacts.inspection import inspect as look_at

    with folder_of(source if isinstance(source, str) else str(as_path(source, "source"))) as folder:
        return look_at(folder)


@contextlib.contextmanager
def folder_of(source: str) -> Iterator[Path]:
    """The folder that is meant; that of a run is there as long as it is looked at.

    Raises:
        JournalError: it is a search that has exported nothing yet.
        TrackingError: MLflow has no such run, or it holds no prompt.
        HubError: the Hub has no such prompt, or does not answer.
    """
    from ptune.record.journal import JOURNAL
    from ptune.run.conclusion import ARTIFACT
    from ptune.run.folders import runs_folder, search_folder

    if is_in_mlflow(source) and not Path(source).is_dir():
        from ptune.tracking.fetch import fetch_prompt
        from ptune.tracking.location import resolve_uri

        with tempfile.TemporaryDirectory(prefix="ptune-run-") as scratch:
            yield fetch_prompt(source, resolve_uri(None, runs_folder()), Path(scratch))
        return
    if source.startswith(HUB):
        from ptune.artifacts.hub import fetched

        yield fetched(source)
        return
    given = Path(source)
    search = given if (given / JOURNAL).is_file() else runs_folder() / source
    if (search / JOURNAL).is_file():
        if not (search / ARTIFACT).is_dir():
            raise JournalError(
                f"{source} has exported no prompt yet; `ptune export {source} --to DIR` writes its best one up to now"
            )
        yield search / ARTIFACT
        return
    yield given if given.exists() or len(given.parts) > 1 else search_folder(runs_folder(), source)
