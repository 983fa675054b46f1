"""What a tokenizer puts around texts, found by trying it once, never by its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ptune.data.token_ids import probe_word


@dataclass(frozen=True)
class SpecialTokens:
    """Special tokens and their types."""

    ids: tuple[int, ...] = ()
    types: tuple[int, ...] = ()


@dataclass(frozen=True)
class Framing:
    """What a tokenizer puts before, between and after the segments of an input."""

    before: SpecialTokens
    between: SpecialTokens
    after: SpecialTokens
    segment_types: tuple[int, ...]
    """Token type of the text in each segment."""
    cls_index: int
    """Where in `before` the class token is; 0 if the tokenizer has none."""

    @property
    def size(self) -> int:
        """Number of special tokens in an input."""
        return len(self.before.ids) + len(self.between.ids) + len(self.after.ids)

    @classmethod
    def of(cls, tokenizer: Any, segments: int) -> Framing:
        """Find the framing of one or two segments by tokenising a word in each."""
        word = probe_word(tokenizer)
        encoded = tokenizer(*[word] * segments, return_special_tokens_mask=True)
        ids = encoded["input_ids"]
        types = encoded.get("token_type_ids") or [0] * len(ids)
        runs = _text_runs(encoded["special_tokens_mask"])
        if len(runs) == 1 and segments == 2:  # nothing between the two: they are halves of one run
            start, end = runs[0]
            runs = [(start, (start + end) // 2), ((start + end) // 2, end)]
        edges = [0, *(edge for run in runs for edge in run), len(ids)]
        bounds = zip(edges[::2], edges[1::2], strict=True)
        special = [SpecialTokens(tuple(ids[start:end]), tuple(types[start:end])) for start, end in bounds]
        between = special[1] if segments == 2 else SpecialTokens()
        class_token = getattr(tokenizer, "cls_token_id", None)
        cls_index = special[0].ids.index(class_token) if class_token in special[0].ids else 0
        return cls(special[0], between, special[-1], tuple(types[start] for start, _ in runs), cls_index)


def _text_runs(mask: list[int]) -> list[tuple[int, int]]:
    """Start and end of each run of tokens that are not special."""
    edges = [i for i in range(len(mask) + 1) if (i == 0 or mask[i - 1]) != (i == len(mask) or mask[i])]
    return list(zip(edges[::2], edges[1::2], strict=True))
