"""Requests that keep MLflow's limits."""

import json

import pytest

from ptune.tracking.batches import MOST_BYTES, cut
from ptune.tracking.projection import Pending, Point


def test_nothing_makes_no_request():
    assert list(cut(Pending())) == []


def test_what_fits_goes_together():
    (batch,) = cut(Pending({"lr": "1"}, [Point("loss", 0.1, 1, 1)], {"t": "x"}))
    assert (batch.params, len(batch.points), batch.tags) == ({"lr": "1"}, 1, {"t": "x"})


@pytest.mark.parametrize(
    ("params", "points", "tags", "requests"), [(250, 0, 0, 3), (0, 2500, 0, 3), (0, 0, 101, 2), (60, 1000, 60, 2)]
)
def test_counts_are_kept_and_nothing_is_lost(params, points, tags, requests):
    pending = Pending(
        {f"p{i}": "v" for i in range(params)},
        [Point("loss", float(i), i, i) for i in range(points)],
        {f"t{i}": "v" for i in range(tags)},
    )
    batches = list(cut(pending))
    assert len(batches) == requests
    assert all(len(b.params) <= 100 and len(b.tags) <= 100 for b in batches)
    assert all(len(b.params) + len(b.points) + len(b.tags) <= 1000 for b in batches)
    assert {k: v for b in batches for k, v in b.params.items()} == pending.params
    assert [point for b in batches for point in b.points] == pending.points
    assert {k: v for b in batches for k, v in b.tags.items()} == pending.tags


def test_a_request_stays_under_a_megabyte_in_any_script():
    batches = list(cut(Pending({f"p{i}": "한" * 6000 for i in range(90)})))
    sizes = [len(json.dumps([{"key": k, "value": v} for k, v in batch.params.items()])) for batch in batches]
    assert len(batches) > 1
    assert max(sizes) <= MOST_BYTES


def test_tags_come_last():
    *others, last = cut(
        Pending({"p": "v"}, [Point("loss", 0.0, i, i) for i in range(2000)], {"ptune.status": "complete"})
    )
    assert last.tags == {"ptune.status": "complete"}
    assert not any(batch.tags for batch in others)


def test_long_values_are_shortened():
    (batch,) = cut(Pending({"p": "x" * 9000}, [], {"t": "x" * 9000}))
    assert (len(batch.params["p"]), len(batch.tags["t"])) == (6000, 8000)
