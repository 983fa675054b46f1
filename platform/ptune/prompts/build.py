"""From a trial's spec to its modules: the only place that maps what a user writes to classes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ptune.backbone.families import Family
from ptune.backbone.load import Shape
from ptune.errors import SpecError
from ptune.prompts.encoders import BottleneckEncoder, EmbeddingEncoder, LstmEncoder, MlpEncoder
from ptune.prompts.heads import ClassificationHead
from ptune.prompts.learner import Learner, Prompt
from ptune.prompts.v1 import InputPrompt
from ptune.prompts.v2 import PrefixPrompt
from ptune.spec.prompt import NoPrompt, PromptSpec, PromptV1, PromptV2

DEFAULT_BOTTLENECK = 512


def build_learner(spec: PromptSpec, shape: Shape, family: Family, classes: int, pooled: bool, seed: int) -> Learner:
    """Build what a trial trains, initialised from its own seed whatever was drawn before.

    Args:
        spec: the prompt.
        shape: the backbone's sizes.
        family: the backbone's family.
        classes: number of labels.
        pooled: whether the backbone has its pretrained pooler, which then stands in for the head's dense layer.
        seed: seed of the initial values; the global random state is left as it was.

    Raises:
        SpecError: the prompt does not fit the backbone.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        prompt = _prompt(spec, shape)
        head = ClassificationHead(shape.hidden, classes, None if pooled else family.dense, family.bias)
    return Learner(prompt, head)


def load_learner(
    spec: PromptSpec, shape: Shape, family: Family, classes: int, pooled: bool, tensors: Mapping[str, Tensor]
) -> Learner:
    """Build a learner from its collapsed tensors (see `Learner.collapsed`): the encoder is a plain embedding."""
    flat = spec if isinstance(spec, NoPrompt) else spec.model_copy(update={"encoder": "embedding"})
    learner = build_learner(flat, shape, family, classes, pooled, seed=0)
    state = {name: tensor for name, tensor in tensors.items() if name.startswith("head.")}
    if "prompt" in tensors:
        state["prompt.encoder.table"] = tensors["prompt"]
    learner.load_state_dict(state)
    return learner.eval()


def chosen_layers(spec: PromptV2, layers: int) -> tuple[int, ...]:
    """The layers that hold a v2 prompt, ascending.

    Raises:
        SpecError: the depth exceeds the backbone's layers.
    """
    depth = layers if spec.depth is None else spec.depth
    if depth > layers:
        raise SpecError(f"depth <= {layers} must hold on this backbone of {layers} layers, got {depth}")
    return tuple(range(layers - depth, layers)) if spec.side == "last" else tuple(range(depth))


def is_shifted(spec: PromptV2, layers: int) -> bool:
    """Whether text positions start after the prompt: as stated, or by default exactly for prompts in all layers."""
    if spec.positions != "auto":
        return spec.positions == "shifted"
    return spec.depth is None or spec.depth == layers


def _prompt(spec: PromptSpec, shape: Shape) -> Prompt | None:
    match spec:
        case PromptV1():
            return _v1(spec, shape)
        case PromptV2():
            return _v2(spec, shape)
        case NoPrompt():
            return None


def _v1(spec: PromptV1, shape: Shape) -> InputPrompt:
    match spec.encoder:
        case "embedding":
            return InputPrompt(EmbeddingEncoder(spec.length, shape.embedding))
        case "mlp":
            return InputPrompt(MlpEncoder(spec.length, shape.embedding))
        case "lstm":
            return InputPrompt(LstmEncoder(spec.length, shape.embedding, spec.hidden or shape.embedding // 2))


def _v2(spec: PromptV2, shape: Shape) -> PrefixPrompt:
    layers = chosen_layers(spec, shape.layers)
    width = len(layers) * 2 * shape.kv_heads * shape.head_width
    match spec.encoder:
        case "embedding":
            encoder: torch.nn.Module = EmbeddingEncoder(spec.length, width)
        case "mlp":
            encoder = BottleneckEncoder(spec.length, width, shape.hidden, spec.hidden or DEFAULT_BOTTLENECK)
    shifted = is_shifted(spec, shape.layers)
    return PrefixPrompt(encoder, layers, shape.kv_heads, shape.head_width, shifted, spec.dropout)
