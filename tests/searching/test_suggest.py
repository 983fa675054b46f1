import optuna
import pytest

from ptune.searching.suggest import ask, plain_name
from ptune.spec.space import Space
from support.simulated import LAYERS, SPACE

ACTIVE = {
    "v1": {"method", "length", "encoder", "lr", "batch_size"},
    "v2": {"method", "length", "encoder", "depth", "dropout", "lr", "batch_size"},
}


def new_study(seed=0):
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))


@pytest.fixture(scope="module")
def drawn():
    study = new_study()
    space = Space(**SPACE).resolved(LAYERS)
    return study, [ask(study, space) for _ in range(60)]


def test_only_the_parameters_that_exist_are_chosen(drawn):
    for chosen in drawn[1]:
        assert set(chosen) == ACTIVE[chosen["method"]]


def test_each_definition_keeps_its_own_range(drawn):
    lengths = {method: [c["length"] for c in drawn[1] if c["method"] == method] for method in ACTIVE}
    assert 2 <= min(lengths["v1"]) < max(lengths["v1"]) <= 32 < max(lengths["v2"]) <= 128
    assert any(chosen["encoder"] == "lstm" for chosen in drawn[1])
    assert all(chosen["encoder"] != "lstm" for chosen in drawn[1] if chosen["method"] == "v2")


def test_each_definition_is_one_optuna_parameter_and_a_constant_is_none(drawn):
    names = {name for trial in drawn[0].trials for name in trial.params}
    assert names == {
        "method", "lr", "depth", "dropout",
        "length[method=v1]", "length[method=v2]", "encoder[method=v1]", "encoder[method=v2]",
    }  # fmt: skip
    assert {plain_name(name) for name in names} == ACTIVE["v2"] - {"batch_size"}


def test_steps_and_types_hold(drawn):
    for chosen in drawn[1]:
        assert isinstance(chosen["length"], int)
        assert isinstance(chosen["lr"], float)
        if "dropout" in chosen:
            assert round(chosen["dropout"] * 10) == pytest.approx(chosen["dropout"] * 10)


@pytest.mark.filterwarnings("error")
def test_a_range_its_step_does_not_divide_ends_below_it_quietly():
    space = Space(parameters={"length": {"low": 4, "high": 11, "step": 3}})
    study = new_study()
    assert {ask(study, space)["length"] for _ in range(40)} == {4, 7, 10}


def test_a_point_pins_what_it_states_and_leaves_the_rest():
    space = Space(**SPACE).resolved(LAYERS)
    study = new_study()
    points = [ask(study, space, {"method": "v2", "length": 20, "lr": 1}) for _ in range(8)]
    assert all((point["method"], point["length"], point["lr"]) == ("v2", 20, 1) for point in points)
    assert len({point["depth"] for point in points}) > 1
