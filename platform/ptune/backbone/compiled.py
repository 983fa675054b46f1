"""Layers of a frozen backbone, compiled but for their attention.

A compiler fuses what lies between matrix products: norms, activations and residual sums, which on a GPU take launches
and memory traffic of their own. Attention stays as it is, because every pass gives each layer another prefix. Lengths
and rows are symbols to the compiler, so that passes of other shapes need no other code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor, nn

from ptune.backbone.backbone import Backbone
from ptune.backbone.inject import Prefix
from ptune.backbone.lean_imports import import_compiler
from ptune.errors import BackboneError

_FORMS = 64
"""How often a part may be compiled anew. All layers share it: one row or several, one position or more, with gradients
or without, and by what needs them."""


def compile_layers(backbone: Backbone, backend: str = "inductor") -> Backbone:
    """Let every part of every layer that does not call attention be compiled when it first runs.

    Args:
        backbone: a backbone with layers; its modules are changed, and it is not used any more.
        backend: of `torch.compile`.

    Raises:
        BackboneError: it runs as a whole.
    """
    if backbone.family.layers is None:
        raise BackboneError(f"{backbone.id}: it runs as a whole, so its layers cannot be compiled")
    import_compiler()
    calling = _calling(backbone)
    layers = backbone.model.get_submodule(backbone.family.layers)
    parts = [part for layer in layers.children() for part in _parts(layer, calling)]
    for part in parts:
        part.compile(backend=backend, dynamic=True, recompile_limit=_FORMS)
    return replace(backbone, compiled=True)


class _Callers(Prefix):
    """Puts nothing before the text, and notes which modules call attention."""

    def __init__(self) -> None:
        super().__init__([])
        self.modules: set[nn.Module] = set()

    def next_layer(self, module: nn.Module, key: Tensor, value: Tensor) -> None:
        super().next_layer(module, key, value)
        self.modules.add(module)


def _calling(backbone: Backbone) -> set[nn.Module]:
    """The modules that call attention: one token says which."""
    callers = _Callers()
    backbone.probe(callers)
    return callers.modules


def _parts(module: nn.Module, calling: set[nn.Module]) -> Iterator[nn.Module]:
    """The largest parts of a module in which nothing calls attention."""
    if not any(inner in calling for inner in module.modules()):
        yield module
    elif module not in calling:
        for child in module.children():
            yield from _parts(child, calling)
