"""The input a prompt is trained on and used with: its template, bound to a backbone's tokenizer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ptune.backbone.load import Backbone
from ptune.data.templates import Layout
from ptune.errors import SpecError
from ptune.prompts.rows import Examples
from ptune.spec.prompt import PromptSpec, PromptV1
from ptune.spec.template import Part, PromptRun, parse, plain, run_lengths


def input_parts(prompt: PromptSpec, fields: Sequence[str]) -> list[Part]:
    """A prompt's template as parts, every run with its number of tokens; without a v1 prompt, the plain input.

    Raises:
        SpecError: the template does not fit the fields, or the prompt's length does not fit the template.
    """
    if not isinstance(prompt, PromptV1):
        return plain(list(fields))
    try:
        parts = parse(prompt.template, list(fields))
        counts = iter(run_lengths(parts, prompt.length))
    except ValueError as error:
        raise SpecError(f"template {prompt.template!r}: {error}") from None
    return [PromptRun(next(counts)) if isinstance(part, PromptRun) else part for part in parts]


def bind(parts: Sequence[Part], backbone: Backbone, fields: Sequence[str], max_length: int) -> Layout:
    """Bind the parts of `input_parts` to a backbone's tokenizer.

    Raises:
        DataError: prompt, anchor and special tokens leave no room for text.
    """
    counts = [part.count for part in parts if isinstance(part, PromptRun) and part.count is not None]
    return Layout(backbone.tokenizer, fields, parts, counts, max_length)


def encode(
    layout: Layout, backbone: Backbone, texts: Sequence[Sequence[str]], labels: Sequence[int] | None = None
) -> Examples:
    """Encode texts, and find where the backbone's family reads each; unlabelled texts get the label 0.

    Raises:
        DataError: a text has no token.
    """
    items = layout.encode_all(texts)
    reads = [item.first if backbone.family.reads == "first" else item.last for item in items]
    numbers = np.zeros(len(items), dtype=np.int64) if labels is None else np.array(labels, dtype=np.int64)
    return Examples(items, numbers, np.array(reads))
