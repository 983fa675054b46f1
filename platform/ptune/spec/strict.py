"""The base of everything a user writes: frozen, typed as written, no unknown keys, documented at the field."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A frozen value object that refuses keys it does not know, and `true` or `"3"` where a number belongs."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )
