"""Parameters that do nothing unless another one holds a certain value: stated alone, they would only mislead.

Judged by a flat, complete configuration, and by values other than the default: a default asks for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ptune.spec.problem import Problem


@dataclass(frozen=True)
class Need:
    """What a parameter needs beside it to do anything.

    Attributes:
        name: the parameter.
        beside: the parameter it depends on.
        values: the values of that parameter under which it acts; none are listed where any will do but None.
    """

    name: str
    beside: str
    values: tuple[str, ...] = ()

    def met(self, value: object) -> bool:
        """Whether the parameter acts beside this value."""
        return value in self.values if self.values else value is not None


NEEDS = (
    Need("hidden", "encoder", ("mlp", "lstm")),
    Need("side", "depth"),
    Need("gamma", "schedule", ("exponential",)),
    Need("backbone_weight_decay", "backbone_lr"),
)


def idle(config: Mapping[str, object], defaults: Mapping[str, object]) -> list[Problem]:
    """What a complete configuration states in vain.

    Args:
        config: the configuration.
        defaults: the default of every parameter.
    """
    return [
        Problem((need.name,), f"{need.name} = {config[need.name]!r} does nothing {_beside(need, config[need.beside])}")
        for need in NEEDS
        if need.name in config and config[need.name] != defaults[need.name] and not need.met(config[need.beside])
    ]


def _beside(need: Need, value: object) -> str:
    return f"without {need.beside}" if value is None else f"under {need.beside} = {value!r}"
