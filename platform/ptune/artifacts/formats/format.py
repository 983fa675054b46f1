"""What a format can do, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ptune.artifacts.artifact import Artifact, Manifest
from ptune.artifacts.probe import Probe, make_probe
from ptune.artifacts.reference import BackboneReference
from ptune.backbone.families import Family, family_of
from ptune.data.sources import Split
from ptune.spec.formats import FormatName

if TYPE_CHECKING:
    from ptune.artifacts.predict import Predictor


@dataclass(frozen=True)
class Export:
    """One prompt on its way out.

    Attributes:
        artifact: the prompt.
        target: the folder that it will lie in.
        backbone_id: where its backbone is; None is where the artifact says.
        dev: reads the dev split of each data set; its answer is None where they are not at hand.
        embed: whether the backbone's files are copied into the folder.
        repo: the repository on the Hub that the folder is for; None is none.
    """

    artifact: Artifact
    target: Path
    backbone_id: str | None = None
    dev: Callable[[], Sequence[Split] | None] = lambda: None
    embed: bool = False
    repo: str | None = None

    @property
    def manifest(self) -> Manifest:
        """What the prompt is."""
        return self.artifact.manifest

    @property
    def family(self) -> Family:
        """The family of its backbone."""
        return family_of(self.manifest.backbone.model_type, self.manifest.backbone.id)

    @cached_property
    def reference(self) -> BackboneReference:
        """How other tools find its backbone.

        Raises:
            BackboneError: it cannot be found.
        """
        origin = self.manifest.backbone
        return BackboneReference.of(self.backbone_id or origin.id, origin.revision, self.target if self.embed else None)

    def as_trained(self, model: Any) -> Any:
        """A model of transformers with whole weights, its layers quantized in place as the prompt's backbone was."""
        if self.manifest.backbone.quantization is not None:
            from ptune.backbone.quantize import quantize_layers

            quantize_layers(model, lambda weight: (weight.device, weight.dtype))
        return model

    @cached_property
    def predictor(self) -> Predictor:
        """The prompt on its backbone, in float32 on the CPU, quantized as in training.

        Raises:
            ArtifactError: the backbone is another than that of the training.
            BackboneError: it cannot be found or loaded.
        """
        from ptune.artifacts.predict import Predictor

        return Predictor.on_backbone(self.artifact, self.backbone_id, "cpu", "float32")

    @cached_property
    def probes(self) -> list[Probe]:
        """What the export is held to, for each data set."""
        return self.probes_on(self.predictor)

    def probes_on(self, predictor: Predictor) -> list[Probe]:
        """The same inputs, scored by another predictor."""
        splits: Sequence[Split | None] = self.dev() or [None] * len(self.manifest.sets)
        return [make_probe(predictor, part, dev) for part, dev in enumerate(splits)]


@dataclass(frozen=True)
class Usage:
    """What a model card says about a format.

    Attributes:
        library: the library that loads it, as the Hub names it.
        code: Python that loads the prompt and answers one input, run inside the folder.
        notes: what a user of the code has to know, a sentence each.
    """

    library: str
    code: Sequence[str]
    notes: Sequence[str] = ()


class Format(Protocol):
    """A format: which prompts it holds, how they are written, and how the result is checked."""

    name: FormatName
    marker: str
    """The file that tells its folders from others."""
    by_place: bool
    """Whether its files name a backbone without a Hub id by its place on this machine."""
    by_package: bool
    """Whether they name a packaged one by its package, all the same."""

    def why_not(self, manifest: Manifest) -> str | None:
        """Why it cannot express a prompt, and what would make it exportable; None when it can."""

    def write(self, export: Export, folder: Path) -> Usage:
        """Fill an empty folder.

        Raises:
            ArtifactError: what `why_not` cannot see in a manifest stands against it.
            BackboneError: the backbone is needed and cannot be found or loaded.
        """

    def check(self, export: Export, folder: Path) -> str:
        """Load what `write` has written as its users do, and hold it to ptune's scores; say what was compared.

        Raises:
            ArtifactError: the scores differ.
        """


def why_not(chosen: Format, manifest: Manifest) -> str | None:
    """Why a prompt cannot be exported in a format, and what would make it exportable; None when it can."""
    if manifest.backbone.has_code and chosen.name != "native":
        return f"{manifest.backbone.id} brings Python code along, which no other format can vouch for"
    return chosen.why_not(manifest)


def is_bound(chosen: Format, reference: BackboneReference) -> bool:
    """Whether an export in a format names its backbone by its place on this machine."""
    portable = reference.hub or reference.embedded or (chosen.by_package and reference.package)
    return chosen.by_place and not portable
