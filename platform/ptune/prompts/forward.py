"""One forward pass for the rows of many learners, instead of one pass for each. Knows no training.

Shapes: B rows of all mini-batches · Q positions · E embedding width · H hidden width · L layers that hold a prompt ·
T longest v2 prompt · N key/value heads · D head width · R positions that a head reads · C scores at each. A name that
ends in such letters is a tensor of that shape: `hidden_BQH`.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ptune.backbone.backbone import Backbone
from ptune.backbone.inject import LayerPrefix, Prefix
from ptune.backbone.transfer import to_device
from ptune.data.batches import eval_batches
from ptune.prompts.cached_states import CachedStates, cached_states
from ptune.prompts.draws import Draws
from ptune.prompts.learner import Learner
from ptune.prompts.rows import Examples, Rows, Stack, stack
from ptune.prompts.v1 import InputPrompt
from ptune.prompts.v2 import PrefixPrompt


@dataclass(frozen=True)
class MiniBatch:
    """One learner's share of a pass: some examples, all of one data set.

    Dropout is on exactly when there are draws.
    """

    learner: Learner
    examples: Examples
    indices: np.ndarray
    head_dropout: float = 0.0
    draws: Draws | None = None

    @property
    def dataset_index(self) -> int:
        """The data set of its examples."""
        return int(self.examples.dataset_indices[self.indices[0]])

    @property
    def rows(self) -> Rows:
        """The rows of its examples, in order."""
        return self.examples.rows.pick(self.examples.row_numbers(self.indices))


@dataclass(frozen=True)
class HeadOutput:
    """What a learner's head says about the examples of one mini-batch.

    Attributes:
        scores: [R, C] at every position read, in order of the rows.
        examples: the split.
        indices: the examples of the mini-batch, in the order of the scores.
    """

    scores: Tensor
    examples: Examples
    indices: np.ndarray

    @property
    def dataset_index(self) -> int:
        """The data set of the examples."""
        return int(self.examples.dataset_indices[self.indices[0]])

    @property
    def labels(self) -> list[Any]:
        """The answer of each example."""
        return [self.examples.labels[index] for index in self.indices]

    @property
    def task_info(self) -> list[Any]:
        """What the task knows about each example."""
        return [self.examples.task_info[index] for index in self.indices]

    @property
    def row_counts(self) -> list[int]:
        """Number of rows of each example."""
        row_counts: list[int] = self.examples.row_counts[self.indices].tolist()
        return row_counts

    @property
    def reads_by_row(self) -> list[int]:
        """Number of positions read of each row."""
        numbers = self.examples.row_numbers(self.indices)
        lengths: list[int] = self.examples.rows.reads.lengths[numbers].tolist()
        return lengths

    @property
    def reads(self) -> list[int]:
        """Number of positions read of each example, over all its rows."""
        row_reads = iter(self.reads_by_row)
        return [sum(itertools.islice(row_reads, count)) for count in self.row_counts]

    def by_example(self) -> tuple[Tensor, ...]:
        """The scores [reads, C] of each example."""
        return self.scores.split_with_sizes(self.reads)


@dataclass(frozen=True)
class _Entry:
    """Where a mini-batch's rows join the pass.

    They join before `layer` with their cached states; without cached states they start from the embeddings.
    """

    layer: int = 0
    cached: CachedStates | None = None


def forward(backbone: Backbone, mini_batches: Sequence[MiniBatch]) -> list[HeadOutput]:
    """Run all mini-batches in one pass.

    A learner that needs its own pass is the only one of its pass: it runs through its own backbone, or draws the
    backbone's dropout from its own stream. On a backbone that rows can join before any layer, each mini-batch joins
    at the first layer that its learner can change.
    """
    first = mini_batches[0]
    assert len(mini_batches) == 1 or not any(batch.learner.needs_own_pass for batch in mini_batches), (
        "a learner that needs its own pass shares one"
    )
    backbone = first.learner.backbone or backbone
    # Layers that run one by one draw no random numbers: a recomputed layer would draw others, and the layer that is
    # read at one position drops none of its attention. A pass with the backbone's dropout therefore runs as a whole.
    by_layers = backbone.layers is not None and not (first.learner.backbone_dropout and first.draws is not None)
    entries = [_entry(backbone, batch) if by_layers else _Entry() for batch in mini_batches]
    # Rows that join early stand first: the rows that are there at a layer are then the first rows of the stack.
    order = sorted(range(len(mini_batches)), key=lambda index: entries[index].layer)
    ordered = [mini_batches[index] for index in order]
    batch_rows = [batch.rows for batch in ordered]
    rows = stack(Rows.joined(batch_rows), backbone.device)
    run = _run_by_layers if by_layers else _run_whole
    states_RH = run(backbone, ordered, [entries[index] for index in order], rows, [len(group) for group in batch_rows])
    outputs: list[Any] = [None] * len(mini_batches)
    batch_states = states_RH.split_with_sizes([len(group.reads.values) for group in batch_rows])
    for index, batch, states in zip(order, ordered, batch_states, strict=True):
        outputs[index] = HeadOutput(_score(backbone, batch, states), batch.examples, batch.indices)
    return outputs


def eval_mini_batches(split: Examples, token_budget: int) -> list[np.ndarray]:
    """Cut a split into batches of one data set each, of at most `token_budget` padded tokens, shortest rows first."""
    costs = split.lengths * split.row_counts
    batches = []
    for dataset_index in np.unique(split.dataset_indices):
        members = np.flatnonzero(split.dataset_indices == dataset_index)
        batches += [members[batch] for batch in eval_batches(costs[members], token_budget)]
    return batches


def _run_whole(
    backbone: Backbone,
    mini_batches: Sequence[MiniBatch],
    entries: Sequence[_Entry],
    rows: Stack,
    row_counts: Sequence[int],
) -> Tensor:
    """The states [R, H] that all mini-batches read, the backbone run as a whole."""
    embeds_BQE = _embeddings(backbone, mini_batches, rows, row_counts)
    prefix, shift_B = _prefix(backbone, mini_batches, row_counts, entries)
    with _dropout(backbone, mini_batches[0]):
        hidden_BQH = backbone.forward(
            embeds_BQE, rows.visible, rows.types, shift_B, prefix, rows.decoder, rows.decoder_visible
        )
    return hidden_BQH[rows.read_rows, rows.read_positions]


def _run_by_layers(
    backbone: Backbone,
    mini_batches: Sequence[MiniBatch],
    entries: Sequence[_Entry],
    rows: Stack,
    row_counts: Sequence[int],
) -> Tensor:
    """The states [R, H] that all mini-batches read, the layers run one by one.

    The mini-batches are ordered by the layer where they join.
    """
    prefix, shift_B = _prefix(backbone, mini_batches, row_counts, entries)
    joining: dict[int, list[Tensor]] = {}
    # Mini-batches without cached states are the first of the order, because their layer is 0.
    computed = sum(entry.cached is None for entry in entries)
    if computed > 0:
        count = sum(row_counts[:computed])
        embeds_BQE = _embeddings(backbone, mini_batches[:computed], rows.first(count), row_counts[:computed])
        joining[0] = [backbone.begin(embeds_BQE, rows.types[:count], shift_B[:count])]
    for batch, entry in zip(mini_batches, entries, strict=True):
        if entry.cached is not None:
            states_BQH = entry.cached.gather(batch.indices, rows.ids.shape[1], backbone.device)
            joining.setdefault(entry.layer, []).append(states_BQH)
    joined = {layer: torch.cat(states) for layer, states in joining.items()}
    # With one read a row, the last layer computes that position alone.
    read_B = rows.read_positions if rows.single_read else None
    unpadding = backbone.unpadding(rows.lengths, rows.ids.shape[1])
    hidden_BQH = backbone.run(joined, rows.visible, shift_B, prefix, read_B, unpadding=unpadding).float()
    return hidden_BQH[:, 0] if rows.single_read else hidden_BQH[rows.read_rows, rows.read_positions]


def _entry(backbone: Backbone, batch: MiniBatch) -> _Entry:
    """The first layer that a mini-batch's learner can change, if the states below it are cached."""
    prompt = batch.learner.prompt(batch.dataset_index)
    # A v1 prompt and shifted positions change the embeddings already, so no states depend on the tokens alone.
    if isinstance(prompt, InputPrompt) or (prompt is not None and prompt.shifted):
        return _Entry()
    layer = backbone.shape.layers if prompt is None else prompt.layers[0]
    cached = cached_states(backbone, batch.examples, layer) if layer > 0 else None
    return _Entry(layer, cached) if cached is not None else _Entry()


