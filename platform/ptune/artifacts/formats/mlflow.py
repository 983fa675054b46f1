"""A model that MLflow loads, serves and registers: ptune's own files, and beside them those of MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ptune.artifacts import native
from ptune.artifacts.artifact import Manifest
from ptune.artifacts.formats.format import Export, Usage
from ptune.artifacts.probe import TOLERANCE, Probe, hold
from ptune.errors import ArtifactError
from ptune.spec.formats import FormatName


class Mlflow:
    """The format `mlflow`."""

    name: FormatName = "mlflow"
    marker = "MLmodel"
    by_place = True
    by_package = True

    def why_not(self, manifest: Manifest) -> str | None:  # noqa: ARG002 - it holds every prompt
        """Nothing stands against it."""
        return None

    def write(self, export: Export, folder: Path) -> Usage:
        """Write MLflow's files, and ptune's."""
        from ptune.tracking.model import example, write_model  # which takes seconds to import MLflow

        manifest, reference = export.manifest, export.reference
        origin = manifest.backbone
        quantized = origin.quantization is not None
        write_model(folder, manifest.task, origin.id, backbone=_elsewhere(export), quantized=quantized)
        native.fill(folder, export.artifact)
        reference.embed(folder, {})
        params = f", params={{'data_set': {manifest.set_names[0]!r}}}" if len(manifest.sets) > 1 else ""
        code = [
            "import mlflow",
            "",
            "model = mlflow.pyfunc.load_model('.')",
            f"print(model.predict({example(manifest.task)!r}{params}))",
        ]
        notes = [
            "`requirements.txt` pins the packages that it needs. MLflow's loader finds ptune itself in `ptune.zip`.",
            "`mlflow models serve -m . --env-manager local` serves it.",
        ]
        return Usage("mlflow", code, notes)

    def check(self, export: Export, folder: Path) -> str:
        """Load the model with MLflow; hold its scores, and what its `predict` answers, to ptune's."""
        from ptune.tracking.model import load_model

        model = load_model(folder, device="cpu", dtype="float32")
        theirs = export.probes_on(model.get_raw_model())
        scores = (score for probe in theirs for score in probe.scores)
        said = hold(export.probes, "MLflow", lambda _: next(scores))
        for name, probe in zip(export.manifest.set_names, export.probes, strict=True):
            rows = _rows(probe)
            records = [dict(zip(export.predictor.inputs(name), row, strict=True)) for row in rows]
            chosen = {"data_set": name} if len(export.manifest.sets) > 1 else None
            if not _same(model.predict(records, params=chosen), export.predictor.predict(rows, name)):
                raise ArtifactError(f"MLflow's predict gives other answers than ptune on {probe.origin}")
        return said


def _elsewhere(export: Export) -> str | None:
    """What names the backbone, if the manifest's own name for it does not; a package keeps its name everywhere."""
    trained_on = export.manifest.backbone.id
    given = export.backbone_id or trained_on
    name = given if export.reference.package else export.reference.name
    return None if export.embed or name == trained_on else name


def _rows(probe: Probe) -> list[tuple[str, ...]]:
    """The inputs of a probe as people give them: a sentence is one string."""
    return [tuple(text if isinstance(text, str) else " ".join(text) for text in texts) for texts in probe.texts]


def _same(theirs: Any, ours: Any) -> bool:
    """Whether two answers are alike; numbers may differ by `TOLERANCE`."""
    match ours:
        case dict():
            return theirs.keys() == ours.keys() and all(_same(theirs[key], value) for key, value in ours.items())
        case list():
            return len(theirs) == len(ours) and all(map(_same, theirs, ours))
        case float():
            return bool(abs(theirs - ours) <= TOLERANCE * max(1.0, abs(ours)))
        case _:
            return bool(theirs == ours)
