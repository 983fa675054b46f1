"""Which values the settings of a backbone may have, before transformers reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ptune.errors import BackboneError

_SIZES = (
    *("hidden_size", "d_model", "n_embd", "dim", "intermediate_size", "d_ff", "vocab_size", "num_key_value_heads"),
    *("num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads", "decoder_attention_heads"),
)
"""Settings that count something, of which there must be one at least."""
_POSITIONS = ("max_position_embeddings", "n_positions")
"""Settings that count something, if they are stated."""
_SHARES = ("dropout", "pdrop")
"""How the names of settings end, or what they hold, that are shares."""


def check_settings(config: Mapping[str, Any], backbone_id: str) -> None:
    """Check the values of the settings that families have in common.

    Args:
        config: a backbone's `config.json`.
        backbone_id: what the user calls it, for the message.

    Raises:
        BackboneError: a size is no whole number above 0, or a share is not between 0 and 1.
    """
    for name, value in config.items():
        if name in _SIZES or (name in _POSITIONS and value is not None):
            sound, law = type(value) is int and value > 0, "a whole number above 0"
        elif any(word in name for word in _SHARES) and value is not None and not isinstance(value, bool):
            sound, law = isinstance(value, int | float) and 0 <= value <= 1, "a number between 0 and 1"
        else:
            continue
        if not sound:
            raise BackboneError(f"{backbone_id}: its config.json must say {law} for {name}, got {repr(value)[:60]}")
