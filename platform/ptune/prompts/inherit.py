"""How the trained prompt of another trial becomes the beginning of a prompt that is as long and as deep, or more so.

Knows no training. Shapes: T prompt tokens · W values each · C chosen layers.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ptune.prompts.build import start_from
from ptune.prompts.learner import Learner, TrainedPrompt
from ptune.prompts.v2 import PrefixPrompt
from ptune.spec.prompt import PromptSpec, as_prefix, lengths_by_layer


def inherit(learner: Learner, tensors: Mapping[str, Tensor], parent: PromptSpec, layers: int) -> None:
    """Let a fresh learner begin with what another one has learned: its prompts, and its heads where the shapes agree.

    The parent's tokens become the first ones of each prompt; what it lacks stays as the learner has begun it.

    Args:
        learner: the fresh learner; the parent's prompt fits into its own, see `ptune.spec.starts.fits_into`.
        tensors: the parent's collapsed learner, see `Learner.collapsed`.
        parent: the parent's prompt.
        layers: the backbone's layers.

    Raises:
        SpecError: the learner's prompt is no plain table.
    """
    start_from(learner, {name: _grown(learner, name, tensor, parent, layers) for name, tensor in tensors.items()})


def _grown(learner: Learner, name: str, tensor: Tensor, parent: PromptSpec, layers: int) -> Tensor:
    """A tensor of the parent's; of a prompt, the learner's own table [T, W] with the parent's in it."""
    kind, _, index = name.partition(".")
    prompt = learner.prompt(int(index)) if kind == "prompt" else None
    return tensor if prompt is None else _planted(prompt, tensor, parent, layers)


def _planted(prompt: TrainedPrompt, table: Tensor, parent: PromptSpec, layers: int) -> Tensor:
    """A prompt's table [T, W] with that of its parent in its first tokens, and of v2 in the parent's layers."""
    own: Tensor = prompt.encoder().detach().clone()
    prefix = as_prefix(parent)
    if not isinstance(prompt, PrefixPrompt) or prefix is None:
        own[: len(table)] = table
        return own
    lengths = lengths_by_layer(prefix, layers)
    own_TCW = own.view(len(own), len(prompt.layers), -1)
    table_TCW = table.view(len(table), len(lengths), -1)
    for place, (layer, length) in enumerate(lengths.items()):
        own_TCW[:length, prompt.layers.index(layer)] = table_TCW[:length, place]
    return own
