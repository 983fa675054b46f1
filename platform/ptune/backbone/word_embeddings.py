"""A backbone's word embeddings, read from its files without loading the model, and the words that lie near a vector.

Shapes: T vectors · V words of the vocabulary · E width of an embedding.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptune.backbone.hashes import weight_files
from ptune.backbone.tokenizer import load_tokenizer
from ptune.errors import BackboneError

if TYPE_CHECKING:
    from torch import Tensor

_TABLE = re.compile(r"(^|\.)(word_embeddings|wte|embed_tokens|tok_embeddings|shared|embed_in)\.weight$")
"""What families call the table of word embeddings."""
_STARTS = ("Ġ", "▁")
"""How vocabularies mark a token that begins a word."""
_CONTINUES = "##"
_TRIED = 200  # tokens nearest to a vector, among which words are sought
_SAMPLE = 500  # words by which it is told how near words lie to each other


@dataclass(frozen=True)
class Near:
    """A word near a vector.

    Attributes:
        word: the word.
        cosine: of the angle between its embedding and the vector.
    """

    word: str
    cosine: float


def read_word_embeddings(folder: Path, width: int) -> Tensor:
    """The word embeddings [V, E] of a backbone's files, in float32.

    Args:
        folder: the backbone, see `ptune.backbone.locate.locate`.
        width: E.

    Raises:
        BackboneError: its files hold no such table under a known name.
    """
    from safetensors import safe_open

    for path in weight_files(folder):
        with safe_open(path, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118 - a file of tensors cannot be iterated over
                if _TABLE.search(name) and weights.get_slice(name).get_shape()[1:] == [width]:
                    table: Tensor = weights.get_tensor(name).float()
                    return table
    raise BackboneError(f"{folder} holds no word embeddings of width {width} under a name that is known here")


class Vocabulary:
    """The ordinary words of a backbone, and where they lie.

    Words are the tokens that begin a word and consist of letters; pieces, marks and special tokens are none.

    Args:
        folder: the backbone's files.
        width: width of its word embeddings.

    Raises:
        BackboneError: its word embeddings or its tokenizer cannot be read.
    """

    def __init__(self, folder: Path, width: int) -> None:
        table_VE = read_word_embeddings(folder, width)
        self._directions_VE = table_VE / table_VE.norm(dim=1, keepdim=True).clamp(min=1e-12)
        self._tokenizer: Any = load_tokenizer(folder, str(folder))
        self._special = set(self._tokenizer.all_special_ids)
        last = self._tokenizer.tokenize("a a")[-1]
        self._start = next((mark for mark in _STARTS if last.startswith(mark)), "")

    def nearest(self, vectors_TE: Tensor, most: int) -> list[list[Near]]:
        """The words nearest to each vector, the nearest first, at most `most`."""
        directions_TE = vectors_TE.float() / vectors_TE.float().norm(dim=1, keepdim=True).clamp(min=1e-12)
        cosines_TV = directions_TE @ self._directions_VE.T
        best = cosines_TV.topk(min(_TRIED, cosines_TV.shape[1]), dim=1)
        return [self._words(*row, most) for row in zip(best.indices.tolist(), best.values.tolist(), strict=True)]

    def closeness(self) -> float | None:
        """The cosine of a word and its nearest other word, in the middle of a sample; None without two words."""
        count = len(self._directions_VE)
        sample = [token for token in range(0, count, max(1, count // _SAMPLE)) if self._word(token) is not None]
        near = [words[1].cosine for words in self.nearest(self._directions_VE[sample], 2) if len(words) > 1]
        return sorted(near)[len(near) // 2] if near else None

    def _words(self, tokens: Sequence[int], cosines: Sequence[float], most: int) -> list[Near]:
        near: dict[str, float] = {}
        for token, cosine in zip(tokens, cosines, strict=True):
            word = self._word(token)
            if word is not None:
                near.setdefault(word, round(cosine, 4))
            if len(near) == most:
                break
        return [Near(word, cosine) for word, cosine in near.items()]

    def _word(self, token: int) -> str | None:
        """The word that a token is; None for pieces, marks and special tokens."""
        if token in self._special or token >= len(self._tokenizer):
            return None
        name = self._tokenizer.convert_ids_to_tokens(token)
        if name is None or name.startswith(_CONTINUES) or not name.startswith(self._start):
            return None
        word = str(self._tokenizer.decode([token])).strip()
        return word if word.isalpha() else None
