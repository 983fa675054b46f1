"""Which parameters tell the trials of a space apart, and in which order people see them.

Leaderboards, tables, run names, files and data frames all show a configuration by this one list.
"""

from __future__ import annotations

from ptune.spec.parameter import Parameter
from ptune.spec.space import Space
from ptune.spec.trial import DEFAULT_METHOD, Config, Scalar, defaults


def varied(space: Space) -> list[str]:
    """The method, what the space searches, and what follows from either, such as a default that methods have apart.

    The method comes first, whether or not it is searched; then the searched parameters, see `Space.searched`.
    """
    following = [name for name, values in _unsearched(space).items() if len(values) > 1]
    return list(dict.fromkeys(["method", *space.searched, *following]))


def constant(space: Space) -> dict[str, Scalar]:
    """The parameters that are the same in all trials, with their values; those without a value are left out."""
    differing = set(varied(space))
    return {
        name: next(iter(values.values()))
        for name, values in _unsearched(space).items()
        if values and name not in differing
    }


def strange(config: Config, space: Space) -> list[str]:
    """The parameters in which a configuration differs from all trials of a space; none if it is one of them."""
    apart, same = set(varied(space)), constant(space)
    return [name for name, value in config.items() if name not in apart and value not in (None, same.get(name))]


def in_order(config: Config, names: list[str]) -> Config:
    """A configuration with some of its parameters first, in their order, and the others as they stood."""
    return {name: config[name] for name in dict.fromkeys([*names, *config]) if name in config}


def _unsearched(space: Space) -> dict[str, dict[str, Scalar]]:
    """The values that each parameter which the space does not search can have, by their text."""
    methods = [method for way in space.parameters.get("method", []) for method in way.possible()]
    searched = set(space.searched)
    possible: dict[str, dict[str, Scalar]] = {}
    for method in methods or [DEFAULT_METHOD]:
        for name, default in defaults(str(method)).items():
            if name not in searched:
                ways = [way for way in space.parameters.get(name, []) if _meets(way, method)]
                values = [value for way in ways for value in way.possible() or [way.low]]
                if all(way.when.keys() - {"method"} for way in ways):  # where no condition holds, the default does
                    values.append(default)
                possible.setdefault(name, {}).update({repr(value): value for value in values if value is not None})
    return possible


def _meets(way: Parameter, method: Scalar | None) -> bool:
    """Whether a definition's condition on the method holds."""
    return "method" not in way.when or way.model_copy(update={"when": {"method": way.when["method"]}}).applies(
        {"method": method}
    )
