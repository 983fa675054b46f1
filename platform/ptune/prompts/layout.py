"""The input a prompt is trained on and used with: its template, bound to a backbone's tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ptune.backbone.families import Family
from ptune.data.templates import Example, Layout
from ptune.data.token_cache import TokenCache
from ptune.node_files import NodeFiles
from ptune.spec.template import Part, PromptRun


class Reading(Protocol):
    """What laying out an input takes of a backbone; a loaded one has it."""

    @property
    def tokenizer(self) -> Any:
        """Its tokenizer."""

    @property
    def family(self) -> Family:
        """Its family."""

    @property
    def files(self) -> NodeFiles | None:
        """Where this node keeps tokens; None keeps none."""

    @property
    def tokenizer_hash(self) -> str | None:
        """A hash of all that decides the tokens of a text; None where there is none, and no tokens are kept."""


def bind(parts: Sequence[Part], backbone: Reading, fields: Sequence[str], max_length: int) -> Layout:
    """Bind the parts of `ptune.spec.layout.input_parts` to a backbone's tokenizer.

    Raises:
        DataError: prompt, anchor and special tokens leave no room for text, or the backbone has no place for [MASK].
    """
    counts = [part.count for part in parts if isinstance(part, PromptRun) and part.count is not None]
    causal = backbone.family.reads == "last"
    cache = None
    if backbone.files is not None and backbone.tokenizer_hash is not None:
        cache = TokenCache(backbone.files, backbone.tokenizer_hash)
    return Layout(backbone.tokenizer, fields, parts, counts, max_length, causal=causal, cache=cache)


def read_position(example: Example, backbone: Reading) -> int:
    """The position whose state stands for a whole input, by the backbone's family."""
    return example.first if backbone.family.reads == "first" else example.last
