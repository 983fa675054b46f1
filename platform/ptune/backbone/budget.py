"""How many tokens a pass may have on a backbone's device. Knows no prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import psutil
import torch

from ptune.backbone.backbone import Backbone
from ptune.backbone.footprint import FASTEST, LONGEST_PLAIN, Dimensions, Pass, tokens_within
from ptune.backbone.quantize import matrices

_LEAST = 256
_SHARE = 0.85  # of the memory that is free; the rest is what the allocator cannot use, and what libraries take
_TOKENS = 128  # of a row, where nothing is known of the rows


def token_budget(
    backbone: Backbone, requested: int | Literal["auto"], passes: Sequence[Pass] = (), held: int = 0
) -> int:
    """Most tokens, padding included, of a pass: `requested` or, for `auto`, as many as are of use and memory holds.

    Args:
        backbone: loaded, so that its weights take nothing of what is free.
        requested: what the job says.
        passes: passes with rows like those to come; the costliest counts. None is rows without a prompt, all of whose
            layers keep their states.
        held: bytes that learners will take.
    """
    if requested != "auto":
        return requested
    sizes = dimensions(backbone)
    itemsize = backbone.dtype.itemsize
    plain = backbone.device.type == "cpu" and backbone.dtype == torch.bfloat16 and _TOKENS <= LONGEST_PLAIN
    like = passes or [Pass(1, _TOKENS, itemsize, kept=sizes.layers, plain=plain)]
    room = int(min(map(free_bytes, backbone.devices)) * _SHARE) - held
    fit = min(tokens_within(room, sizes, one) for one in like)
    return max(_LEAST, min(FASTEST[backbone.device.type], fit))


def dimensions(backbone: Backbone) -> Dimensions:
    """The sizes of a loaded backbone that memory depends on."""
    numbers = sum(matrix.weight.numel() for matrix in matrices(backbone.model))
    return Dimensions.of(backbone.config, backbone.family, backbone.shape.layers, backbone.shape.parameters, numbers)


def free_bytes(device: torch.device) -> int:
    """Bytes that are free on a device; for a CPU those of this machine."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free) + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(psutil.virtual_memory().available)
