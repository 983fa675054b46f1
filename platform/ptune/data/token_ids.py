"""The tokens of texts, by themselves and behind other words, without special tokens and uncut."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

LEADER = "a"
"""The word that is put before a text which follows others; its tokens come off again."""


def token_ids(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """Token ids of each text; texts that stand there several times, such as a passage of many questions, take once."""
    different = list(dict.fromkeys(texts))
    known = dict(zip(different, encode(tokenizer, different)["input_ids"] if different else [], strict=True))
    return [known[text] for text in texts]


def encode(tokenizer: Any, texts: list[str], *, offsets: bool = False) -> Any:
    """What a tokenizer says of each text: `input_ids`, and `offset_mapping` if `offsets` are asked for."""
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


def behind_leader(texts: Sequence[str]) -> list[str]:
    """Texts behind `LEADER`, whose tokens come off again: right for every way in which a tokenizer marks spaces."""
    return [f"{LEADER} {text}" if text else LEADER for text in texts]


@lru_cache(maxsize=4)  # relations share a vocabulary of tens of thousands of words
def single_tokens(tokenizer: Any, follows: bool, words: tuple[str, ...]) -> dict[str, int]:
    """The token of each word that is a single known token.

    `follows` says whether the words stand behind others or by themselves.
    """
    start = len(token_ids(tokenizer, [LEADER])[0]) if follows else 0
    pieces = token_ids(tokenizer, behind_leader(words) if follows else list(words))
    unknown = getattr(tokenizer, "unk_token_id", None)
    return {
        word: ids[start]
        for word, ids in zip(words, pieces, strict=True)
        if len(ids) == start + 1 and ids[start] != unknown
    }


def probe_word(tokenizer: Any) -> str:
    """A word that the tokenizer turns into at least one token."""
    candidates: list[str] = [LEADER, *tokenizer.get_vocab()]
    return next(word for word in candidates if token_ids(tokenizer, [word])[0])
