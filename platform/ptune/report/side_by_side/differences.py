"""In what searches differ: the settings of their jobs, their spaces, data, weights and libraries. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ptune.record.events import Header
from ptune.record.wording import NONE, value_text
from ptune.spec.parameter import Parameter, as_list
from ptune.tracking.parameters import search_params

_DIGITS = 12  # of a digest, as people compare them


@dataclass(frozen=True)
class Difference:
    """A setting that some searches have otherwise than others."""

    place: str
    """A dotted key: of a job as `--set` takes it, or of `space`, `data` or `version`."""
    values: Sequence[str]
    """One for each search; a dash for one that does not have the setting."""


def differences(headers: Sequence[Header]) -> list[Difference]:
    """Every setting in which some searches differ, in the order in which jobs state them."""
    tables = [_settings(header) for header in headers]
    places = dict.fromkeys(place for table in tables for place in table)
    found = [Difference(place, [table.get(place, NONE) for table in tables]) for place in places]
    return [difference for difference in found if len(set(difference.values)) > 1]


def _settings(header: Header) -> Mapping[str, str]:
    params = {place: text for place, text in search_params(header).items() if not place.startswith("trial.")}
    params["backbone.hash"] = header.backbone.hash[:_DIGITS]
    space = {
        f"space.{name}": "; ".join(map(_worded, definitions))
        for name, definitions in header.job.space.parameters.items()
    }
    data = {
        f"data.{split}": f"{source.rows} examples, {source.digest[:_DIGITS]}" for split, source in header.data.items()
    }
    versions = {f"version.{name}": version for name, version in header.versions.items()}
    return {**params, **space, **data, **versions}


def _worded(definition: Parameter) -> str:
    """The values of a definition, and under which condition: `0.001 to 0.1, log, if method = v2`."""
    return ", ".join(_parts(definition))


def _parts(definition: Parameter) -> Iterator[str]:
    values = [value_text(value) for value in definition.possible()]
    yield " | ".join(values) if values else f"{_bound(definition.low)} to {_bound(definition.high)}"
    if definition.log:
        yield "log"
    if definition.step is not None:
        yield f"step {value_text(definition.step)}"
    for name, allowed in definition.when.items():
        yield f"if {name} = {' | '.join(value_text(value) for value in as_list(allowed))}"


def _bound(bound: float | str | None) -> str:
    return str(bound) if isinstance(bound, int) else value_text(bound)
