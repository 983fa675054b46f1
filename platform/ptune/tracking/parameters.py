"""Which parameters MLflow gets from a search: of a trial what the search varies, of the search what stays the same.

Pure. MLflow compares runs by their parameters and takes every one of them into its plots, so a trial has none that is
the same in all trials, and a parameter that a trial does not have is absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ptune.record.events import Header
from ptune.spec.parameter import Parameter
from ptune.spec.space import Space
from ptune.spec.trial import DEFAULT_METHOD, Config, Scalar, defaults

_TABLES = ("backbone", "task", "budget", "resources")  # of the job; its space has a file of its own


def varied(space: Space) -> list[str]:
    """The parameters by which trials differ: the method, what the space varies, and what depends on either."""
    possible = _possible(space)
    names = ["method", *space.searched, *(name for name, values in possible.items() if len(values) > 1)]
    return list(dict.fromkeys(names))


def constant(space: Space) -> dict[str, Scalar]:
    """The parameters that are the same in all trials, with their values; those without a value are left out."""
    differing = set(varied(space))
    return {
        name: next(iter(values.values()))
        for name, values in _possible(space).items()
        if values and name not in differing
    }


def trial_params(config: Config, names: list[str]) -> dict[str, str]:
    """The parameters of a trial's run: those of `names` that it has."""
    return {name: param_text(value) for name in names if (value := config.get(name)) is not None}


def search_params(header: Header) -> dict[str, str]:
    """The parameters of a search's run: its job, with dotted keys as `--set` takes them, and `trial.` what is constant.

    Settings without a value are left out.
    """
    tables = header.job.model_dump(mode="json", include=set(_TABLES))
    tables["backbone"] |= vars(header.backbone)
    settings = {name: tables[name] for name in _TABLES} | {"seed": header.job.seed, "trial": constant(header.job.space)}
    return dict(_flat(settings))


def param_text(value: object) -> str:
    """A parameter's value as MLflow shows it: a number without the digits that only its arithmetic leaves."""
    return f"{value:.8g}" if isinstance(value, float) else str(value)


def _possible(space: Space) -> dict[str, dict[str, Scalar]]:
    """The values that each parameter which the space does not vary can have, by their text."""
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


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", param_text(value)
