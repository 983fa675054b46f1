"""A backbone's tokenizer, without its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ptune.errors import BackboneError


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
