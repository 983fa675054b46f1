"""How a backbone may be quantized, the words for it, and the law that quantized weights are not trained."""

from __future__ import annotations

from typing import Literal

from ptune.spec.problem import Problem
from ptune.spec.space import Space

Quantization = Literal["int8"]
"""How the matrices of a backbone's layers may be quantized, see `ptune.backbone.quantize`."""


def quantization_law(quantization: Quantization | None, *, tuned: bool) -> str | None:
    """The law that quantized weights are not trained, where trials that may tune the backbone break it; else None."""
    if quantization is None or not tuned:
        return None
    return (
        f"quantization = {quantization!r} is for weights that stay as they are, and trials with a backbone_lr train "
        "them: leave out one of the two"
    )


def quantization_problems(quantization: Quantization | None, space: Space) -> list[Problem]:
    """That trials of a space would train weights which are quantized."""
    law = quantization_law(quantization, tuned=space.tunes)
    return [] if law is None else [Problem(("backbone", "quantization"), law)]


def precision_of(dtype: str, quantization: Quantization | None) -> str:
    """The precision of frozen weights in words: their type and, where they are quantized, the type of the layers'."""
    return dtype if quantization is None else f"{dtype}, matrices in {quantization}"
