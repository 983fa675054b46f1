"""One forward pass for the rows of many learners, instead of one pass for each. Knows no training.

Shapes: G groups (one per learner) · B rows of all groups · Q positions · E embedding width · T longest v2 prompt ·
N key/value heads · D head width · C classes of one group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ptune.backbone.inject import LayerPrefix, Prefix
from ptune.backbone.load import Backbone
from ptune.data.batches import eval_batches
from ptune.prompts.learner import Learner
from ptune.prompts.rows import Examples, Rows, stack
from ptune.prompts.v1 import InputPrompt
from ptune.prompts.v2 import PrefixPrompt


@dataclass(frozen=True)
class Group:
    """One learner's share of a pass: some of its examples. Dropout is on exactly when a generator is given."""

    learner: Learner
    examples: Examples
    indices: np.ndarray
    head_dropout: float = 0.0
    generator: torch.Generator | None = None


def class_scores(backbone: Backbone, groups: Sequence[Group]) -> list[tuple[Tensor, Tensor]]:
    """Run all groups in one pass; return scores [B_g, C_g] and labels [B_g] of each."""
    rows = stack([(group.examples, group.indices) for group in groups], backbone.device)
    counts = [len(group.indices) for group in groups]
    embeds = _embeddings(backbone, groups, rows, counts)
    prefix, shift = _prefix(backbone, groups, counts)
    hidden = backbone.forward(embeds, rows.visible, rows.types, shift, prefix)
    features = backbone.pool(hidden, rows.read).split_with_sizes(counts)
    labels = rows.labels.split_with_sizes(counts)
    return [(_score(group, own), label) for group, own, label in zip(groups, features, labels, strict=True)]


def predict(backbone: Backbone, learner: Learner, split: Examples, token_budget: int) -> Tensor:
    """Class scores [examples, C] on the CPU, in the split's order; no pass exceeds `token_budget` padded tokens."""
    batches = eval_batches(split.lengths, token_budget)
    with torch.inference_mode():
        parts = [class_scores(backbone, [Group(learner, split, indices)])[0][0].cpu() for indices in batches]
    back = torch.as_tensor(np.argsort(np.concatenate(batches)))
    return torch.cat(parts)[back]


def _embeddings(backbone: Backbone, groups: Sequence[Group], rows: Rows, counts: Sequence[int]) -> Tensor:
    """Input embeddings [B, Q, E], prompt tokens of each v1 group in their places."""
    embeds = backbone.embed(rows.ids.clamp(min=0))
    tables, first, offsets = [], 0, []
    for group in groups:
        offsets.append(first)
        if isinstance(group.learner.prompt, InputPrompt):
            tables.append(group.learner.prompt())
            first += tables[-1].shape[0]
    if not tables:
        return embeds
    row_offsets = torch.repeat_interleave(torch.tensor(offsets), torch.tensor(counts)).to(backbone.device)
    place = rows.ids < 0
    vectors = torch.cat(tables)[(row_offsets[:, None] - rows.ids - 1)[place]]
    return embeds.index_put((place,), vectors.to(embeds.dtype))


def _prefix(backbone: Backbone, groups: Sequence[Group], counts: Sequence[int]) -> tuple[Prefix | None, Tensor]:
    """The prefix of all rows and the positions [B] that each row's text is shifted by."""
    prompts = [group.learner.prompt if isinstance(group.learner.prompt, PrefixPrompt) else None for group in groups]
    tables = [None if prompt is None else prompt() for prompt in prompts]
    shifts = [
        table.shape[2] if prompt is not None and table is not None and prompt.shifted else 0
        for prompt, table in zip(prompts, tables, strict=True)
    ]
    shift = torch.repeat_interleave(torch.tensor(shifts), torch.tensor(counts)).to(backbone.device)
    longest = max((table.shape[2] for table in tables if table is not None), default=0)
    if longest == 0:
        return None, shift
    copies = [
        None if prompt is None or table is None else _copies(prompt, table, rows, group.generator)
        for prompt, table, rows, group in zip(prompts, tables, counts, groups, strict=True)
    ]
    layers = [_layer(layer, prompts, copies, counts, longest, backbone) for layer in range(backbone.shape.layers)]
    return Prefix(layers), shift


def _copies(prompt: PrefixPrompt, table: Tensor, rows: int, generator: torch.Generator | None) -> Tensor:
    """A v2 prompt for each of its rows, [B_g, chosen layers, 2, T_g, N, D]."""
    return table.expand(rows, *table.shape) if generator is None else prompt.drop(table, rows, generator)


def _layer(
    layer: int,
    prompts: Sequence[PrefixPrompt | None],
    copies: Sequence[Tensor | None],
    counts: Sequence[int],
    longest: int,
    backbone: Backbone,
) -> LayerPrefix | None:
    """One layer's prefix for all rows, padded to the longest prompt; None when no row has one here."""
    if not any(prompt is not None and layer in prompt.layers for prompt in prompts):
        return None
    shape = backbone.shape
    pairs, visible = [], []
    for prompt, copy, rows in zip(prompts, copies, counts, strict=True):
        length = 0
        if prompt is not None and copy is not None and layer in prompt.layers:
            pair = copy[:, prompt.layers.index(layer)].transpose(2, 3)
            length = pair.shape[3]
            pairs.append(functional.pad(pair, (0, 0, 0, longest - length)))
        else:
            pairs.append(torch.zeros(rows, 2, shape.kv_heads, longest, shape.head_width, device=backbone.device))
        visible.append((torch.arange(longest, device=backbone.device) < length).expand(rows, -1))
    pair = torch.cat(pairs)
    return LayerPrefix(pair[:, 0], pair[:, 1], torch.cat(visible))


def _score(group: Group, features: Tensor) -> Tensor:
    if group.generator is not None and group.head_dropout > 0.0:
        kept = torch.rand(features.shape, generator=group.generator) >= group.head_dropout
        features = features * kept.to(features.device) / (1.0 - group.head_dropout)
    scores: Tensor = group.learner.head(features)
    return scores
