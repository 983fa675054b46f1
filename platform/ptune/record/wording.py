"""How a configuration, and the luck of the best one, are written for people.

Pure. Knows configurations as flat mappings.
"""

from __future__ import annotations

from collections.abc import Sequence

from ptune.spec.trial import Config, Scalar

SEPARATOR = " · "
"""What stands between the parameters of a configuration."""
NONE = "-"
"""What stands where there is no value."""

_SELF_EXPLAINING = frozenset({"method", "encoder", "template", "schedule", "side", "positions", "optimizer"})
"""Parameters whose values read well without their name."""
_LEAST_OPTIMISM = 5e-4
_COUNTED = {"length": "token", "depth": "layer", "epochs": "epoch"}


def described(config: Config, names: Sequence[str], inherited: object = None) -> str:
    """A configuration in one short line: `v2 · 17 tokens · 4 layers · lr 0.088`.

    Args:
        config: the configuration.
        names: the parameters to show, in this order; those that it lacks, or holds as None, are left out.
        inherited: what its trial began with of another one, which is told behind them.
    """
    phrases = [_phrase(name, value) for name in names if (value := config.get(name)) is not None]
    return SEPARATOR.join(phrases if inherited is None else [*phrases, str(inherited)])


def param_heading(name: str) -> str:
    """A parameter's name above its values."""
    return name.replace("_", " ")


def value_text(value: Scalar | None) -> str:
    """A parameter's value: numbers with three significant digits, None as a dash."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def optimism_text(amount: float | None, trials: int) -> str:
    """How much too good the best of some trials looks; nothing where that is not known, or too little to matter."""
    if amount is None or amount < _LEAST_OPTIMISM or trials < 2:
        return ""
    return f"best of {trials} trials, so optimistic by about {amount:.2g}"


def _phrase(name: str, value: Scalar) -> str:
    text = value_text(value)
    if name in _SELF_EXPLAINING:
        return text
    if name in _COUNTED:
        return f"{text} {_COUNTED[name]}{'' if value == 1 else 's'}"
    return f"{param_heading(name)} {text}"
