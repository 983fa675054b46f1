"""Whether two jobs search the same: all that decides a trial's numbers has to agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ptune.files import value_hash
from ptune.spec.job import Job
from ptune.spec.problem import Place, dotted
from ptune.spec.reporting import as_meant, as_stated, stated_steps

FREE = ("name", "resources", "tracking", "export", "published", "cluster")
"""Keys of a job that may differ: where its search runs and is shown, and what is made of its result."""
_EVERY = "budget", "report_every"


def differences(kept: Job, given: Job) -> list[str]:
    """Where two jobs search differently: `budget.trials is 12 in the kept job and 20 in this one`.

    Files and folders are compared by their last names, because the same data may lie elsewhere on another machine.
    Their contents have hashes, which a search compares when it goes on.

    Args:
        kept: the job of a search that has begun; a grid's trials are counted in it, and the steps between reports.
        given: the other one, as it was read from its file.
    """
    if given.prior is not None:  # whose configurations stand after the job's own in the kept one
        baseline = kept.space.baseline[: len(given.space.baseline)]
        kept = kept.model_copy(update={"space": kept.space.model_copy(update={"baseline": baseline})})
    every, stated = kept.budget.report_every, given.budget.report_every
    if as_stated(every) == stated:  # it may be steps, which the kept job has counted
        given = given.model_copy(update={"budget": given.budget.model_copy(update={"report_every": every})})
    old, new = _meant(kept), _meant(given)
    if given.budget.trials is None:
        del old["budget", "trials"], new["budget", "trials"]
    if new.get(_EVERY) == stated and stated_steps(stated) is not None:
        old[_EVERY] = as_stated(every)
    places = sorted({*old, *new})
    return [
        f"{dotted(place)} is {old.get(place)!r} in the kept job and {new.get(place)!r} in this one"
        for place in places
        if old.get(place) != new.get(place)
    ]


def identity(job: Job) -> str:
    """A hash that two jobs share if they search the same."""
    return value_hash({dotted(place): value for place, value in _meant(job).items()})


def _meant(job: Job) -> dict[Place, Any]:
    """What decides the numbers of a search, by its place; what means the same is written alike."""
    job = job.model_copy(update={"budget": job.budget.settled()})
    values = dict(_values(job.model_dump(mode="json", exclude=set(FREE)), ()))
    if _EVERY in values:
        values[_EVERY] = as_meant(values[_EVERY])
    return {place: value for place, value in values.items() if place != _EVERY or value is not None}


def _values(table: Mapping[str, Any], above: Place) -> Iterator[tuple[Place, Any]]:
    """Every value of a table and the tables in it, by its place."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _values(value, (*above, key))
        else:
            yield (*above, key), _named(value)


def _named(value: Any) -> Any:
    """A value with the last name of every absolute path in it."""
    match value:
        case str() if value.startswith("/"):
            return Path(value).name
        case list():
            return [_named(inner) for inner in value]
        case Mapping():
            return {key: _named(inner) for key, inner in value.items()}
    return value
