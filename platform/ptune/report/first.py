"""What a new search tries first, and where each of it comes from."""

from __future__ import annotations

from collections.abc import Sequence

from ptune.backbone.profile import Profile
from ptune.record.wording import described
from ptune.report.wording import plural
from ptune.spec.job import Job
from ptune.spec.published_settings import published_points
from ptune.spec.trial import Config


def tried_first(job: Job, profile: Profile | None) -> Sequence[str]:
    """The starting points of a job with a prior, in the order in which they are tried; none for any other job.

    Args:
        job: the job.
        profile: its backbone; None where its files are not here, which leaves open what is published for it.

    Raises:
        BackboneError: the backbone's weights cannot be read.
    """
    if job.prior is None:
        return []
    published: list[tuple[Config, str]] = []
    if job.prior.published and profile is not None:
        space = job.space.resolved(profile.layers)
        settings = published_points(job.task.kind, profile.model, space)
        published = [(point, setting.source) for setting, point in settings]
    lines = []
    for point in job.space.baseline:
        whose = ["baseline point of the space", *(source for known, source in published if known == point)]
        lines.append(f"{described(point, list(point))} ({', and '.join(whose)})")
    lines += [f"the best {plural(job.prior.best, 'configuration')} of {search}" for search in job.prior.searches]
    if job.prior.published and profile is None:
        lines.append("published settings that fit the backbone, which is not here")
    new = [(point, source) for point, source in published if point not in job.space.baseline]
    return lines + [f"{described(point, list(point))} ({source})" for point, source in new]
