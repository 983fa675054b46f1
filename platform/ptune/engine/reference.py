"""The truth: one trial, alone, in one flat loop. `fused.py` must give the same numbers for every trial it packs.

Read this first. It favours being obviously right over being fast, and shares no batching code with the fused engine.

Shapes: B rows · Q positions · E embedding width · T prompt positions · R positions read · C scores at each.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ptune.backbone.backbone import Backbone
from ptune.backbone.inject import LayerPrefix, Prefix
from ptune.data.batches import epoch_batches
from ptune.engine.optim import build_optimizer, rate_share
from ptune.engine.seeds import stream_seed
from ptune.engine.slots import Plan
from ptune.prompts.draws import Draws
from ptune.prompts.forward import HeadOutput
from ptune.prompts.learner import Learner
from ptune.prompts.rows import Examples, Row
from ptune.prompts.v1 import InputPrompt
from ptune.prompts.v2 import PrefixPrompt


def train_alone(backbone: Backbone, learner: Learner, plan: Plan, epochs: int) -> list[float]:
    """Train a learner in place for `epochs` of its plan's epochs and return the loss of every step."""
    recipe, train = plan.recipe, plan.train
    optimizer = build_optimizer(learner, recipe)
    assert optimizer is not None, "there is something to train"
    stream = torch.Generator().manual_seed(stream_seed(plan.seed, plan.trial, "dropout"))
    losses: list[float] = []
    for epoch in range(epochs * recipe.passes):
        for indices in epoch_batches(
            train.lengths, recipe.batch_size, plan.seed, plan.trial, epoch, train.dataset_indices
        ):
            share = rate_share(recipe, len(losses), plan.steps_per_epoch, plan.horizon)
            for group in optimizer.param_groups:
                group["lr"] = share * group["peak"]
            draws = Draws.of_step(stream)
            loss = plan.task.loss(score(backbone, learner, train, indices, recipe.head_dropout, draws))
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            if recipe.clip is not None:
                torch.nn.utils.clip_grad_norm_(learner.parameters(), recipe.clip)
            optimizer.step()
            losses.append(loss.item())
    return losses


def predict_alone(backbone: Backbone, learner: Learner, plan: Plan, split: Examples) -> list[Any]:
    """The answer of each example, one at a time, so that nothing is padded."""
    with torch.no_grad():
        outputs = [score(backbone, learner, split, np.array([index])) for index in range(len(split))]
    return [plan.task.answer(output)[0] for output in outputs]


def score(
    backbone: Backbone,
    learner: Learner,
    split: Examples,
    indices: np.ndarray,
    head_dropout: float = 0.0,
    draws: Draws | None = None,
) -> HeadOutput:
    """Scores [R, C] of the chosen examples, all of one data set; dropout is on exactly when there are draws."""
    rows = split.rows_of(*indices)
    dataset_index = int(split.dataset_indices[indices[0]])
    width = max(len(row.ids) for row in rows)
    device = backbone.device
    ids = torch.tensor([[*row.ids, *[0] * (width - len(row.ids))] for row in rows], device=device)
    types = torch.tensor([[*row.types, *[0] * (width - len(row.types))] for row in rows], device=device)
    visible = torch.tensor([[position < len(row.ids) for position in range(width)] for row in rows], device=device)

    embeds = backbone.embed(ids.clamp(min=0))
    prefix, shift = None, torch.zeros(len(rows), dtype=torch.long, device=device)
    prompt, head = learner.prompt(dataset_index), learner.head(dataset_index)
    if isinstance(prompt, InputPrompt):
        vectors = prompt().to(embeds.dtype)
        embeds = torch.stack(
            [
                torch.stack([vectors[-token - 1] if token < 0 else embeds[row, q] for q, token in enumerate(line)])
                for row, line in enumerate(ids.tolist())
            ]
        )
    elif isinstance(prompt, PrefixPrompt):
        table = prompt()
        prefix = _prefix(prompt, table, backbone.shape.layers, len(rows), draws)
        shift += table.shape[2] if prompt.shifted else 0

    with _dropout(backbone, draws if learner.backbone_dropout else None):
        hidden = backbone.forward(embeds, visible, types, shift, prefix, **_decoder_inputs(rows, device))
    features = torch.stack([hidden[number, read] for number, row in enumerate(rows) for read in row.reads])
    if head.features == "pooled":
        features = backbone.pooled(features)
    if draws is not None and head_dropout > 0.0:
        keep = torch.rand(features.shape, generator=draws.head) >= head_dropout
        features = features * keep.to(device) / (1.0 - head_dropout)
    scores: Tensor = head(backbone.vocabulary(features) if head.features == "words" else features)
    return HeadOutput(scores, split, indices)


def _decoder_inputs(rows: Sequence[Row], device: torch.device) -> dict[str, Tensor]:
    """What the decoder of an encoder-decoder is given, [B, D]; nothing where there is none."""
    width = max(len(row.decoder) for row in rows)
    if width == 0:
        return {}
    targets = torch.tensor([[*row.decoder, *[0] * (width - len(row.decoder))] for row in rows], device=device)
    visible = torch.tensor([[position < len(row.decoder) for position in range(width)] for row in rows], device=device)
    return {"targets": targets, "targets_visible": visible}


@contextlib.contextmanager
def _dropout(backbone: Backbone, draws: Draws | None) -> Iterator[None]:
    """The backbone's own dropout, from a seed that the step's draws give for each pass; off without them."""
    if draws is None:
        yield
        return
    with torch.random.fork_rng(), backbone.training_mode():
        torch.manual_seed(int(torch.randint(2**62, (), generator=draws.body)))
        yield


def _prefix(prompt: PrefixPrompt, table: Tensor, layers: int, rows: int, draws: Draws | None) -> Prefix:
    """The same keys and values [B, N, T, D] for every row, apart from dropout."""
    copies = table.expand(rows, *table.shape) if draws is None else prompt.drop(table, rows, draws.body)
    slices: list[LayerPrefix | None] = [None] * layers
    for chosen, layer in enumerate(prompt.layers):
        key, value = copies[:, chosen, 0].transpose(1, 2), copies[:, chosen, 1].transpose(1, 2)
        visible = torch.arange(table.shape[2], device=table.device) < prompt.lengths[chosen]
        slices[layer] = LayerPrefix(key, value, visible.expand(rows, -1))
    return Prefix(slices)
