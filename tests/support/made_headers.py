"""The first event of searches for which no backbone and no data is prepared."""

from ptune.record.events import Checkpoint, DataSource, Header
from ptune.spec.job import Job


def header_of(job: Job, layers: int = 12, **changes) -> Header:
    """A header that says about a job what a prepared one would."""
    about = {
        "id": "5" * 32,
        "name": job.name,
        "job": job,
        "data": {"dev": DataSource("builtin:none:dev", "b" * 64, 40)},
        "labels": ["a", "b"],
        "backbone": Checkpoint(job.backbone.id, "c" * 64, layers),
        "versions": {},
    }
    return Header(**(about | changes))
