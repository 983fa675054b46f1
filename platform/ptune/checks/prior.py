"""Whether a job's prior has anything to begin with."""

from __future__ import annotations

from ptune.backbone.profile import Profile
from ptune.errors import NotFoundError
from ptune.spec.job import Tables
from ptune.spec.prior import Prior
from ptune.spec.problem import Problem
from ptune.spec.published_settings import nothing_published, published_points
from ptune.spec.space import Space


def prior_problems(tables: Tables, profile: Profile | None) -> list[Problem]:
    """That a new search is to begin with published settings or recorded configurations, and none of these fits.

    A search that has begun keeps its points. It is not judged where the backbone is not here, or where the space is
    broken on it.
    """
    task, space, prior = tables.task, tables.space, tables.prior
    if task is None or space is None or profile is None or prior is None:
        return []
    if tables.dropped or space.problems_on(profile.layers):
        return []
    problems, space = [], space.on_layers(profile.layers)
    if prior.published and not published_points(task.kind, profile.model, space):
        problems.append(Problem(("prior", "published"), nothing_published(task.kind, profile.model)))
    if prior.recorded:
        law = _recorded_law(prior, task.kind, space, profile.layers)
        problems += [] if law is None else [Problem(("prior", "recorded"), law)]
    return problems


def _recorded_law(prior: Prior, kind: str, space: Space, layers: int) -> str | None:
    from ptune.searching.best_recorded import nothing_recorded, recorded_points, tables_of  # pyarrow takes its time

    named = tables_of(prior.recorded, kind)
    try:
        found = recorded_points(named, space, layers, prior.best)
    except NotFoundError as error:
        return str(error)
    return None if found else nothing_recorded(named, kind)
