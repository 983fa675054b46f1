"""Greedy decoding: a language model goes on writing behind a row, under a learner's prompt. Knows no task.

Every token takes a whole pass over the row and the tokens so far, so that a prompt of any kind works as it does in
training. Rows that have ended leave the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from ptune.backbone.backbone import Backbone
from ptune.data.batches import eval_batches
from ptune.prompts.forward import MiniBatch, forward
from ptune.prompts.learner import Learner
from ptune.prompts.rows import Examples, Row, Rows


def greedy_decode(
    backbone: Backbone, learner: Learner, split: Examples, max_tokens: int, end: int, token_budget: int
) -> list[list[int]]:
    """The likeliest next tokens behind each example's row, one after another, without the end token.

    Args:
        backbone: a causal language model or an encoder-decoder, with its language head.
        learner: the prompt, and a head that gives the whole vocabulary's scores.
        split: examples of one data set, of one row each; tokens behind the first position read are left out.
        max_tokens: number of tokens after which decoding stops.
        end: the token that ends a text.
        token_budget: most tokens, padding included, in one pass.
    """
    decoded: list[list[int]] = [[] for _ in range(len(split))]
    starts = [_cut(row) for row in split.rows]
    # A row grows by up to `max_tokens`, so its last pass decides how many rows share a batch.
    costs = np.array([row.length for row in starts], dtype=np.int64) + max_tokens
    with torch.inference_mode():
        for batch in eval_batches(costs, token_budget):
            unfinished = batch.tolist()
            for _ in range(max_tokens):
                rows = [_extended(starts[index], decoded[index]) for index in unfinished]
                tokens = _next_tokens(backbone, learner, rows, int(split.dataset_indices[0]))
                for index, token in zip(unfinished, tokens, strict=True):
                    if token != end:
                        decoded[index].append(token)
                unfinished = [index for index, token in zip(unfinished, tokens, strict=True) if token != end]
                if not unfinished:
                    break
    return decoded


def _next_tokens(backbone: Backbone, learner: Learner, rows: Sequence[Row], dataset_index: int) -> list[int]:
    """The likeliest token behind each row."""
    count = len(rows)
    examples = Examples(
        rows=Rows.of(rows),
        row_counts=np.ones(count, dtype=np.int64),
        labels=[None] * count,
        dataset_indices=np.full(count, dataset_index, dtype=np.int64),
        task_info=[None] * count,
        splits=[],
    )
    uncached = replace(backbone, cache=None)  # each of these rows is run once, so its states are not worth keeping
    output = forward(uncached, [MiniBatch(learner, examples, np.arange(count))])[0]
    tokens: list[int] = output.scores.argmax(dim=-1).tolist()
    return tokens


def _cut(row: Row) -> Row:
    """A row up to the first position read."""
    end = row.reads[0] + 1
    if row.decoder:
        return replace(row, decoder=row.decoder[:end], reads=(end - 1,))
    return replace(row, ids=row.ids[:end], types=row.types[:end], reads=(end - 1,))


def _extended(row: Row, tokens: Sequence[int]) -> Row:
    """A row with tokens behind it, read at the last of them."""
    reads = (row.reads[0] + len(tokens),)
    if row.decoder:
        return replace(row, decoder=[*row.decoder, *tokens], reads=reads)
    types = [*row.types, *[row.types[-1]] * len(tokens)]
    return replace(row, ids=[*row.ids, *tokens], types=types, reads=reads)
