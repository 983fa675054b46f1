"""A backbone without its weights: its tokenizer and its family, which is all that laying out an input takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ptune.backbone.families import Family
from ptune.errors import BackboneError


@dataclass(frozen=True)
class Unloaded:
    """What laying out an input takes of a backbone, and looking at a job before anything starts."""

    tokenizer: Any
    family: Family
    files: None = None
    tokenizer_hash: None = None


def load_tokenizer(folder: Path, backbone_id: str) -> Any:
    """Load a backbone's tokenizer from its folder.

    Raises:
        BackboneError: there is none, or it cannot be read.
    """
    from transformers import AutoTokenizer  # imported here because it takes seconds

    try:
        return AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError) as error:
        raise BackboneError(f"the tokenizer of {backbone_id} cannot be loaded from {folder}: {error}") from error
