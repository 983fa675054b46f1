"""Cut what a run gains into requests that an MLflow server accepts.

The module is pure. The limits are MLflow's own (`mlflow/utils/validation.py`). A request may hold 100 params, 100 tags,
1000 metrics, 1000 of all three together, and one megabyte. A param may have 6000 characters, a tag 8000.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from ptune.tracking.projection import Pending, Point

MOST_PARAMS = 100
MOST_TAGS = 100
MOST_ENTITIES = 1000
MOST_BYTES = 900_000  # of 1,000,000: the rest is the request's own frame
LONGEST_PARAM = 6000
LONGEST_TAG = 8000
_POINT_BYTES = 100  # of a point's JSON beside its key


@dataclass
class LogBatch:
    """One request."""

    params: dict[str, str] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    size: int = 0
    """An upper estimate of its bytes of JSON."""

    def has_room(self, size: int) -> bool:
        """Whether one more entity of `size` bytes fits, be it a param, a point or a tag."""
        entities = len(self.params) + len(self.points) + len(self.tags)
        few = len(self.params) < MOST_PARAMS and len(self.tags) < MOST_TAGS and entities < MOST_ENTITIES
        return few and self.size + size <= MOST_BYTES


def cut(pending: Pending) -> Iterator[LogBatch]:
    """Yield the requests that send everything: params, then points, then tags.

    Tags come last because one of them says how the run ended. A run that has this tag has its points too.
    """
    batch = LogBatch()
    for params, points, tags in _entities(pending):
        size = _size(params) + _size(tags) + sum(len(point.key) + _POINT_BYTES for point in points)
        if not batch.has_room(size):
            yield batch
            batch = LogBatch()
        batch.params |= params
        batch.points += points
        batch.tags |= tags
        batch.size += size
    if batch.size:
        yield batch


def _entities(pending: Pending) -> Iterator[tuple[dict[str, str], list[Point], dict[str, str]]]:
    for key, value in pending.params.items():
        yield {key: value[:LONGEST_PARAM]}, [], {}
    for point in pending.points:
        yield {}, [point], {}
    for key, value in pending.tags.items():
        yield {}, [], {key: value[:LONGEST_TAG]}


def _size(strings: dict[str, str]) -> int:
    return len(json.dumps(strings)) + 30 if strings else 0
