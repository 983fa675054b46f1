"""Whether a job's prior has anything to begin with."""

from __future__ import annotations

from ptune.backbone.profile import Profile
from ptune.searching.best_recorded import nothing_recorded, recorded_points, table_law, tables_of
from ptune.spec.job import Tables
from ptune.spec.problem import Problem
from ptune.spec.published_settings import nothing_published, published_points


def table_problems(tables: Tables) -> list[Problem]:
    """That a job asks for a table of recorded curves that is not there; it needs no backbone."""
    if tables.prior is None or tables.task is None:
        return []
    law = table_law(tables.prior.recorded, tables.task.kind)
    return [] if law is None else [Problem(("prior", "recorded"), law)]


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
    if prior.recorded and table_law(prior.recorded, task.kind) is None:
        named = tables_of(prior.recorded, task.kind)
        if not recorded_points(named, space, profile.layers, prior.best):
            problems.append(Problem(("prior", "recorded"), nothing_recorded(named)))
    return problems
