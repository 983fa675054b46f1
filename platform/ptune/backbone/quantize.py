"""The matrices of a backbone's layers in 8 bits, through torchao.

Each row of a matrix has a scale, which follows from its greatest number. Embeddings, norms, biases, the pooler and the
language head stay as they are, and so does a matrix that the model shares with them.

Shapes: I width of the states that a matrix is multiplied by · O width of its product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.pytorch_utils import Conv1D

from ptune.backbone.quantizer import quantizer
from ptune.errors import BackboneError


class QuantizedLinear(nn.Module):
    """A frozen linear layer whose weight is quantized.

    The backward pass keeps the weight as it is. torchao's own product would keep a copy in the type of the states, too.

    Args:
        weight: [O, I] torchao's `Int8Tensor`.
        bias: [O], in the type of the states.
    """

    def __init__(self, weight: Tensor, bias: nn.Parameter | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = bias

    def forward(self, states: Tensor) -> Tensor:
        """The products [..., O] of states [..., I]."""
        product: Tensor = _Product.apply(states, self.weight, self.bias)  # type: ignore[no-untyped-call]
        return product


class _Product(torch.autograd.Function):
    """states · weightᵀ + bias; the gradient goes to the states alone."""

    @staticmethod
    def forward(context: Any, states: Tensor, weight: Any, bias: Tensor | None) -> Tensor:
        context.weight = weight  # frozen and never written, so there is nothing that autograd could guard
        return functional.linear(states, weight, bias)

    @staticmethod
    def backward(context: Any, *gradients: Any) -> Any:
        (gradient,) = gradients
        weight = context.weight
        scaled = gradient * weight.scale.flatten().to(gradient.dtype)
        return scaled @ weight.qdata.to(gradient.dtype), None, None


def quantize_layers(model: nn.Module, place: Callable[[Tensor], tuple[torch.device, torch.dtype]]) -> set[int]:
    """Quantize the matrices of a model's layers in place, one by one, on the device where each is to be.

    Args:
        model: a model of transformers, or one that holds it.
        place: the device of a weight, and the type of what it is multiplied by.

    Returns:
        The `id` of every weight that is quantized.

    Raises:
        BackboneError: torchao is missing, or the layers hold no matrix that can be quantized.
    """
    torchao = quantizer()
    done: dict[int, QuantizedLinear] = {}
    for holder, name, matrix in list(_places(model)):
        if id(matrix) not in done:
            device, dtype = place(matrix.weight)
            whole = matrix.weight.detach()
            whole = (whole.T if isinstance(matrix, Conv1D) else whole).to(device, torch.float32)
            found = torchao.Int8Tensor.from_hp(whole, granularity=torchao.PerRow())
            weight = torchao.Int8Tensor(found.qdata, found.scale, found.block_size, dtype)
            done[id(matrix)] = QuantizedLinear(weight, matrix.bias)
        setattr(holder, name, done[id(matrix)])
    if not done:
        raise BackboneError("no layer holds a matrix that can be quantized: leave out backbone.quantization")
    return {id(module.weight) for module in done.values()}


def matrices(model: nn.Module) -> list[Any]:
    """The modules with the matrices of a model's layers, quantized or not, each once."""
    return list({id(matrix): matrix for _, _, matrix in _places(model)}.values())


def _places(model: nn.Module) -> Iterator[tuple[nn.Module, str, Any]]:
    """The linear layers among a model's numbered layers: the module that holds each, its name there, and itself."""
    tied = _tied(model)
    for layers in model.modules():
        if isinstance(layers, nn.ModuleList):
            for holder in layers.modules():
                for name, module in holder.named_children():
                    if isinstance(module, nn.Linear | Conv1D | QuantizedLinear) and id(module.weight) not in tied:
                        yield holder, name, module


def _tied(model: nn.Module) -> set[int]:
    """The `id` of every weight that embeddings have, too."""
    return {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
