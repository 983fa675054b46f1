import pytest

from ptune.errors import NotFoundError, SpecError
from ptune.record.curve_table import table_of
from ptune.record.objective import Objective
from ptune.searching.nearest_curve import NearestCurve
from ptune.searching.on_table import best_of, play_on, table_problems
from support.recorded import GRID, RANGES, recorded_grid
from support.simulated import make_job, start


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The curves of a grid of two methods."""
    return table_of([recorded_grid(tmp_path_factory.mktemp("recorded") / "journal.jsonl")])


def test_a_recorded_configuration_has_its_own_curve(table):
    nearest = NearestCurve(table)
    assert all(nearest(config) == runs for config, runs in table.curves)


def test_a_number_stands_for_the_nearest_by_ratio_and_choices_are_never_mixed(table):
    nearest = NearestCurve(table)
    config = dict(next(config for config, _ in table.curves if config["method"] == "v2"))
    wanted = config | {"length": 6, "depth": 3, "lr": 0.004, "encoder": "mlp"}
    (run,) = nearest(wanted)
    got = [run.config[name] for name in ("method", "length", "depth", "lr", "encoder")]
    assert got == ["v2", 4, 6, 1e-2, "mlp"], "6 is nearer to 4 than to 10 by ratio, 3 to 6 than to 1"


def test_a_choice_that_was_not_recorded_is_named(table):
    config = dict(table.curves[0][0])
    with pytest.raises(NotFoundError, match=r"encoder = 'lstm': no curve .* \(only of 'embedding', 'mlp'\)"):
        NearestCurve(table)(config | {"encoder": "lstm"})
    with pytest.raises(NotFoundError, match=r"batch_size = 32: no curve .* \(only of 16\)"):
        NearestCurve(table)(config | {"batch_size": 32})
    with pytest.raises(NotFoundError, match=r"backbone_lr = 0.001: no curve was recorded of any backbone_lr"):
        NearestCurve(table)(config | {"backbone_lr": 1e-3})


def test_a_grid_search_on_its_own_table_finds_the_best_of_the_table(table):
    job = make_job(sampler="grid", trials=None, stopping={"type": "none"}, space=GRID)
    played = play_on(job, table, seed=0, slots=4)
    config, value = best_of(table, Objective.of(job.task))
    assert played.trials == len(table.curves)
    assert len(played.values) == 9 * played.trials
    assert played.values[-1] == value
    assert config.items() <= played.config.items()


def test_a_search_is_the_same_each_time_and_its_best_never_falls(table):
    job = make_job(trials=16, space=RANGES, sampler="auto")
    first, again, other = (play_on(job, table, seed, slots=4) for seed in (3, 3, 4))
    assert first == again
    assert first.values != other.values
    assert list(first.values) == sorted(first.values)
    assert first.values[-1] <= best_of(table, Objective.of(job.task))[1]


def test_decisions_are_those_of_a_real_conductor(table, tmp_path):
    job = make_job(trials=12, space=RANGES)
    conductor = start(job.model_copy(update={"seed": 5}), tmp_path / "journal.jsonl")
    nearest, asked = NearestCurve(table), []
    while (turn := conductor.next_turn()) is not None:
        reports = nearest(turn.config)[0].reports
        epoch, decision = turn.epoch, "continue"
        while decision == "continue":
            epoch += 1
            asked.append(epoch)
            decision = conductor.report(turn.trial, epoch, reports[epoch - 1], "state")
    played = play_on(job, table, seed=5, slots=1)
    assert len(played.values) == len(asked)
    assert played.values[-1] == conductor.history.best_value


def test_a_space_beyond_the_table_is_refused_by_name(table):
    values = {"method": "v1", "length": 3, "encoder": "lstm", "lr": 0.01, "batch_size": 16}
    beyond = {"parameters": {name: {"value": value} for name, value in values.items()}}
    with pytest.raises(SpecError, match=r"encoder = 'lstm': no curve of it was recorded"):
        play_on(make_job(trials=8, space=beyond), table, seed=0, slots=2)


@pytest.mark.parametrize(
    ("job", "place", "law"),
    [
        ({"epochs": 6}, "budget.epochs", "9 epochs"),
        ({"metric": "matthews"}, "task.metric", "was not recorded"),
        ({"limits": {"hours": 1.0}}, "budget.hours", "no hours"),
        ({"limits": {"inherit": True}}, "budget.inherit", "inherit nothing"),
        ({"objectives": {"beside": ["seconds_per_epoch"]}}, "objectives", "costs of a machine are not recorded"),
    ],
)
def test_what_a_table_does_not_know_is_a_law(table, job, place, law):
    (problem,) = table_problems(make_job(space=RANGES, **job), table)
    assert ".".join(map(str, problem.place)) == place
    assert law in problem.text
