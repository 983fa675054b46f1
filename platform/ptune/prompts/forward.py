"""One forward pass for the rows of many learners, instead of one pass for each. Knows no training.

Shapes: G groups (one per learner) · B rows of all groups · Q positions · E embedding width · H hidden width · T longest
v2 prompt · N key/value heads · D head width · R positions that a group's head reads · C scores at each.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
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
from ptune.prompts.kept import KeptStates, kept_states
from ptune.prompts.learner import Learner
from ptune.prompts.rows import Examples, Rows, Stack, stack
from ptune.prompts.v1 import InputPrompt
from ptune.prompts.v2 import PrefixPrompt


@dataclass(frozen=True)
class Group:
    """One learner's share of a pass: some examples, all of one data set.

    Dropout is on exactly when a generator is given.
    """

    learner: Learner
    examples: Examples
    indices: np.ndarray
    head_dropout: float = 0.0
    generator: torch.Generator | None = None

    @property
    def part(self) -> int:
        """The data set of its examples."""
        return int(self.examples.parts[self.indices[0]])

    @property
    def rows(self) -> Rows:
        """The rows of its examples, in order."""
        return self.examples.rows.pick(self.examples.row_numbers(self.indices))


@dataclass(frozen=True)
class Scored:
    """What a learner's head says about the examples of one group.

    Attributes:
        scores: [R, C] at every position read, in order of the rows.
        examples: the split.
        indices: which of its examples, in the order of the scores.
    """

    scores: Tensor
    examples: Examples
    indices: np.ndarray

    @property
    def part(self) -> int:
        """The data set of the examples."""
        return int(self.examples.parts[self.indices[0]])

    @property
    def labels(self) -> list[Any]:
        """The answer of each example."""
        return [self.examples.labels[index] for index in self.indices]

    @property
    def about(self) -> list[Any]:
        """What the task knows of each example."""
        return [self.examples.about[index] for index in self.indices]

    @property
    def counts(self) -> list[int]:
        """Rows of each example."""
        counts: list[int] = self.examples.counts[self.indices].tolist()
        return counts

    @property
    def reads_by_row(self) -> list[int]:
        """Positions read of each row."""
        numbers = self.examples.row_numbers(self.indices)
        lengths: list[int] = self.examples.rows.reads.lengths[numbers].tolist()
        return lengths

    @property
    def reads(self) -> list[int]:
        """Positions read of each example, over all its rows."""
        of_rows = iter(self.reads_by_row)
        return [sum(itertools.islice(of_rows, count)) for count in self.counts]

    def each(self) -> tuple[Tensor, ...]:
        """The scores [reads, C] of each example."""
        return self.scores.split_with_sizes(self.reads)


@dataclass(frozen=True)
class _Start:
    """Where a group's rows join: before `layer`, with the states kept for it; from the embeddings without any."""

    layer: int = 0
    kept: KeptStates | None = None


def forward(backbone: Backbone, groups: Sequence[Group]) -> list[Scored]:
    """Run all groups in one pass.

    A learner that must be `alone` is the only group of its pass: it runs through its own backbone, or draws the
    backbone's dropout from its own stream. On a backbone with layers that rows can join before, they do so at the first
    where their learner has a say.
    """
    assert len(groups) == 1 or not any(group.learner.alone for group in groups), "a learner that must be alone is not"
    backbone = groups[0].learner.backbone or backbone
    staged = backbone.layers is not None and not (groups[0].learner.live and groups[0].generator is not None)
    starts = [_start(backbone, group) if staged else _Start() for group in groups]
    order = sorted(range(len(groups)), key=lambda place: starts[place].layer)
    ordered = [groups[place] for place in order]
    each = [group.rows for group in ordered]
    rows = stack(Rows.joined(each), backbone.device)
    run = _staged if staged else _whole
    states = run(backbone, ordered, [starts[place] for place in order], rows, [len(own) for own in each])
    results: list[Any] = [None] * len(groups)
    parted = states.split_with_sizes([len(own.reads.values) for own in each])
    for place, group, own in zip(order, ordered, parted, strict=True):
        results[place] = Scored(_score(backbone, group, own), group.examples, group.indices)
    return results