@contextlib.contextmanager
def _dropout(backbone: Backbone, batch: MiniBatch) -> Iterator[None]:
    """Switch the backbone's own dropout on for a learner that trains with it, drawn from the learner's stream."""
    if batch.draws is None or not batch.learner.backbone_dropout:
        yield
        return
    # Transformers' dropout draws from torch's global state. A seed from the learner's own stream keeps its numbers
    # independent of its neighbours, and the fork gives the global state back.
    seed = int(torch.randint(2**62, (), generator=batch.draws.body))
    devices = [device for device in backbone.devices if device.type == "cuda"]
    with torch.random.fork_rng(devices=devices), backbone.training_mode():
        torch.manual_seed(seed)
        yield


def _embeddings(
    backbone: Backbone, mini_batches: Sequence[MiniBatch], rows: Stack, row_counts: Sequence[int]
) -> Tensor:
    """Input embeddings [B, Q, E], with the prompt tokens of each v1 prompt in their places."""
    # Prompt tokens have negative ids, which the word embeddings do not hold; any valid id serves until it is replaced.
    embeds_BQE = backbone.embed(rows.ids.clamp(min=0))
    tables: list[Tensor] = []  # [T, E] of each v1 prompt
    offsets: list[int] = []  # where each mini-batch's prompt begins in the tables joined
    total = 0
    for batch in mini_batches:
        offsets.append(total)
        prompt = batch.learner.prompt(batch.dataset_index)
        if isinstance(prompt, InputPrompt):
            tables.append(prompt())
            total += tables[-1].shape[0]
    if not tables:
        return embeds_BQE
    offset_B = to_device(torch.repeat_interleave(torch.tensor(offsets), torch.tensor(row_counts)), backbone.device)
    is_prompt_BQ = rows.ids < 0
    table_row_BQ = offset_B[:, None] - rows.ids - 1  # prompt token j has the id -(j + 1)
    vectors = torch.cat(tables)[table_row_BQ[is_prompt_BQ]]
    return embeds_BQE.index_put((is_prompt_BQ,), vectors.to(embeds_BQE.dtype))


