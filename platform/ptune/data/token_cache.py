"""Tokens of many texts, computed once on each node, whatever template lays them out. Knows no template.

Each (tokenizer, texts) has one memory-mapped file, so that every engine of a node, every template and every later
search reads the same pages.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
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
        computed: list[list[list[int]]] = []

        def make(path: Path) -> bool:
            computed.append(compute(texts))
            return self._write(path, Ragged.of(computed[0]))

        try:
            path = self._files.hold(name, partial(_is_whole, count=len(texts)), make)
            if path is not None and not computed:
                cached = _mapped(path, len(texts))
                computed.append([cached[index] for index in range(len(cached))])
            if path is not None:
                self._files.release(name)
        except OSError as error:  # a cache that fails must not fail the training
            _LOG.warning("tokens are computed anew, because %s cannot keep them: %s", self._files.folder, error)
        return computed[0] if computed else compute(texts)

    def _write(self, path: Path, tokens: Ragged) -> bool:
        numbers = np.concatenate([tokens.lengths.astype(np.int32), tokens.values])
        if not self._files.make_room(numbers.nbytes):
            return False
        with replacing(path) as draft, draft.open("wb") as stream:
            np.save(stream, numbers)
        return True


def _is_whole(path: Path, count: int) -> bool:
    try:
        _mapped(path, count)
    except (FileNotFoundError, ValueError, EOFError):  # numpy's words for a file that is not whole
        return False
    return True


def _mapped(path: Path, count: int) -> Ragged:
    numbers = np.load(path, mmap_mode="r", allow_pickle=False)
    return Ragged.parted(numbers[count:], numbers[:count])
