"""What an artifact is, whatever format it is written in: a trained prompt with everything needed to use it.

Knows no file and no training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import Field
from torch import Tensor

from ptune.backbone.load import Backbone
from ptune.prompts.build import chosen_layers, is_shifted
from ptune.prompts.layout import input_parts
from ptune.spec.prompt import PromptSpec, PromptV2
from ptune.spec.strict import Strict
from ptune.spec.template import written


class Origin(Strict):
    """The backbone a prompt was trained on; it works on no other."""

    id: str
    """`packaged:minilm`, a folder, or a Hub id."""
    revision: str | None
    """Hub branch, tag or commit, if one was asked for."""
    hash: str
    """SHA-256 over its safetensors files, see `ptune.backbone.locate.weights_hash`."""
    model_type: str
    """Its family, as transformers names it."""
    layers: int
    """Number of layers."""
    kv_heads: int
    """Key/value heads of a layer."""
    head_width: int
    """Width of one key or value."""
    pooled: bool
    """Whether its pretrained pooler stands between the last layer and the head."""
    window: int | None
    """Tokens that a layer with sliding-window attention sees; None where every layer sees all."""

    @classmethod
    def of(cls, backbone: Backbone, revision: str | None) -> Self:
        """Describe a loaded backbone."""
        config: Any = backbone.model.config
        return cls(
            id=backbone.id,
            revision=revision,
            hash=backbone.hash,
            model_type=config.model_type,
            layers=backbone.shape.layers,
            kv_heads=backbone.shape.kv_heads,
            head_width=backbone.shape.head_width,
            pooled=backbone.pooler is not None,
            window=getattr(config, "sliding_window", None),
        )


class About(Strict):
    """Everything about an artifact but its tensors."""

    prompt: PromptSpec
    """The prompt's parameters. Its encoder has been collapsed into the tensor `prompt`."""
    template: str
    """The input, with the length of every prompt run; see `ptune.spec.template`."""
    fields: list[str]
    """Names of the text fields, in order."""
    labels: list[str]
    """Label names in the order of the head's outputs."""
    max_length: int
    """Longest input in tokens, v1 prompt tokens included."""
    layers: list[int] | None
    """Layers that hold a v2 prompt, counted from 0; None for other methods."""
    positions: Literal["shifted", "unshifted"] | None
    """Whether text positions start after a v2 prompt or at zero; None for other methods."""
    backbone: Origin
    versions: dict[str, str]
    """Versions of the libraries it was trained with."""
    scores: dict[str, dict[str, float]]
    """Metrics by split: `dev`, and `test` where the job has one."""
    search: str
    """Name of the search it comes from."""
    trial: int = Field(ge=0)
    """Number of the trial in that search."""
    seed: int = Field(ge=0)
    """The search's seed."""


@dataclass(frozen=True)
class Artifact:
    """A trained prompt.

    Attributes:
        about: what it is and how to use it.
        tensors: the collapsed learner, see `ptune.prompts.learner.Learner.collapsed`: `prompt` [T, W] where there is
            one, and the head's, `head.*`.
    """

    about: About
    tensors: Mapping[str, Tensor]

    def scored(self, split: str, metrics: Mapping[str, float]) -> Artifact:
        """The same artifact with its scores on one more split."""
        scores = {**self.about.scores, split: dict(metrics)}
        return Artifact(self.about.model_copy(update={"scores": scores}), self.tensors)


def describe(
    prompt: PromptSpec,
    origin: Origin,
    *,
    fields: Sequence[str],
    labels: Sequence[str],
    max_length: int,
    versions: Mapping[str, str],
    scores: Mapping[str, Mapping[str, float]],
    search: str,
    trial: int,
    seed: int,
) -> About:
    """Describe a trained prompt; its template, layers and position convention follow from the other arguments.

    Raises:
        SpecError: the prompt does not fit its fields or its backbone.
    """
    deep = prompt if isinstance(prompt, PromptV2) else None
    return About(
        prompt=prompt,
        template=written(input_parts(prompt, fields)),
        fields=list(fields),
        labels=list(labels),
        max_length=max_length,
        layers=list(chosen_layers(deep, origin.layers)) if deep else None,
        positions=("shifted" if is_shifted(deep, origin.layers) else "unshifted") if deep else None,
        backbone=origin,
        versions=dict(versions),
        scores={split: dict(metrics) for split, metrics in scores.items()},
        search=search,
        trial=trial,
        seed=seed,
    )
