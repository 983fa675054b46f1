"""A backbone without its weights: its tokenizer and its family, which is all that laying out an input takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ptune.backbone.families import Family
from ptune.errors import BackboneError

_WHOLE = "tokenizer.json"
_VOCABULARIES = ((_WHOLE,), ("vocab.txt",), ("vocab.json", "merges.txt"), ("*.model",))


@dataclass(frozen=True)
class Unloaded:
    """What laying out an input takes of a backbone, and looking at a job before anything starts."""

    tokenizer: Any
    family: Family
    files: None = None
    tokenizer_hash: None = None


def check_vocabulary(folder: Path, backbone_id: str) -> None:
    """Check, without loading anything, that a folder holds files that a tokenizer can be read from.

    Raises:
        BackboneError: it holds none; transformers would make up a tokenizer that knows no word.
    """
    if not any(all(any(folder.glob(pattern)) for pattern in patterns) for patterns in _VOCABULARIES):
        raise BackboneError(
            f"{backbone_id} has no tokenizer in {folder}: it holds no tokenizer.json, no vocabulary (vocab.txt, or "
            "vocab.json and merges.txt) and no sentencepiece model (*.model)"
        )


def load_tokenizer(folder: Path, backbone_id: str, *, trust: bool = False) -> Any:
    """Load a backbone's tokenizer from its folder; with `trust`, code that the folder brings along is run.

    Raises:
        BackboneError: there is none, a file of it is missing, or it cannot be read.
    """
    check_vocabulary(folder, backbone_id)
    from transformers import AutoTokenizer  # imported here because it takes seconds

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust)
    except Exception as error:  # what is written in Rust raises errors of no class of their own
        raise BackboneError(f"the tokenizer of {backbone_id} cannot be loaded from {folder}: {error}") from error
    if missing := _missing_files(tokenizer, folder):
        raise BackboneError(
            f"the tokenizer of {backbone_id} is incomplete: {type(tokenizer).__name__} reads tokenizer.json or "
            f"{' and '.join(_own_files(tokenizer))}, and {folder} lacks {' and '.join(missing)}"
        )
    return tokenizer


def _own_files(tokenizer: Any) -> list[str]:
    """The files that a tokenizer's class reads where there is no `tokenizer.json`."""
    return sorted({str(name) for role, name in tokenizer.vocab_files_names.items() if role != "tokenizer_file"})


def _missing_files(tokenizer: Any, folder: Path) -> list[str]:
    """The files without which transformers has made up a tokenizer's vocabulary, or a part of it."""
    if (folder / _WHOLE).is_file():
        return []
    return [name for name in _own_files(tokenizer) if not (folder / name).is_file()]
