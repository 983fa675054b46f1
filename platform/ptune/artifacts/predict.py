"""Use an artifact: texts in, labels and probabilities out. Knows one prompt on one backbone; trains nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from ptune.artifacts.artifact import Artifact
from ptune.artifacts.load import load_artifact
from ptune.backbone.load import Backbone, best_device, load_backbone
from ptune.backbone.locate import locate, weights_hash
from ptune.errors import ArtifactError, BackboneError, DataError
from ptune.prompts.build import load_learner
from ptune.prompts.forward import predict
from ptune.prompts.layout import bind, encode
from ptune.spec.template import parse

TOKEN_BUDGET = 8_192


@dataclass(frozen=True)
class Prediction:
    """The answer for one input."""

    label: str
    probabilities: dict[str, float]
    """Every label's, in the order of the artifact's labels; they sum to 1."""

    def to_json(self) -> dict[str, Any]:
        """The answer as a JSON object."""
        return {"label": self.label, "probabilities": self.probabilities}


class Predictor:
    """An artifact on its backbone, ready to answer.

    Raises:
        ArtifactError: the artifact's tensors do not fit its description, or it belongs to another backbone.
    """

    def __init__(self, artifact: Artifact, backbone: Backbone) -> None:
        about = artifact.about
        _check_hash(artifact, backbone.id, backbone.hash)
        self.artifact = artifact
        self._backbone = backbone
        pooled = backbone.pooler is not None
        try:
            learner = load_learner(
                about.prompt, backbone.shape, backbone.family, len(about.labels), pooled, artifact.tensors
            )
            parts = parse(about.template, about.fields)
        except (RuntimeError, ValueError) as error:
            raise ArtifactError(f"the artifact is damaged, its parts do not fit each other: {error}") from None
        self._learner = learner.to(backbone.device)
        self._layout = bind(parts, backbone, about.fields, about.max_length)

    @classmethod
    def load(
        cls,
        folder: Path,
        backbone_id: str | None = None,
        device: str = "auto",
        dtype: str = "float32",
    ) -> Self:
        """Load an artifact, native or PEFT, and its backbone.

        Args:
            folder: the artifact.
            backbone_id: where the backbone is, if not where the artifact says; see `ptune.backbone.locate.locate`.
            device: `cpu`, `cuda`, or `auto`: a GPU if there is one.
            dtype: type of the backbone's weights: `float32`, `bfloat16`, or `auto`.

        Raises:
            ArtifactError: the artifact cannot be read, or the backbone's weights are not those it was trained on.
            BackboneError: the backbone cannot be found or loaded.
        """
        artifact = load_artifact(folder)
        origin = artifact.about.backbone
        name, revision = (origin.id, origin.revision) if backbone_id is None else (backbone_id, None)
        try:
            found = locate(name, revision)
        except BackboneError as error:
            raise BackboneError(f"{error} (--backbone names another place to look)") from None
        _check_hash(artifact, name, weights_hash(found))
        device = best_device() if device == "auto" else device
        return cls(artifact, load_backbone(name, revision, dtype, device))

    def predict(self, texts: Sequence[tuple[str, ...]], token_budget: int = TOKEN_BUDGET) -> list[Prediction]:
        """Answer inputs; see `scores` for the arguments and errors."""
        if not texts:
            return []
        shares = torch.softmax(self.scores(texts, token_budget).double(), dim=1).tolist()
        return [self._answer(row) for row in shares]

    def scores(self, texts: Sequence[tuple[str, ...]], token_budget: int = TOKEN_BUDGET) -> Tensor:
        """Scores (logits) [inputs, labels] of at least one input.

        Args:
            texts: the inputs, each with one text for every field of the artifact, in order.
            token_budget: most tokens, padding included, in one pass.

        Raises:
            DataError: an input has another number of texts, or no token.
        """
        fields = self.artifact.about.fields
        for number, row in enumerate(texts, 1):
            if len(row) != len(fields):
                names = ", ".join(fields)
                raise DataError(f"input {number} has {len(row)} texts; the artifact takes {len(fields)}: {names}")
        examples = encode(self._layout, self._backbone, texts)
        return predict(self._backbone, self._learner, examples, token_budget)

    def _answer(self, shares: list[float]) -> Prediction:
        probabilities = dict(zip(self.artifact.about.labels, shares, strict=True))
        return Prediction(max(probabilities, key=probabilities.__getitem__), probabilities)


def _check_hash(artifact: Artifact, name: str, found: str) -> None:
    """A prompt on other weights than its own gives numbers without meaning."""
    origin = artifact.about.backbone
    if found != origin.hash:
        raise ArtifactError(
            f"the prompt was trained on {origin.id} with weights sha256 {origin.hash}, "
            f"but {name} has {found}; point --backbone at a copy with the weights it was trained on"
        )