def _prefix(
    backbone: Backbone, mini_batches: Sequence[MiniBatch], row_counts: Sequence[int], entries: Sequence[_Entry]
) -> tuple[Prefix | None, Tensor]:
    """The prefix of the rows that are there at each layer, and the positions [B] that each row's text is shifted by."""
    prompts = [_prefix_prompt(batch) for batch in mini_batches]
    tables = [None if prompt is None else prompt() for prompt in prompts]  # [L, 2, T, N, D] each
    lengths = [0 if table is None else table.shape[2] for table in tables]
    shifts = [
        length if prompt is not None and prompt.shifted else 0 for prompt, length in zip(prompts, lengths, strict=True)
    ]
    shift_B = to_device(torch.repeat_interleave(torch.tensor(shifts), torch.tensor(row_counts)), backbone.device)
    longest = max(lengths)
    if longest == 0:
        return None, shift_B
    copies = [
        None if prompt is None or table is None else _copies(prompt, table, count, batch.draws)
        for prompt, table, count, batch in zip(prompts, tables, row_counts, mini_batches, strict=True)
    ]
    layers = []
    for layer in range(backbone.shape.layers):
        # Mini-batches are ordered by the layer where they join, so those that have joined are the first ones.
        joined = sum(entry.layer <= layer for entry in entries)
        layers.append(_layer_prefix(layer, prompts[:joined], copies[:joined], row_counts[:joined], longest, backbone))
    return Prefix(layers), shift_B


