"""The files of an adapter that ptune has exported for PEFT, read back. Imports neither PEFT nor the model's classes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ptune.artifacts.artifact import Artifact, Manifest
from ptune.artifacts.folders import read_manifest, read_tensors
from ptune.backbone.families import family_of
from ptune.errors import ArtifactError

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = "ptune-peft-1"
MANIFEST = "ptune.json"
CONFIG = "adapter_config.json"
TENSORS = "adapter_model.safetensors"
PROMPT = "prompt_embeddings"


@dataclass(frozen=True)
class Names:
    """What an adapter's tensors are in a prompt.

    Attributes:
        heads: from the names of a head's tensors to those in the adapter; others in the adapter are not of the prompt.
        virtual: the tokens that its virtual tokens stand for, prompt tokens negative; none for keys and values.
    """

    heads: Mapping[str, str]
    virtual: Sequence[int] = ()

    def prompt(self, table: Tensor) -> Tensor:
        """The trained vectors among those of virtual tokens; keys and values are all trained."""
        if not self.virtual:
            return table
        places = {-token - 1: place for place, token in enumerate(self.virtual) if token < 0}
        return table[[places[number] for number in range(len(places))]]


def complete(folder: Path, manifest: Manifest) -> Artifact:
    """Read the tensors of the exported adapter that a folder's manifest describes.

    Raises:
        ArtifactError: they are missing or damaged.
    """
    tensors = read_tensors(folder / TENSORS)
    stated = json.loads((folder / MANIFEST).read_text(encoding="utf-8")).get("names")
    names = Names(**stated) if stated is not None else Names(_classifier_names(manifest))
    missing = sorted({PROMPT, *names.heads.values()} - tensors.keys()) if stated is not None else []
    if missing:
        raise ArtifactError(f"{folder / TENSORS} is damaged, it lacks {', '.join(missing)}")
    heads = {ours: tensors[theirs] for ours, theirs in names.heads.items() if theirs in tensors}
    return Artifact(manifest, {**heads, "prompt.0": names.prompt(tensors[PROMPT])})


def describe(folder: Path) -> Manifest:
    """Read what an exported adapter is, without its tensors.

    Raises:
        ArtifactError: the description is missing, damaged, or of another format.
    """
    return read_manifest(folder / MANIFEST, FORMAT, further=("use", "names"))


def _classifier_names(manifest: Manifest) -> dict[str, str]:
    """The names in adapters that do not state them, which are classifiers."""
    family = family_of(manifest.backbone.model_type, manifest.backbone.id)
    if family.dense:
        modules = {"dense": "classifier.dense", "out": "classifier.out_proj"}
    else:
        modules = {"out": "classifier" if family.reads == "first" else "score"}
    return {
        f"head.0.{ours}.{kind}": f"base_model.{theirs}.{kind}"
        for ours, theirs in modules.items()
        for kind in ("weight", "bias")
    }
