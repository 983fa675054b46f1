"""Which backbones may attend to tokens without padding, and the kernel of CUDA that does it.

Imports no torch until it is asked for the kernel.
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import TYPE_CHECKING

from ptune.backbone.lean_imports import import_compiler
from ptune.errors import BackboneError

if TYPE_CHECKING:
    from ptune.backbone.backbone import Backbone
    from ptune.backbone.token_attention import Kernel

_STEP, _WIDEST = 8, 192


def kernel_takes(head_width: int) -> bool:
    """Whether CUDA's kernel takes heads of a width, forward and backward, on every GPU that it runs on.

    PyTorch, `aten/src/ATen/native/transformers/cuda`: `flash_attn/flash_api.cpp` asks for multiples of 8, and
    `sdp_utils.cpp` trains heads wider than 192 on some cards only.
    """
    return head_width % _STEP == 0 and head_width <= _WIDEST


def attend_to_tokens(backbone: Backbone, kernel: Kernel | None = None) -> Backbone:
    """Let the layers compute on tokens without padding, and attention, too.

    Args:
        backbone: a frozen backbone with layers.
        kernel: what attends; None is that of CUDA, which computes in half precision.

    Raises:
        BackboneError: its layers or its attention need rows, or the kernel does not take its type or its heads.
    """
    family, width = backbone.family, backbone.shape.head_width
    if backbone.layers is None or not family.unpads or not family.sees_rows(backbone.config):
        raise BackboneError(f"{backbone.id}: its attention needs rows, so it cannot attend to tokens without padding")
    if kernel is None:
        if backbone.dtype.itemsize != 2:
            raise BackboneError(f"{backbone.id}: attention without padding takes bfloat16, got {backbone.dtype}")
        if not kernel_takes(width):
            law = f"takes heads as wide as multiples of {_STEP} up to {_WIDEST}"
            raise BackboneError(f"{backbone.id}: attention without padding {law}, got {width}")
        kernel = cuda_kernel()
    return replace(backbone, unpadded=True, kernel=kernel)


def cuda_kernel() -> Kernel:
    """The variable-length flash attention of PyTorch, for Ampere GPUs and later ones."""
    import_compiler()
    kernel: Kernel = importlib.import_module("torch.nn.attention.varlen").varlen_attn
    return kernel