def _prefix_prompt(batch: MiniBatch) -> PrefixPrompt | None:
    """The v2 prompt of a mini-batch, if it has one."""
    prompt = batch.learner.prompt(batch.dataset_index)
    return prompt if isinstance(prompt, PrefixPrompt) else None


def _copies(prompt: PrefixPrompt, table: Tensor, rows: int, draws: Draws | None) -> Sequence[Tensor]:
    """A v2 prompt [L, 2, T, N, D] for each of its rows: [B, 2, T, N, D] for each of the L layers.

    The layers are taken apart before rows are copied: the gradient of a slice is as large as the tensor it was cut
    from.
    """
    if draws is None or prompt.dropout == 0.0:
        return [layer.expand(rows, *layer.shape) for layer in table.unbind(0)]
    return prompt.drop(table, rows, draws.body).unbind(1)


def _layer_prefix(
    layer: int,
    prompts: Sequence[PrefixPrompt | None],
    copies: Sequence[Sequence[Tensor] | None],
    row_counts: Sequence[int],
    longest: int,
    backbone: Backbone,
) -> LayerPrefix | None:
    """One layer's prefix for all rows, padded to the longest prompt; None when no row has one here."""
    if not any(prompt is not None and layer in prompt.layers for prompt in prompts):
        return None
    shape = backbone.shape
    keys, values, visible = [], [], []
    lengths: list[int] = []
    for prompt, copy, rows in zip(prompts, copies, row_counts, strict=True):
        length = 0
        if prompt is not None and copy is not None and layer in prompt.layers:
            chosen = prompt.layers.index(layer)
            length = prompt.lengths[chosen]
            key_BTND, value_BTND = copy[chosen].unbind(1)
        else:
            # Rows without a prompt in this layer get an empty one; padding fills it up and the mask hides it.
            empty = torch.zeros((), device=backbone.device).expand(rows, 0, shape.kv_heads, shape.head_width)
            key_BTND = value_BTND = empty
        keys.append(_padded(key_BTND, longest, backbone.dtype))
        values.append(_padded(value_BTND, longest, backbone.dtype))
        # `lengths` may shorten the prompt in a layer: the table still holds T positions, and the mask hides the rest.
        visible.append((torch.arange(longest, device=backbone.device) < length).expand(rows, -1))
        lengths += [length] * rows
    return LayerPrefix(torch.cat(keys), torch.cat(values), torch.cat(visible), tuple(lengths))


def _padded(states_BTND: Tensor, longest: int, dtype: torch.dtype) -> Tensor:
    """Keys or values [B, T, N, D] in attention's order, [B, N, longest, D], with zeros behind a shorter prompt."""
    states_BNTD = states_BTND.to(dtype).transpose(1, 2)
    missing = longest - states_BNTD.shape[2]
    return functional.pad(states_BNTD, (0, 0, 0, missing)) if missing else states_BNTD


def _score(backbone: Backbone, batch: MiniBatch, states_RH: Tensor) -> Tensor:
    """A head's scores [R, C] from the hidden states [R, H] that it reads."""
    head = batch.learner.head(batch.dataset_index)
    features_RH = backbone.pooled(states_RH) if head.features == "pooled" else states_RH
    if batch.draws is not None and batch.head_dropout > 0.0:
        # The mask comes from the CPU stream of the learner, so that it is the same on every device.
        keep_RH = torch.rand(features_RH.shape, generator=batch.draws.head) >= batch.head_dropout
        features_RH = features_RH * to_device(keep_RH, features_RH.device) / (1.0 - batch.head_dropout)
    features = backbone.vocabulary(features_RH) if head.features == "words" else features_RH
    scores: Tensor = head(features)
    return scores
