"""Samplers begin where a space's author expects the best values, and leave it where that misleads."""

import math
from collections import Counter
from statistics import mean, median

import numpy as np
import pytest

from ptune.record.history import History, TrialRecord
from ptune.searching.expected import drawn_from, expected_at, favour, power_of
from ptune.searching.study import Study
from ptune.spec.budget import EXPECTING, SAMPLERS, Budget
from ptune.spec.parameter import Parameter
from ptune.spec.space import Space
from support.made_headers import header_of
from support.refusals import refused_fields
from support.simulated import LAYERS, make_job
from support.surfaces import CHANCE, Surface

EXPECTED = Space(
    parameters={
        "lr": {"low": 1e-4, "high": 1.0, "log": True, "expected": 0.1},
        "encoder": {"choices": ["embedding", "mlp"], "weights": [1, 4]},
    }
)


def study_of(sampler, space=EXPECTED):
    return Study(space, Budget(trials=60, epochs=9, sampler=sampler), 0, trials=60)


def off(rate):
    """Decades from what is expected."""
    return abs(math.log10(rate) + 1)


def test_values_are_drawn_where_they_are_expected_and_evenly_once_that_counts_for_nothing():
    shares = [(number + 0.5) / 200 for number in range(200)]
    rates = Parameter(low=1e-4, high=1.0, log=True, expected=0.1, spread=0.1)
    spreads = [mean(off(expected_at(rates, share, power)) for share in shares) for power in (1.0, 0.1, 0.01, 0.0)]
    assert spreads == sorted(spreads)
    assert spreads[0] == pytest.approx(0.4 * math.sqrt(2 / math.pi), rel=0.05), "a tenth of four decades"
    assert spreads[-1] == pytest.approx((3**2 + 1**2) / 8, rel=0.05)
    choices = Parameter(choices=["a", "b", "c"], weights=[1, 2, 5])
    assert Counter(expected_at(choices, share, 1.0) for share in shares) == {"a": 25, "b": 50, "c": 125}
    even = Counter(expected_at(choices, share, 1e-6) for share in shares)
    assert max(even.values()) - min(even.values()) <= 2
    for definition in (rates, choices, Parameter(low=1, high=6, expected=6, spread=0.01)):
        assert all(definition.contains(expected_at(definition, share, 1.0)) for share in (0.0, 0.5, 1 - 1e-12))


def test_what_is_expected_is_a_density_over_the_space():
    draws = np.random.default_rng(0)
    configs = [drawn_from(EXPECTED, draws, {}, 0.0) for _ in range(4000)]
    assert np.exp(favour(EXPECTED, configs)).mean() == pytest.approx(1.0, rel=0.1)
    assert [power_of(trial) for trial in range(6)] == [1.0, 1.0, 0.0] * 2
    assert power_of(49) < power_of(10) < 1.0


@pytest.mark.parametrize("sampler", EXPECTING)
def test_a_search_begins_where_values_are_expected(sampler):
    study = study_of(sampler)
    configs = [study.ask(number) for number in range(10)]
    led = [config for number, config in enumerate(configs) if power_of(number)]
    assert mean(off(config["lr"]) for config in led) < 0.8, "1.25 decades would be even draws"
    assert sum(config["encoder"] == "mlp" for config in led) > len(led) / 2
    assert study_of(sampler).ask(0, {"lr": 1e-4})["lr"] == 1e-4


@pytest.mark.parametrize("sampler", ["auto", "tpe", "gp"])
def test_a_search_leaves_what_was_expected_where_that_misleads(sampler):
    study = study_of(sampler)
    for number in range(30):
        study.report(number, 1, -abs(math.log10(study.ask(number)["lr"]) + 3))
    late = [study.ask(number)["lr"] for number in range(30, 36)][::2]  # chance has the other turns of auto
    assert median(abs(math.log10(rate) + 3) for rate in late) < 0.8, "the best rate is two decades from there"


def test_a_search_leaves_a_plateau_on_which_everything_was_expected():
    """Far from what every parameter's author expects: all that lies near it is at chance and looks alike."""
    surface = Surface("four", 0)
    wrong = {
        "lr": {"low": 1e-4, "high": 1.0, "log": True, "expected": 1.0},
        "length": {"low": 4, "high": 128, "log": True, "expected": 128},
        "depth": {"low": 1, "high": LAYERS, "expected": LAYERS},
    }
    space = surface.space.model_copy(
        update={"parameters": Space(parameters=wrong).parameters | {"encoder": surface.space.parameters["encoder"]}}
    )
    study = Study(space, Budget(trials=40, epochs=9), 0, trials=40)
    reached = []
    for number in range(40):
        config = study.ask(number)
        reached.append(surface.best(config))
        study.report(number, 1, surface.report(config, 1))
    assert max(reached) > CHANCE + 0.3


@pytest.mark.parametrize("sampler", EXPECTING)
def test_a_replayed_search_goes_on_alike(sampler):
    study, history = study_of(sampler), History(header_of(make_job(), LAYERS))
    for number in range(12):
        config = study.ask(number)
        history.trials[number] = TrialRecord(number, config, history.objective, "paused", [{"accuracy": config["lr"]}])
        study.report(number, 1, config["lr"])
    replayed = study_of(sampler)
    replayed.replay(history)
    assert [replayed.ask(number) for number in (12, 13)] == [study.ask(number) for number in (12, 13)]


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name not in EXPECTING] + ["my.own:Sampler"])
def test_a_sampler_that_cannot_begin_there_is_refused_by_name(sampler):
    space = {
        "parameters": {"method": {"value": "v2"}, "encoder": {"choices": ["embedding", "mlp"], "weights": [1.0, 2.0]}}
    }
    ((place, law),) = refused_fields(make_job, sampler=sampler, space=space, trials=2).items()
    assert place == "budget.sampler"
    assert law.startswith(f"'{sampler}' cannot begin where values are expected, as the space states of encoder")