def predict(
    backbone: Backbone,
    learner: Learner,
    split: Examples,
    token_budget: int,
    answer: Callable[[Scored], Sequence[Any]],
) -> list[Any]:
    """The answer of each example, in the split's order; no pass exceeds `token_budget` padded tokens.

    Args:
        backbone: the frozen backbone.
        learner: prompt and head.
        split: the examples.
        token_budget: most tokens, padding included, in one pass.
        answer: what becomes of the scores of some examples: one value for each, on the CPU.
    """
    answers: list[Any] = [None] * len(split)
    with torch.inference_mode():
        for indices in eval_groups(split, token_budget):
            scored = forward(backbone, [Group(learner, split, indices)])[0]
            for index, value in zip(indices, answer(scored), strict=True):
                answers[index] = value
    return answers


def eval_groups(split: Examples, token_budget: int) -> list[np.ndarray]:
    """Cut a split into batches of one data set each, of at most `token_budget` padded tokens, shortest rows first."""
    costs = split.lengths * split.counts
    batches = []
    for part in np.unique(split.parts):
        members = np.flatnonzero(split.parts == part)
        batches += [members[batch] for batch in eval_batches(costs[members], token_budget)]
    return batches


def _whole(
    backbone: Backbone, groups: Sequence[Group], starts: Sequence[_Start], rows: Stack, counts: Sequence[int]
) -> Tensor:
    """The states [R, H] that all groups read, the backbone run as a whole."""
    embeds = _embeddings(backbone, groups, rows, counts)
    prefix, shift = _prefix(backbone, groups, counts, starts)
    with _dropout(backbone, groups[0]):
        hidden = backbone.forward(embeds, rows.visible, rows.types, shift, prefix, rows.decoder, rows.decoder_visible)
    return hidden[rows.row, rows.read]


def _staged(
    backbone: Backbone, groups: Sequence[Group], starts: Sequence[_Start], rows: Stack, counts: Sequence[int]
) -> Tensor:
    """The states [R, H] that all groups read, the layers run one by one; groups are ordered by where they join."""
    prefix, shift = _prefix(backbone, groups, counts, starts)
    joining: dict[int, list[Tensor]] = {}
    first = sum(start.kept is None for start in starts)
    if first > 0:
        computed = sum(counts[:first])
        embeds = _embeddings(backbone, groups[:first], rows.first(computed), counts[:first])
        joining[0] = [backbone.begin(embeds, rows.types[:computed], shift[:computed])]
    for group, start in zip(groups, starts, strict=True):
        if start.kept is not None:
            states = start.kept.of(group.indices, rows.ids.shape[1], backbone.device)
            joining.setdefault(start.layer, []).append(states)
    joined = {layer: torch.cat(parts) for layer, parts in joining.items()}
    hidden = backbone.run(joined, rows.visible, shift, prefix, rows.read if rows.single else None).float()
    return hidden[:, 0] if rows.single else hidden[rows.row, rows.read]


def _start(backbone: Backbone, group: Group) -> _Start:
    """The first layer at which a group's learner has a say, if what lies below it is kept."""
    prompt = group.learner.prompt(group.part)
    if isinstance(prompt, InputPrompt) or (prompt is not None and prompt.shifted):
        return _Start()
    layer = backbone.shape.layers if prompt is None else prompt.layers[0]
    kept = kept_states(backbone, group.examples, layer) if layer > 0 else None
    return _Start(layer, kept) if kept is not None else _Start()


@contextlib.contextmanager
def _dropout(backbone: Backbone, group: Group) -> Iterator[None]:
    """Switch the backbone's own dropout on for a learner that trains with it, drawn from the learner's stream."""
    if group.generator is None or not group.learner.live:
        yield
        return
    seed = int(torch.randint(2**62, (), generator=group.generator))
    devices = [backbone.device] if backbone.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), backbone.training_mode(True):
        torch.manual_seed(seed)
        yield


def _embeddings(backbone: Backbone, groups: Sequence[Group], rows: Stack, counts: Sequence[int]) -> Tensor:
    """Input embeddings [B, Q, E], prompt tokens of each v1 group in their places."""
    embeds = backbone.embed(rows.ids.clamp(min=0))
    tables, first, offsets = [], 0, []
    for group in groups:
        offsets.append(first)
        prompt = group.learner.prompt(group.part)
        if isinstance(prompt, InputPrompt):
            tables.append(prompt())
            first += tables[-1].shape[0]
    if not tables:
        return embeds
    row_offsets = to_device(torch.repeat_interleave(torch.tensor(offsets), torch.tensor(counts)), backbone.device)
    place = rows.ids < 0
    vectors = torch.cat(tables)[(row_offsets[:, None] - rows.ids - 1)[place]]
    return embeds.index_put((place,), vectors.to(embeds.dtype))


