"""From a trial's spec to its modules: the only place that maps what a user writes to classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

import torch
from torch import Tensor, nn

from ptune.backbone.backbone import Backbone, Shape
from ptune.backbone.families import Family
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
from ptune.prompts.v1 import InputPrompt
from ptune.prompts.v2 import PrefixPrompt
from ptune.spec.prompt import (
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

DEFAULT_BOTTLENECK = 512


def build_learner(
    spec: PromptSpec,
    backbone: Backbone,
    head_specs: Sequence[HeadSpec],
    seed: int,
    *,
    prompts: int = 1,
    recipe: Recipe | None = None,
) -> Learner:
    """Build what a trial trains, initialised from its own seed whatever was drawn before.

    Args:
        spec: the prompt.
        backbone: the backbone it is for; copied if the recipe tunes it.
        head_specs: the head that the task needs, for each data set.
        seed: seed of the initial values; the global random state is left as it was.
        prompts: how many prompts to build: one, or one for each data set.
        recipe: how the learner trains; None is with a frozen backbone.

    Raises:
        SpecError: the prompt does not fit the backbone.
    """
    recipe = recipe or Recipe()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        built = [prompt for _ in range(prompts) if (prompt := _prompt(spec, backbone)) is not None]
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
    learner.load_state_dict({_module_name(name): tensor for name, tensor in tensors.items()})
    return learner.eval()


def collapsed_spec(spec: PromptSpec) -> PromptSpec:
    """The prompt that is left after training: a plain table of vectors."""
    match spec:
        case PromptV1():
            return spec.model_copy(update={"encoder": "embedding", "init": "normal"})
        case PromptTuning():
            return spec.model_copy(update={"init": "normal"})
        case PromptV2():
            return spec.model_copy(update={"encoder": "embedding"})
        case ManualPrompt() | NoPrompt():
            return spec
        case _:
            assert_never(spec)


def start_from(learner: Learner, tensors: Mapping[str, Tensor]) -> None:
    """Give a fresh learner the values of a collapsed one: its prompt, and its heads where they have the same shape.

    Raises:
        SpecError: the learner's prompt is not a plain table of the same shape.
    """
    state = learner.state_dict()
    for name, tensor in tensors.items():
        target = _module_name(name)
        if name.startswith("prompt.") and (target not in state or state[target].shape != tensor.shape):
            raise SpecError(
                f"the artifact's prompt of shape {list(tensor.shape)} does not fit this trial's; a trial that starts "
                f'from an artifact has its method, length and layers, and encoder = "embedding"'
            )
        if target in state and state[target].shape == tensor.shape:
            state[target].copy_(tensor)


def _module_name(collapsed: str) -> str:
    """The name of a collapsed tensor in a learner's `state_dict`."""
    owner, _, name = collapsed.partition(".")
    return {"prompt": f"prompts.{name}.encoder.table", "head": f"heads.{name}", "backbone": f"body.{name}"}[owner]


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


def _prompt(spec: PromptSpec, backbone: Backbone) -> TrainedPrompt | None:
    match spec:
        case PromptV1():
            return InputPrompt(_v1_encoder(spec, backbone))
        case PromptTuning():
            start = _start(spec.init, spec.length, backbone)
            return InputPrompt(EmbeddingEncoder(spec.length, backbone.shape.embedding, start))
        case PromptV2():
            return _v2(spec, backbone.shape, backbone.family)
        case ManualPrompt() | NoPrompt():
            return None
        case _:
            assert_never(spec)


def _v1_encoder(spec: PromptV1, backbone: Backbone) -> nn.Module:
    width = backbone.shape.embedding
    start = _start(spec.init, spec.length, backbone)
    match spec.encoder:
        case "embedding":
            return EmbeddingEncoder(spec.length, width, start)
        case "mlp":
            return MlpEncoder(spec.length, width, spec.hidden or width, start)
        case "lstm":
            return LstmEncoder(spec.length, width, spec.hidden or width // 2, start)
        case _:
            assert_never(spec.encoder)


def _start(init: str, length: int, backbone: Backbone) -> Tensor | None:
    """Embeddings [T, E] that a prompt starts from; None is the encoder's own random start.

    Vocabulary sampling and text are Lester et al. 2021, section 3.2: words are drawn with replacement, a text is
    repeated or cut to the prompt's length.
    """
    if init == "normal":
        return None
    if init == "vocabulary":
        tokens = torch.randint(backbone.model.get_input_embeddings().num_embeddings, (length,))  # type: ignore[operator]
    else:
        text = init.removeprefix("text:").strip()
        ids = backbone.tokenizer(text, add_special_tokens=False)["input_ids"]
        tokens = torch.tensor([ids[index % len(ids)] for index in range(length)])
    with torch.no_grad():
        return backbone.embed(tokens[None].to(backbone.device))[0].float().cpu()


def _v2(spec: PromptV2, shape: Shape, family: Family) -> PrefixPrompt:
    layers = chosen_layers(spec, shape.layers)
    width = len(layers) * 2 * shape.kv_heads * shape.head_width
    match spec.encoder:
        case "embedding":
            encoder: nn.Module = EmbeddingEncoder(spec.length, width)
        case "mlp":
            encoder = BottleneckEncoder(spec.length, width, shape.hidden, spec.hidden or DEFAULT_BOTTLENECK)
        case _:
            assert_never(spec.encoder)
    return PrefixPrompt(
        encoder,
        layers,
        shape.kv_heads,
        shape.head_width,
        shifted=is_shifted(spec, shape.layers, shifts=family.shifts),
        dropout=spec.dropout,
        lengths=spec.layer_lengths or (spec.length,) * len(layers),
    )
