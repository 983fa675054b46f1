"""A prompt written in a format: whole, checked, with its model card and its checksums; or not at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ptune.artifacts.artifact import Manifest
from ptune.artifacts.card import model_card
from ptune.artifacts.checksums import CARD, write_checksums
from ptune.artifacts.folders import replacing_folder
from ptune.artifacts.formats.format import Export, Format, is_bound, why_not
from ptune.artifacts.formats.registry import format_in
from ptune.errors import ArtifactError
from ptune.files import write_text


@dataclass(frozen=True)
class Exported:
    """A prompt that lies in its folder.

    Attributes:
        folder: the folder.
        checked: what its scores were compared with.
        note: what has to be known about where its backbone is; None if nothing.
    """

    folder: Path
    checked: str
    note: str | None = None


def write_export(chosen: Format, export: Export) -> Exported:
    """Write a prompt in a format; one that is there already is replaced in one step.

    Raises:
        ArtifactError: the format cannot express the prompt, another tool gives it other scores, or the folder holds
            anything that is not an export's.
        BackboneError: the format needs the backbone, and it cannot be found or loaded.
    """
    reason = why_not(chosen, export.manifest)
    if reason is not None:
        raise ArtifactError(
            f"the prompt cannot be exported as {chosen.name}: {reason}; the native format holds every prompt"
        )
    there = format_in(export.target)
    if there not in (None, chosen.name):
        raise ArtifactError(
            f"{export.target} is not replaced, because it holds an export in another format, {there}, and not "
            f"{chosen.name}; name a folder that does not exist"
        )
    with replacing_folder(export.target, chosen.marker) as draft:
        usage = chosen.write(export, draft)
        checked = chosen.check(export, draft)
        reference = export.reference if chosen.name != "native" else None
        place = reference.note() if reference is not None and is_bound(chosen, reference) else None
        usage = replace(usage, notes=[*usage.notes, *filter(None, [place, _quantized(chosen, export.manifest)])])
        write_text(draft / CARD, model_card(export.manifest, chosen.name, usage, reference, checked, export.repo))
        write_checksums(draft)
    return Exported(export.target, checked, place)


def _quantized(chosen: Format, manifest: Manifest) -> str | None:
    """What users of other tools have to know of a prompt that was trained on a quantized backbone; else None."""
    quantization = manifest.backbone.quantization
    if quantization is None or chosen.name in ("native", "mlflow"):
        return None
    return (
        f"The prompt was trained on the backbone with its matrices in {quantization}, and was checked on the same. The "
        "code loads whole weights, with which scores are slightly others."
    )
