"""How many tokens a pass may have on a backbone's device. Knows no prompt."""

from __future__ import annotations

from typing import Literal

import psutil
import torch

from ptune.backbone.backbone import Backbone

FASTEST = {"cpu": 2_048, "cuda": 32_768}
"""Tokens of a pass above which it gets no faster; on CPUs it gets slower, because its states leave the caches."""
_LEAST = 256
_SHARE = 0.5  # of the memory that is free, for what a pass saves; the rest is for what it computes in between
_TOKENS = 128  # of the pass that is looked at


def token_budget(backbone: Backbone, requested: int | Literal["auto"]) -> int:
    """Most tokens, padding included, of a pass: `requested` or, for `auto`, as many as are of use and memory holds.

    What a token takes is measured: the states that a small forward pass saves for its backward pass.
    """
    if requested != "auto":
        return requested
    fit = int(_free(backbone.device) * _SHARE / _saved_per_token(backbone))
    return max(_LEAST, min(FASTEST[backbone.device.type], fit))


def _saved_per_token(backbone: Backbone) -> float:
    """Bytes that a forward pass saves for the backward pass, for each token, without the weights."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in backbone.parameters()}
    saved: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    longest = backbone.shape.max_positions
    width = min(_TOKENS, longest) if longest is not None else _TOKENS
    ids = torch.ones((1, width), dtype=torch.long, device=backbone.device)
    embeds = backbone.embed(ids).detach().requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        hidden = backbone.forward(embeds, ids.bool(), ids * 0, ids[:, 0] * 0)
    del hidden
    return max(1.0, sum(saved.values()) / width)


def _free(device: torch.device) -> int:
    """Bytes that are free on a device; for a CPU those of this machine."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free) + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(psutil.virtual_memory().available)
