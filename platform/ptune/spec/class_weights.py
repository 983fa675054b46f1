"""How much each class counts in training, as a job says it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from ptune.errors import nearest
from ptune.spec.strict import broken, got

_LAW = 'class_weights must be "balanced" or a table of weights above 0, such as {yes = 2.5}'
_SHOWN = 20


def _weights(weights: Any) -> Any:
    """Class weights with one message for all that they cannot be."""
    if isinstance(weights, dict) and weights:
        wrong = [
            f"{label} = {weight!r}"
            for label, weight in weights.items()
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf
        ]
        if wrong:
            raise broken(f"{_LAW}, got {wrong[0][:200]}")
        return weights
    if weights not in (None, "balanced"):
        raise broken(_LAW + got(weights, "'balanced'"))
    return weights


ClassWeights = Annotated[Literal["balanced"] | dict[str, float], BeforeValidator(_weights)]
"""`balanced`, by how rare each class is, or a table; labels left out count 1."""


def weights_law(weights: ClassWeights | None, labels: Sequence[str]) -> str | None:
    """The law that a table of class weights breaks, if it weighs what is no label; None if it does not."""
    if not isinstance(weights, dict):
        return None
    strange = next((name for name in weights if name not in labels), None)
    if strange is None:
        return None
    shown = ", ".join(labels[:_SHOWN]) + (f" and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else "")
    return f"class_weights must weigh labels ({shown}), got {strange!r}{nearest(strange, labels)}"
