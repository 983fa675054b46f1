"""From a trial's spec to its modules: the only place that maps what a user writes to classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

import torch
from torch import Tensor, nn

from ptune.backbone.backbone import Backbone
from ptune.errors import SpecError
from ptune.prompts.encoders import BottleneckEncoder, EmbeddingEncoder, LstmEncoder, MlpEncoder
from ptune.prompts.heads import (
    Head,
    HeadSpec,
    Linear,
    LinearHead,
    Verbalizer,
    VerbalizerHead,
    Vocabulary,
    VocabularyHead,
)
from ptune.prompts.learner import Learner, TrainedPrompt
from ptune.prompts.starts import start_embeddings, start_prefix
from ptune.prompts.v1 import InputPrompt
from ptune.prompts.v2 import PrefixPrompt
from ptune.spec.prompt import (
    DEFAULT_BOTTLENECK,
    ManualPrompt,
    NoPrompt,
    PromptSpec,
    PromptTuning,
    PromptV1,
    PromptV2,
    chosen_layers,
    is_shifted,
)
from ptune.spec.trial import Recipe

_TRAINED = {"init": "normal", "frozen": 0}
"""What is left of how a prompt began, once it is trained: nothing."""


def build_learner(
    spec: PromptSpec,
    backbone: Backbone,
    head_specs: Sequence[HeadSpec],
    seed: int,
    *,
    prompts: int = 1,
    recipe: Recipe | None = None,
    description: str = "",
) -> Learner:
    """Build what a trial trains, initialised from its own seed whatever was drawn before.

    Args:
        spec: the prompt.
        backbone: the backbone it is for; copied if the recipe tunes it.
        head_specs: the head that the task needs, for each data set.
        seed: seed of the initial values; the global random state is left as it was.
        prompts: how many prompts to build: one, or one for each data set.
        recipe: how the learner trains; None is with a frozen backbone.
        description: the text that `init = "text"` starts from.

    Raises:
        SpecError: the prompt does not fit the backbone.
    """
    recipe = recipe or Recipe()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        built = [prompt for _ in range(prompts) if (prompt := _prompt(spec, backbone, description)) is not None]
        heads = [_head(head_spec, backbone, faithful=recipe.faithful) for head_spec in head_specs]
    trained_copy = backbone.trainable() if recipe.backbone_lr is not None else None
    return Learner(built, heads, trained_copy, backbone_dropout=recipe.faithful)


def load_learner(
    spec: PromptSpec, backbone: Backbone, head_specs: Sequence[HeadSpec], tensors: Mapping[str, Tensor]
) -> Learner:
    """Build a learner from its collapsed tensors (see `Learner.collapsed`): encoders are plain embeddings.

    Raises:
        RuntimeError: the tensors are not those of such a learner.
    """
    tuned = any(name.startswith("backbone.") for name in tensors)
    recipe = Recipe(backbone_lr=1.0) if tuned else None
    count = max(1, sum(name.startswith("prompt.") for name in tensors))
    learner = build_learner(collapsed_spec(spec), backbone, head_specs, 0, prompts=count, recipe=recipe)
    state = {_module_name(name): tensor for name, tensor in tensors.items()}
    expected = learner.state_dict()
    for name in sorted({*expected, *state}):
        sizes = [list(tensors_of[name].shape) if name in tensors_of else None for tensors_of in (expected, state)]
        if sizes[0] != sizes[1]:
            raise RuntimeError(f"the shape of {name} must be {sizes[0] or 'none'}, got {sizes[1] or 'none'}")
    learner.load_state_dict(state)
    return learner.eval()


def collapsed_spec(spec: PromptSpec) -> PromptSpec:
    """The prompt that is left after training: a plain table of vectors."""
    match spec:
        case PromptV1():
            return spec.model_copy(update={"encoder": "embedding", **_TRAINED})
        case PromptTuning():
            return spec.model_copy(update=_TRAINED)
        case PromptV2():
            return spec.model_copy(update={"encoder": "embedding", **_TRAINED})
        case ManualPrompt() | NoPrompt():
            return spec
        case _:
            assert_never(spec)


def start_from(learner: Learner, tensors: Mapping[str, Tensor]) -> None:
    """Give a fresh learner the values of a collapsed one: its prompt, and its heads where they have the same shape.

    Raises:
        SpecError: the learner's prompt is not a plain table of the same shape.
    """
    for name, tensor in tensors.items():
        if name.startswith("prompt."):
            _start_prompt(learner, int(name.removeprefix("prompt.")), tensor)
    state = learner.state_dict()
    for name, tensor in tensors.items():
        target = _module_name(name)
        if not name.startswith("prompt.") and target in state and state[target].shape == tensor.shape:
            state[target].copy_(tensor)


def _start_prompt(learner: Learner, index: int, table: Tensor) -> None:
    encoder = learner.prompts[index].encoder if index < len(learner.prompts) else None
    if not (isinstance(encoder, EmbeddingEncoder) and encoder.begin(table)):
        raise SpecError(
            f"the artifact's prompt of shape {list(table.shape)} does not fit this trial's; a trial that starts "
            f'from an artifact has its method, length and layers, and encoder = "embedding"'
        )


def _module_name(collapsed: str) -> str:
    """The name of a collapsed tensor in a learner's `state_dict`."""
    owner, _, name = collapsed.partition(".")
    modules = {"prompt": f"prompts.{name}.encoder.table", "head": f"heads.{name}", "backbone": f"body.{name}"}
    return modules.get(owner, collapsed)


def _head(spec: HeadSpec, backbone: Backbone, *, faithful: bool) -> Head:
    match spec:
        case Linear(classes, pooled):
            dense = backbone.family.dense if pooled and backbone.pooler is None else None
            head = LinearHead(backbone.shape.hidden, classes, dense, bias=backbone.family.bias, pooled=pooled)
            if faithful and head.dense is not None:
                head.dense.requires_grad_(False)  # the papers' code freezes a pooler that the checkpoint lacks
            return head
        case Verbalizer(words):
            return VerbalizerHead(words)
        case Vocabulary():
            return VocabularyHead()
        case _:
            assert_never(spec)


def _prompt(spec: PromptSpec, backbone: Backbone, description: str) -> TrainedPrompt | None:
    match spec:
        case PromptV1():
            return InputPrompt(_v1_encoder(spec, backbone, description))
        case PromptTuning():
            start = start_embeddings(spec.init, spec.length, backbone, description)
            return InputPrompt(EmbeddingEncoder(spec.length, backbone.shape.embedding, start, spec.frozen))
        case PromptV2():
            return _v2(spec, backbone, description)
        case ManualPrompt() | NoPrompt():
            return None
        case _:
            assert_never(spec)


def _v1_encoder(spec: PromptV1, backbone: Backbone, description: str) -> nn.Module:
    width = backbone.shape.embedding
    start = start_embeddings(spec.init, spec.length, backbone, description)
    match spec.encoder:
        case "embedding":
            return EmbeddingEncoder(spec.length, width, start, spec.frozen)
        case "mlp":
            return MlpEncoder(spec.length, width, spec.hidden or width, start)
        case "lstm":
            return LstmEncoder(spec.length, width, spec.hidden or width // 2, start)
        case _:
            assert_never(spec.encoder)


def _v2(spec: PromptV2, backbone: Backbone, description: str) -> PrefixPrompt:
    shape = backbone.shape
    layers = chosen_layers(spec, shape.layers)
    width = len(layers) * 2 * shape.kv_heads * shape.head_width
    shifted = is_shifted(spec, shape.layers, shifts=backbone.family.shifts)
    start = start_prefix(spec.init, spec.length, backbone, description, layers, shifted=shifted)
    match spec.encoder:
        case "embedding":
            encoder: nn.Module = EmbeddingEncoder(spec.length, width, start, spec.frozen)
        case "mlp":
            encoder = BottleneckEncoder(spec.length, width, shape.hidden, spec.hidden or DEFAULT_BOTTLENECK, start)
        case _:
            assert_never(spec.encoder)
    return PrefixPrompt(
        encoder,
        layers,
        shape.kv_heads,
        shape.head_width,
        shifted=shifted,
        dropout=spec.dropout,
        lengths=spec.layer_lengths or (spec.length,) * len(layers),
    )