def _prefix(
    backbone: Backbone, groups: Sequence[Group], counts: Sequence[int], starts: Sequence[_Start]
) -> tuple[Prefix | None, Tensor]:
    """The prefix of the rows that each layer has, and the positions [B] that each row's text is shifted by."""
    owned = [group.learner.prompt(group.part) for group in groups]
    prompts = [prompt if isinstance(prompt, PrefixPrompt) else None for prompt in owned]
    tables = [None if prompt is None else prompt() for prompt in prompts]
    shifts = [
        table.shape[2] if prompt is not None and table is not None and prompt.shifted else 0
        for prompt, table in zip(prompts, tables, strict=True)
    ]
    shift = to_device(torch.repeat_interleave(torch.tensor(shifts), torch.tensor(counts)), backbone.device)
    longest = max((table.shape[2] for table in tables if table is not None), default=0)
    if longest == 0:
        return None, shift
    copies = [
        None if prompt is None or table is None else _copies(prompt, table, rows, group.generator)
        for prompt, table, rows, group in zip(prompts, tables, counts, groups, strict=True)
    ]
    layers = []
    for layer in range(backbone.shape.layers):
        there = sum(start.layer <= layer for start in starts)
        layers.append(_layer(layer, prompts[:there], copies[:there], counts[:there], longest, backbone))
    return Prefix(layers), shift


def _copies(prompt: PrefixPrompt, table: Tensor, rows: int, generator: torch.Generator | None) -> Sequence[Tensor]:
    """A v2 prompt for each of its rows: [B_g, 2, T_g, N, D] in each chosen layer.

    Layers are taken apart before rows are copied: the gradient of a slice is as large as what it was cut from.
    """
    if generator is None or prompt.dropout == 0.0:
        return [layer.expand(rows, *layer.shape) for layer in table.unbind(0)]
    return prompt.drop(table, rows, generator).unbind(1)


def _layer(
    layer: int,
    prompts: Sequence[PrefixPrompt | None],
    copies: Sequence[Sequence[Tensor] | None],
    counts: Sequence[int],
    longest: int,
    backbone: Backbone,
) -> LayerPrefix | None:
    """One layer's prefix for all rows, padded to the longest prompt; None when no row has one here."""
    if not any(prompt is not None and layer in prompt.layers for prompt in prompts):
        return None
    shape = backbone.shape
    keys, values, visible = [], [], []
    for prompt, copy, rows in zip(prompts, copies, counts, strict=True):
        length = 0
        if prompt is not None and copy is not None and layer in prompt.layers:
            place = prompt.layers.index(layer)
            length = prompt.lengths[place]
            key, value = copy[place].unbind(1)
        else:
            key = value = torch.zeros((), device=backbone.device).expand(rows, 0, shape.kv_heads, shape.head_width)
        keys.append(_padded(key, longest, backbone.dtype))
        values.append(_padded(value, longest, backbone.dtype))
        visible.append((torch.arange(longest, device=backbone.device) < length).expand(rows, -1))
    return LayerPrefix(torch.cat(keys), torch.cat(values), torch.cat(visible))


def _padded(states: Tensor, longest: int, dtype: torch.dtype) -> Tensor:
    """Keys or values [B, T, N, D] as attention takes them, [B, N, longest, D], zeros behind a shorter prompt."""
    states = states.to(dtype).transpose(1, 2)
    short = longest - states.shape[2]
    return functional.pad(states, (0, 0, 0, short)) if short else states


def _score(backbone: Backbone, group: Group, states: Tensor) -> Tensor:
    """A head's scores [R, C] from the hidden states [R, H] it reads."""
    head = group.learner.head(group.part)
    features = backbone.pooled(states) if head.features == "pooled" else states
    if group.generator is not None and group.head_dropout > 0.0:
        kept = torch.rand(features.shape, generator=group.generator) >= group.head_dropout
        features = features * to_device(kept, features.device) / (1.0 - group.head_dropout)
    if head.features == "words":
        features = backbone.vocabulary(features)
    scores: Tensor = head(features)
    return scores
