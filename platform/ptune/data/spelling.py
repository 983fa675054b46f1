"""What a tokenizer makes of words by themselves and behind others, without special tokens and uncut."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

LEADER = "a"
"""The word that stands before texts which follow others; its tokens come off again."""


def spelled(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """Token ids of each text."""
    result: list[list[int]] = account(tokenizer, texts)["input_ids"] if texts else []
    return result


def account(tokenizer: Any, texts: list[str], *, offsets: bool = False) -> Any:
    """A tokenizer's account of each of some texts: `input_ids`, and `offset_mapping` if asked for."""
    return tokenizer(
        texts,
        add_special_tokens=False,
        padding=False,
        truncation=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        return_offsets_mapping=offsets,
        verbose=False,
    )


def behind_a_word(texts: Sequence[str]) -> list[str]:
    """Texts behind a word, whose tokens come off again: right for every way of marking spaces."""
    return [f"{LEADER} {text}" if text else LEADER for text in texts]


@lru_cache(maxsize=4)  # relations share a vocabulary of tens of thousands of words
def known(tokenizer: Any, follows: bool, words: tuple[str, ...]) -> dict[str, int]:
    """The token of each word that is a single one and known, behind other words or by itself."""
    start = len(spelled(tokenizer, [LEADER])[0]) if follows else 0
    pieces = spelled(tokenizer, behind_a_word(words) if follows else list(words))
    unknown = getattr(tokenizer, "unk_token_id", None)
    return {
        word: ids[start]
        for word, ids in zip(words, pieces, strict=True)
        if len(ids) == start + 1 and ids[start] != unknown
    }


def probe_word(tokenizer: Any) -> str:
    """A word that the tokenizer turns into at least one token."""
    candidates: list[str] = [LEADER, *tokenizer.get_vocab()]
    return next(word for word in candidates if spelled(tokenizer, [word])[0])
