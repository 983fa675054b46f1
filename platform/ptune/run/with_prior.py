"""The best configurations of earlier searches, published settings and recorded curves, as the first of a new search.

They are starting points alone. What they reach on the new task, the sampler learns; where they mislead, they
lose at the first rung.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ptune.errors import SpecError
from ptune.record.history import History
from ptune.record.journal import JOURNAL, read
from ptune.run.folders import search_folder
from ptune.run.prepare import Prepared
from ptune.searching.best_recorded import nothing_recorded, recorded_points, table_law, tables_of
from ptune.spec.job import Job
from ptune.spec.prior import Prior
from ptune.spec.published_settings import nothing_published, published_points
from ptune.spec.space import Space
from ptune.spec.tracking import RUNS
from ptune.spec.trial import Config


def with_prior(prepared: Prepared, runs: Path) -> Prepared:
    """The same with the points that its job's prior names after its own baseline points.

    Earlier searches come first, then published settings, then recorded curves. What of a configuration lies outside the
    new space is left to the sampler.

    Args:
        prepared: a new search; a job without a prior stays as it is.
        runs: the runs folder.

    Raises:
        NotFoundError: there is no such search.
        TrackingError: MLflow does not answer or has no such run, or it is none of a search that has ended.
        SpecError: no configuration of the searches says anything of the space, or of what is published or recorded,
            nothing fits or is there.
    """
    job = prepared.job
    if job.prior is None:
        return prepared
    space = job.space.resolved(prepared.layers)
    points = list(_points(job, job.prior, space, runs))
    if job.prior.searches and not points:
        raise SpecError(f"prior.searches: no configuration of {job.prior.names} has a value inside this job's space")
    if job.prior.published:
        settings = published_points(job.task.kind, prepared.model, space)
        if not settings:
            raise SpecError(f"prior.published: {nothing_published(job.task.kind, prepared.model)}")
        points += [point for _, point in settings]
    if job.prior.recorded:
        if (law := table_law(job.prior.recorded, job.task.kind)) is not None:
            raise SpecError(f"prior.recorded: {law}")
        tables = tables_of(job.prior.recorded, job.task.kind)
        recorded = recorded_points(tables, space, prepared.layers, job.prior.best, job.budget.trials)
        if not recorded:
            raise SpecError(f"prior.recorded: {nothing_recorded(tables)}")
        points += [known.point for known in recorded]
    known = [*job.space.baseline, *points]
    baseline = [point for index, point in enumerate(known) if point not in known[:index]]
    job = job.model_copy(update={"space": job.space.model_copy(update={"baseline": baseline})})
    return replace(prepared, job=job, header=replace(prepared.header, job=job))


def _points(job: Job, prior: Prior, space: Space, runs: Path) -> Iterator[Config]:
    for name in prior.searches:
        inside = (space.inside(config) for config in _best_first(job, name, runs))
        yield from [point for point in inside if point][: prior.best]


def _best_first(job: Job, search: str, runs: Path) -> Sequence[Config]:
    """The configurations of an earlier search that have a result."""
    if not search.startswith(RUNS):
        history = History.of(read(search_folder(runs, search) / JOURNAL))
        return [configuration.config for configuration in history.configurations()]
    from ptune.tracking.fetch import fetch_leaderboard  # imported here because few searches need MLflow to start
    from ptune.tracking.location import resolve_uri

    with tempfile.TemporaryDirectory(prefix="ptune-prior-") as scratch:
        board = fetch_leaderboard(search, resolve_uri(job.tracking.uri, runs), Path(scratch))
        try:
            return [dict(group["config"]) for group in json.loads(board.read_text())["groups"]]
        except (ValueError, LookupError, TypeError) as error:  # whoever may write there may have written anything
            raise SpecError(
                f"prior.searches: {search} holds a leaderboard that ptune did not write: {error}"
            ) from error
