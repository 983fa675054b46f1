"""Greedy decoding: a language model goes on writing behind a row, under a learner's prompt. Knows no task.

Every token takes a whole pass over what is there so far, so that a prompt of any kind works as it does in training;
rows that have ended leave the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from ptune.backbone.backbone import Backbone
from ptune.data.batches import eval_batches
from ptune.prompts.forward import Group, forward
from ptune.prompts.learner import Learner
from ptune.prompts.rows import Examples, Row, Rows


def write(
    backbone: Backbone, learner: Learner, split: Examples, most: int, end: int, token_budget: int
) -> list[list[int]]:
    """The likeliest next tokens behind each example's row, one after another, without the end token.

    Args:
        backbone: a causal language model or an encoder-decoder, with its language head.
        learner: the prompt, and a head that gives the whole vocabulary's scores.
        split: examples of one data set, of one row each; what stands behind the first position read is left out.
        most: tokens after which writing stops.
        end: the token that ends a text.
        token_budget: most tokens, padding included, in one pass.
    """
    written: list[list[int]] = [[] for _ in range(len(split))]
    starts = [_cut(row) for row in split.rows]
    costs = np.array([row.length for row in starts], dtype=np.int64) + most
    with torch.inference_mode():
        for batch in eval_batches(costs, token_budget):
            open_texts = batch.tolist()
            for _ in range(most):
                rows = [_extended(starts[index], written[index]) for index in open_texts]
                tokens = _next_tokens(backbone, learner, rows, int(split.parts[0]))
                for index, token in zip(open_texts, tokens, strict=True):
                    if token != end:
                        written[index].append(token)
                open_texts = [index for index, token in zip(open_texts, tokens, strict=True) if token != end]
                if not open_texts:
                    break
    return written


def _next_tokens(backbone: Backbone, learner: Learner, rows: Sequence[Row], part: int) -> list[int]:
    """The likeliest token behind each row."""
    nothing = [None] * len(rows)
    ones = np.ones(len(rows), dtype=np.int64)
    examples = Examples(Rows.of(rows), ones, nothing, ones * part, nothing, [])
    passing = replace(backbone, cache=None)  # these rows never come again
    scored = forward(passing, [Group(learner, examples, np.arange(len(rows)))])[0]
    tokens: list[int] = scored.scores.argmax(dim=-1).tolist()
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
