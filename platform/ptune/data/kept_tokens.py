"""Tokens of many texts, computed once per node, whatever the template they are laid out in. Knows no template.

Kept as one memory-mapped file for each (tokenizer, texts), so that every engine of a node, every template and every
later search reads the same pages.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ptune.data.ragged import Ragged
from ptune.files import replacing, value_hash
from ptune.node_files import NodeFiles

_LOG = logging.getLogger(__name__)
_FORMAT = "ptune-tokens-1"
_WORTH_KEEPING = 1_000  # texts: fewer take milliseconds


class TokenCache:
    """Token ids on disk.

    Args:
        files: where they lie.
        tokenizer: what decides, with the texts, what their tokens are.
    """

    def __init__(self, files: NodeFiles, tokenizer: str) -> None:
        self._files = files
        self._tokenizer = tokenizer

    def tokens(self, texts: list[str], compute: Callable[[list[str]], list[list[int]]]) -> list[list[int]]:
        """The tokens of each text, computed if they are not there; few texts are not worth keeping."""
        if len(texts) < _WORTH_KEEPING:
            return compute(texts)
        name = f"{value_hash([_FORMAT, self._tokenizer, texts])}.tokens"
        try:
            kept = self._found(name, texts, compute)
        except OSError as error:  # a cache that fails must not fail the training
            _LOG.warning("tokens are computed anew, because %s cannot keep them: %s", self._files.folder, error)
            return compute(texts)
        return [kept[number] for number in range(len(kept))]

    def _found(self, name: str, texts: list[str], compute: Callable[[list[str]], list[list[int]]]) -> Ragged:
        with self._files.alone(name) as path:
            try:
                found = _mapped(path, len(texts))
            except (FileNotFoundError, ValueError, EOFError):  # numpy's word for a file that is not whole
                found = Ragged.of(compute(texts))
                whole = np.concatenate([found.lengths.astype(np.int32), found.values])
                if self._files.make_room(whole.nbytes):
                    _write(path, whole)
            else:
                self._files.used(name)
        return found


def _write(path: Path, whole: np.ndarray) -> None:
    with replacing(path) as draft, draft.open("wb") as stream:
        np.save(stream, whole)


def _mapped(path: Path, count: int) -> Ragged:
    whole = np.load(path, mmap_mode="r")
    offsets = np.concatenate([[0], np.cumsum(whole[:count], dtype=np.int64)])
    return Ragged(whole[count:], offsets)
