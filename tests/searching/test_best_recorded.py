"""What a search begins with of recorded learning curves: whole configurations that its space can propose."""

from statistics import mean

import pytest

from ptune.errors import NotFoundError
from ptune.record.shipped_tables import names, shipped_table
from ptune.searching.best_recorded import recorded_points, table_law, tables_of
from ptune.spec.load import load_space
from ptune.spec.space import Space
from support.repository import ROOT

LAYERS = 6
RATE = {"low": 1e-4, "high": 1e-1, "log": True}
LENGTH = {"low": 3, "high": 32, "log": True}


def space_of(**parameters):
    return Space.model_validate({"parameters": {"lr": RATE, "length": LENGTH, **parameters}}).resolved(LAYERS)


@pytest.fixture
def recorded():
    """The space in which the curves lie."""
    return load_space(ROOT / "search_spaces" / "recorded.toml").resolved(LAYERS)


@pytest.mark.parametrize("name", names())
def test_the_best_of_a_table_comes_first_and_each_encoder_has_its_turn(recorded, name):
    table = shipped_table(name)
    scores = sorted(
        (mean(report["accuracy"] for run in runs for report in run.reports[-3:]) for _, runs in table.curves),
        reverse=True,
    )
    points = recorded_points([name], recorded, LAYERS, best=6)
    assert points[0].rank == 1
    assert [start.score for start in points] == pytest.approx([scores[start.rank - 1] for start in points])
    kinds = [(start.point["method"], start.point["encoder"]) for start in points]
    count = len(set(kinds))
    assert count > 1
    assert kinds == kinds[:count] * (6 // count)
    for kind in set(kinds):
        ranks = [start.rank for start, other in zip(points, kinds, strict=True) if other == kind]
        assert ranks == sorted(ranks)
        assert scores[0] - scores[ranks[0] - 1] <= 0.05
    assert all(recorded.misfits(start.point) == [] for start in points)
    assert [start.point for start in recorded_points([name], recorded, LAYERS, best=2)] == [
        start.point for start in points[:2]
    ]


def test_tables_take_turns_and_the_same_configuration_comes_once(recorded):
    points = recorded_points(names(), recorded, LAYERS, best=8)
    assert [start.table for start in points[:4]] == names() * 2
    assert len({tuple(start.point.items()) for start in points}) == len(points)


def test_only_what_a_space_can_propose_whole_is_taken():
    def taken(**parameters):
        points = recorded_points(["whose_job"], space_of(**parameters), LAYERS, best=3)
        return [(start.rank, start.point) for start in points]

    words = {"init": {"value": "text"}, "depth": {"low": 1, "high": "layers"}}
    assert taken(**words)[0] == (1, {"lr": 0.1, "length": 4, "depth": 4})
    assert taken(init={"value": "text"}, depth={"value": 6})[0][1] == taken(init={"value": "text"})[0][1]
    assert all(point["lr"] <= 0.03 for _, point in taken(lr={**RATE, "high": 3e-2}))
    beside = taken(batch_size={"choices": [8, 16]}, weight_decay={"low": 0.1, "high": 0.5})
    assert all(set(point) == {"lr", "length", "batch_size"} and point["batch_size"] == 16 for _, point in beside)
    assert taken(length={"value": 7}) == []
    assert taken(encoder={"value": "mlp"})[0][1]["lr"] == 3e-3
    assert taken(encoder={"value": "mlp"}, hidden={"value": 64}) == []
    v1 = taken(
        method={"value": "v1"}, template={"choices": ["before", "around"]}, encoder={"choices": ["embedding", "lstm"]}
    )
    assert {point["encoder"] for _, point in v1} <= {"embedding", "lstm"}
    assert len(v1) == 3


@pytest.mark.parametrize(
    "other",
    [
        {"layers": {"value": "1-2"}},
        {"layers": {"choices": ["1-2", "5-6"]}},
        {"length": {"value": 25}, "lengths": {"choices": ["25,25,10,10,5,5", "25,20,15,10,5,1"]}},
        {"depth": {"value": 2}, "side": {"value": "first"}},
        {"lr": {**RATE, "high": 3e-4}},
    ],
)
def test_another_prompt_or_what_is_no_good_is_not_taken(other):
    assert recorded_points(names(), space_of(**other), LAYERS, best=3) == []


def test_a_depth_that_another_choice_brings_in_leaves_the_others_whole():
    when = {"encoder": "mlp"}
    space = space_of(encoder={"choices": ["embedding", "mlp"]}, depth={"low": 1, "high": "layers", "when": when})
    points = [start.point for start in recorded_points(["whose_job"], space, LAYERS, best=4)]
    assert [point["encoder"] for point in points] == ["embedding", "mlp"] * 2
    assert all(("depth" in point) == (point["encoder"] == "mlp") for point in points)


def test_half_of_the_trials_are_left_to_the_sampler(recorded):
    points = recorded_points(names(), recorded, LAYERS, best=3)
    assert len(points) == 6
    for trials, count in ((20, 6), (8, 4), (5, 2), (2, 1), (1, 1)):
        assert recorded_points(names(), recorded, LAYERS, 3, trials) == points[:count]


def test_depths_that_fall_together_count_once():
    space = Space.model_validate({"parameters": {"lr": RATE, "length": LENGTH, "depth": {"low": 1, "high": 2}}})
    assert len(recorded_points(["whose_job"], space, 1, best=6)) == 6


def test_a_depth_is_a_share_of_the_layers():
    space = Space.model_validate({"parameters": {"lr": RATE, "length": LENGTH, "depth": {"low": 1, "high": 24}}})
    depths = {start.point["depth"] for start in recorded_points(names(), space, 24, best=12)}
    assert {16, 24} <= depths <= {4, 8, 16, 24}


def test_tables_are_named_or_those_of_the_kind():
    assert tables_of(True, "classification") == names()
    assert tables_of(True, "tokens") == tables_of(False, "classification") == []
    assert tables_of(["sst2"], "tokens") == ["sst2"]
    assert table_law(True, "classification") is table_law(False, "tokens") is table_law(["sst2"], "tokens") is None
    assert "is of kind = 'tokens' (sst2: classification, whose_job: classification)" in str(table_law(True, "tokens"))
    assert (
        table_law(["sst2", "sst-2"], "tokens") == "no table 'sst-2'; did you mean 'sst2'? (they are: sst2, whose_job)"
    )
    with pytest.raises(NotFoundError, match="no table 'sst-2'; did you mean 'sst2'"):
        recorded_points(["sst-2"], space_of(), LAYERS, best=3)
