"""Parameters that do nothing unless another one holds a certain value. Without that value they would only mislead.

A parameter is judged in a flat, complete configuration, and only if it differs from its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ptune.spec.problem import Problem


@dataclass(frozen=True)
class Need:
    """What a parameter needs beside it to have an effect.

    Attributes:
        name: the parameter.
        beside: the parameter it depends on.
        values: the values of that parameter under which it acts; empty if every value but None will do.
    """

    name: str
    beside: str
    values: tuple[str, ...] = ()

    def met(self, value: object) -> bool:
        """Whether the parameter acts beside this value."""
        return value in self.values if self.values else value is not None


NEEDS = (
    Need("hidden", "encoder", ("mlp", "lstm")),
    Need("frozen", "encoder", ("embedding",)),
    Need("side", "depth"),
    Need("gamma", "schedule", ("exponential",)),
    Need("backbone_weight_decay", "backbone_lr"),
)


def idle(config: Mapping[str, object], defaults: Mapping[str, object]) -> list[Problem]:
    """The parameters that a complete configuration states without effect.

    Args:
        config: the configuration.
        defaults: the default of every parameter.
    """
    return [
        Problem((need.name,), f"{need.name} = {config[need.name]!r} does nothing {_beside(need, config[need.beside])}")
        for need in NEEDS
        if {need.name, need.beside} <= config.keys()
        and config[need.name] != defaults[need.name]
        and not need.met(config[need.beside])
    ]


def _beside(need: Need, value: object) -> str:
    return f"without {need.beside}" if value is None else f"under {need.beside} = {value!r}"
