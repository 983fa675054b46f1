"""The most that a trial of a space trains, and how much of a backbone its prompt can change. Knows no device.

The greatest value of each parameter counts, whatever the others are, so that no trial of the space takes more.
"""

from __future__ import annotations

from dataclasses import dataclass

from ptune.backbone.footprint import Dimensions
from ptune.spec.prompt import (
    METHODS,
    PromptSpec,
    Widths,
    as_prefix,
    changed_layers,
    chosen_layers,
    layers_of,
    numbers_of,
)
from ptune.spec.space import Space
from ptune.spec.trial import Scalar, defaults

_CLASSES = 16  # of a trained head: what it takes is little beside a prompt


@dataclass(frozen=True)
class Largest:
    """The most of everything among the trials of a space.

    Attributes:
        numbers: that train, of prompt, head and a tuned backbone.
        table: numbers that an encoder computes as the prompt; 0 where they are the parameters.
        prefix: positions of a v2 prompt.
        prompted: layers that hold one.
        kept: layers that a prompt can change, which keep states for the backward pass.
        dropped: whether a prompt has dropout.
        tuned: whether a backbone trains.
    """

    numbers: int
    table: int = 0
    prefix: int = 0
    prompted: int = 0
    kept: int = 0
    dropped: bool = False
    tuned: bool = False


def largest(space: Space, sizes: Dimensions, sets: int = 1) -> Largest:
    """The most that a trial of a space trains on a backbone, over some data sets, each with a head or a prompt."""
    space = space.on_layers(sizes.layers)
    prompts = [prompt for method in space.methods for prompt in _greatest(space, method, sizes.layers)]
    tuned = space.tunes
    widths = Widths(sizes.layers, sizes.hidden, sizes.embedding, sizes.prefix)
    learned = [numbers_of(prompt, widths) for prompt in prompts]
    prefixes = [prefix for prompt in prompts if (prefix := as_prefix(prompt)) is not None]
    return Largest(
        numbers=sets * (max(numbers for numbers, _ in learned) + _head(sizes)) + (sizes.parameters if tuned else 0),
        table=sets * max(table for _, table in learned),
        prefix=max((prompt.length for prompt in prefixes), default=0),
        prompted=max((len(chosen_layers(prompt, sizes.layers)) for prompt in prefixes), default=0),
        kept=sizes.layers if tuned else max(changed_layers(prompt, sizes.layers) for prompt in prompts),
        dropped=any(prompt.dropout > 0.0 for prompt in prefixes),
        tuned=tuned,
    )


def _head(sizes: Dimensions) -> int:
    """Numbers of a trained head."""
    dense = sizes.hidden * (sizes.hidden + 1) if sizes.family.dense else 0
    return dense + _CLASSES * (sizes.hidden + 1)


def _greatest(space: Space, method: str, layers: int) -> list[PromptSpec]:
    """The prompts of a method with the greatest values: one for each encoder and each choice of layers."""
    numbers = {name: _most(space, method, name) for name in ("length", "hidden", "dropout")}
    fields = METHODS[method].model_fields
    shared = {name: value for name, value in numbers.items() if name in fields and value is not None}
    encoders = _texts(space, method, "encoder") if "encoder" in fields else [None]
    prompts: list[PromptSpec] = []
    for encoder in encoders:
        stated = shared if encoder is None else {**shared, "encoder": encoder}
        if method != "v2":
            prompts.append(METHODS[method].model_validate({"method": method, **stated}))
            continue
        depth = _most(space, method, "depth")
        choices: list[dict[str, Scalar]] = [
            {"layers": text} for text in _texts(space, method, "layers") if max(layers_of(text)) < layers
        ]
        sides = _texts(space, method, "side")
        choices += [{"depth": min(int(depth), layers), "side": side} for side in sides if depth is not None]
        prompts += [METHODS[method].model_validate({**stated, **choice}) for choice in choices or [{}]]
    return prompts


def _most(space: Space, method: str, name: str) -> int | float | None:
    """The greatest value of a parameter under a method; its default where the space says nothing."""
    values = [value for value in space.values_under(method, name) if isinstance(value, int | float)]
    default = defaults(method).get(name)
    return max(values, default=default if isinstance(default, int | float) else None)


def _texts(space: Space, method: str, name: str) -> list[str]:
    """The words that a parameter may hold under a method; its default where the space says nothing."""
    values = sorted(value for value in space.values_under(method, name) if isinstance(value, str))
    default = defaults(method).get(name)
    return values or ([default] if isinstance(default, str) else [])
