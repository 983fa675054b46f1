"""The truth: one trial, alone, in one flat loop. `fused.py` must give the same numbers for every trial it packs.

Read this first. It favours being obviously right over being fast, and shares no batching code with the fused engine.

Shapes: B rows · Q positions · E embedding width · T prompt positions · C classes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ptune.backbone.inject import LayerPrefix, Prefix
from ptune.backbone.load import Backbone
from ptune.data.batches import epoch_batches
from ptune.engine.optim import adamw, rate_share
from ptune.engine.seeds import stream_seed
from ptune.prompts.learner import Learner
from ptune.prompts.rows import Examples
from ptune.prompts.v1 import InputPrompt
from ptune.prompts.v2 import PrefixPrompt
from ptune.spec.trial import Recipe


def train_alone(
    backbone: Backbone,
    learner: Learner,
    recipe: Recipe,
    train: Examples,
    seed: int,
    trial: int,
    horizon: int,
    epochs: int,
) -> list[float]:
    """Train a learner in place for `epochs` of `horizon` epochs and return the loss of every step."""
    optimizer = adamw(learner, recipe)
    generator = torch.Generator().manual_seed(stream_seed(seed, trial, "dropout"))
    losses = []
    for epoch in range(epochs):
        batches = epoch_batches(train.lengths, recipe.batch_size, seed, trial, epoch)
        for number, indices in enumerate(batches):
            share = rate_share(recipe, epoch * len(batches) + number, horizon * len(batches))
            for group in optimizer.param_groups:
                group["lr"] = share * group["peak"]
            labels = torch.as_tensor(train.labels[indices], device=backbone.device)
            scores = class_scores(backbone, learner, train, indices, recipe.head_dropout, generator)
            loss = functional.cross_entropy(scores, labels)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            if recipe.clip is not None:
                torch.nn.utils.clip_grad_norm_(learner.parameters(), recipe.clip)
            optimizer.step()
            losses.append(loss.item())
    return losses


def predict_alone(backbone: Backbone, learner: Learner, split: Examples) -> Tensor:
    """Class scores [examples, C], one example at a time, so that nothing is padded."""
    with torch.no_grad():
        each = [class_scores(backbone, learner, split, np.array([index])) for index in range(len(split.items))]
    return torch.cat(each)


def class_scores(
    backbone: Backbone,
    learner: Learner,
    split: Examples,
    indices: np.ndarray,
    head_dropout: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Class scores [B, C] of the chosen examples; dropout is on exactly when a generator is given."""
    items = [split.items[index] for index in indices]
    width = max(len(item.ids) for item in items)
    device = backbone.device
    ids = torch.tensor([[*item.ids, *[0] * (width - len(item.ids))] for item in items], device=device)
    types = torch.tensor([[*item.types, *[0] * (width - len(item.types))] for item in items], device=device)
    shown = [[position < len(item.ids) for position in range(width)] for item in items]
    visible = torch.tensor(shown, device=device)

    embeds = backbone.embed(ids.clamp(min=0))
    prefix, shift = None, torch.zeros(len(items), dtype=torch.long, device=device)
    if isinstance(learner.prompt, InputPrompt):
        vectors = learner.prompt().to(embeds.dtype)
        embeds = torch.stack(
            [
                torch.stack([vectors[-token - 1] if token < 0 else embeds[row, q] for q, token in enumerate(line)])
                for row, line in enumerate(ids.tolist())
            ]
        )
    elif isinstance(learner.prompt, PrefixPrompt):
        table = learner.prompt()
        prefix = _prefix(learner.prompt, table, backbone.shape.layers, len(items), generator)
        shift += table.shape[2] if learner.prompt.shifted else 0

    hidden = backbone.forward(embeds, visible, types, shift, prefix)
    features = backbone.pool(hidden, torch.as_tensor(split.reads[indices], device=device))
    if generator is not None and head_dropout > 0.0:
        kept = torch.rand(features.shape, generator=generator) >= head_dropout
        features = features * kept.to(device) / (1.0 - head_dropout)
    scores: Tensor = learner.head(features)
    return scores


def _prefix(prompt: PrefixPrompt, table: Tensor, layers: int, rows: int, generator: torch.Generator | None) -> Prefix:
    """The same keys and values [B, N, T, D] for every row, apart from dropout."""
    copies = table.expand(rows, *table.shape) if generator is None else prompt.drop(table, rows, generator)
    visible = torch.ones(rows, table.shape[2], dtype=torch.bool, device=table.device)
    slices: list[LayerPrefix | None] = [None] * layers
    for chosen, layer in enumerate(prompt.layers):
        key, value = copies[:, chosen, 0].transpose(1, 2), copies[:, chosen, 1].transpose(1, 2)
        slices[layer] = LayerPrefix(key, value, visible)
    return Prefix(slices)
