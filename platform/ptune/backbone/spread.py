"""One backbone over several devices: every layer lies on one of them, and hidden states travel from layer to layer.

The first device holds all that is no layer: embeddings, the last norm, pooler and language head. What trials train is
there, too, and the states that heads read come back to it. Gradients take the same way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter

import torch
from torch import Tensor, nn

from ptune.backbone.footprint import layer_counts


def places(
    tensors: Mapping[str, Tensor],
    path: str,
    devices: Sequence[torch.device],
    size: Callable[[Tensor], int] = attrgetter("nbytes"),
) -> dict[str, torch.device]:
    """The device of each weight and buffer of a model.

    Args:
        tensors: by name; the names may begin with what a language model calls its transformer.
        path: where the transformer holds its layers.
        devices: the first holds all that is no layer.
        size: bytes that a tensor takes on its device.
    """
    pattern = re.compile(rf"(?:^|\.){re.escape(path)}\.(\d+)\.")
    layer_of = {name: int(match[1]) for name in tensors if (match := pattern.search(name))}
    inside = sum(size(tensors[name]) for name in layer_of)
    # Weights that are tied have several names, and lie in one place.
    outside = sum({id(tensor): size(tensor) for name, tensor in tensors.items() if name not in layer_of}.values())
    layers = 1 + max(layer_of.values())
    counts = layer_counts(layers, inside / layers, outside, len(devices))
    by_layer = [device for device, count in zip(devices, counts, strict=True) for _ in range(count)]
    return {name: by_layer[layer_of[name]] if name in layer_of else devices[0] for name in tensors}


def let_states_travel(model: nn.Module, path: str, first: torch.device) -> None:
    """Let every part of a model take its inputs to where its weights are; the model's outputs come back to its inputs.

    Args:
        model: its weights lie where `places` says.
        path: where it holds its layers.
        first: the device of all that is no layer.
    """
    from accelerate import dispatch_model  # takes seconds, and few engines need it

    device_map = dict(_device_map(model, path, first))
    dispatch_model(model, device_map, main_device=first, force_hooks=True)


def _device_map(
    module: nn.Module, path: str, first: torch.device, above: str = ""
) -> Iterator[tuple[str, torch.device]]:
    """Each part of a module that lies on one device, and that device; `path` leads from here to the layers."""
    head, _, rest = path.partition(".")
    for name, child in module.named_children():
        if name != head:
            yield above + name, first
        elif rest:
            yield from _device_map(child, rest, first, f"{above}{name}.")
        else:
            for number, layer in child.named_children():
                yield f"{above}{name}.{number}", next(layer.parameters()).device
