"""The best configurations of earlier searches as the first ones of a new search.

They are starting points alone. What they reach on the new task, the sampler learns; where an earlier search misleads,
its configurations lose at the first rung.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ptune.errors import SpecError
from ptune.record.history import History
from ptune.record.journal import JOURNAL, read
from ptune.run.folders import search_folder
from ptune.run.prepare import Prepared
from ptune.spec.prior import Prior
from ptune.spec.space import Space
from ptune.spec.trial import Config, Scalar


def with_prior(prepared: Prepared, runs: Path) -> Prepared:
    """The same with the best configurations of the searches that its job names after its own baseline points.

    What of an earlier configuration lies outside the new space is left to the sampler.

    Args:
        prepared: a new search; a job without a prior stays as it is.
        runs: the runs folder.

    Raises:
        NotFoundError: there is no such search.
        SpecError: none of them has a configuration that says anything of the space.
    """
    job = prepared.job
    if job.prior is None:
        return prepared
    points = list(_points(job.prior, job.space.resolved(prepared.layers), runs))
    if not points:
        names = ", ".join(job.prior.searches)
        raise SpecError(f"prior.searches: no configuration of {names} has a value inside this job's space")
    known = [*job.space.baseline, *points]
    baseline = [point for index, point in enumerate(known) if point not in known[:index]]
    job = job.model_copy(update={"space": job.space.model_copy(update={"baseline": baseline})})
    return replace(prepared, job=job, header=replace(prepared.header, job=job))


def _points(prior: Prior, space: Space, runs: Path) -> Iterator[Config]:
    for name in prior.searches:
        history = History.of(read(search_folder(runs, name) / JOURNAL))
        inside = (_inside(configuration.config, space) for configuration in history.configurations())
        yield from [point for point in inside if point][: prior.best]


def _inside(config: Config, space: Space) -> Config:
    """What of a configuration a space proposes; nothing where the rest of it breaks a law."""
    chosen: dict[str, Scalar | None] = {}
    point: dict[str, Scalar | None] = {}
    for name, definition in space.ordered():
        if not definition.applies(chosen):
            continue
        if definition.value is not None:
            chosen[name] = definition.value
        elif config.get(name) is not None and definition.contains(config[name]):
            chosen[name] = point[name] = config[name]
    return {} if space.misfits(point) else point
