"""What a new search tries first, and where each of it comes from."""

from __future__ import annotations

from collections.abc import Sequence

from ptune.backbone.profile import Profile
from ptune.record.wording import described
from ptune.report.wording import plural
from ptune.searching.best_recorded import recorded_points, tables_of
from ptune.spec.job import Job
from ptune.spec.prior import Prior
from ptune.spec.published_settings import published_points
from ptune.spec.trial import Config


def tried_first(job: Job, profile: Profile | None) -> Sequence[str]:
    """The starting points of a job with a prior, in the order in which they are tried; none for any other job.

    Args:
        job: the job.
        profile: its backbone; None where its files are not here, which leaves open what is published for it, and
            which recorded depths are its own.

    Raises:
        BackboneError: the backbone's weights cannot be read.
    """
    if job.prior is None:
        return []
    known = [] if profile is None else _known(job, job.prior, profile)
    lines = []
    for point in job.space.baseline:
        whose = ["baseline point of the space", *(source for other, source in known if other == point)]
        lines.append(f"{described(point, list(point))} ({', and '.join(whose)})")
    lines += [f"the best {plural(job.prior.best, 'configuration')} of {search}" for search in job.prior.searches]
    if profile is None and job.prior.published:
        lines.append("published settings that fit the backbone, which is not here")
    if profile is None and job.prior.recorded:
        lines.append("recorded configurations for the layers of the backbone, which is not here")
    new = [(point, source) for point, source in known if point not in job.space.baseline]
    return lines + [f"{described(point, list(point))} ({source})" for point, source in new]


def _known(job: Job, prior: Prior, profile: Profile) -> list[tuple[Config, str]]:
    """Published settings and recorded configurations, each with its sources."""
    space, kind = job.space.resolved(profile.layers), job.task.kind
    known: list[tuple[Config, str]] = []
    if prior.published:
        known += [(point, setting.source) for setting, point in published_points(kind, profile.model, space)]
    if prior.recorded:
        tables = tables_of(prior.recorded, kind)
        points = recorded_points(tables, space, profile.layers, prior.best, job.budget.trials)
        known += [(best.point, best.source) for best in points]
    return [
        (point, source)
        for index, (point, source) in enumerate(known)
        if point not in [other for other, _ in known[:index]]
    ]
