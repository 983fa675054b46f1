"""Samplers beside TPE: what they propose, what they are told, and what is refused."""

import math
from collections import Counter

import optuna
import pytest
from scipy.stats import kstest

from ptune.checks.job import check
from ptune.errors import SpecError
from ptune.searching.quasi import quasi_point
from ptune.searching.samplers import import_sampler
from ptune.searching.scale import value_at
from ptune.searching.study import Study
from ptune.spec.budget import Budget
from ptune.spec.job import Tables
from ptune.spec.parameter import Parameter
from ptune.spec.space import Space
from support.refusals import refused_fields
from support.simulated import LAYERS, SPACE, make_job

RESOLVED = Space(**SPACE).resolved(LAYERS)
NUMBERS = Space(
    parameters={
        "lr": {"low": 1e-4, "high": 1.0, "log": True},
        "length": {"low": 1, "high": 64},
        "dropout": {"low": 0.0, "high": 0.5},
    }
)


class Remembering(optuna.samplers.RandomSampler):
    """Proposes the best rate that it has been told of, and halves of it."""

    def sample_independent(self, study, trial, name, distribution):
        told = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])
        if name != "lr" or not told:
            return super().sample_independent(study, trial, name, distribution)
        return max(distribution.low, max(told, key=lambda each: each.value).params["lr"] / 2)


class Needing(Remembering):
    """Cannot be built without an argument."""

    def __init__(self, model):
        self.model = model


def test_a_sequence_covers_each_parameter_evenly_under_its_own_condition():
    points = [quasi_point(RESOLVED, 3, index, {}) for index in range(256)]
    assert Counter(point["method"] for point in points) == {"v1": 128, "v2": 128}
    of_v2 = [point for point in points if point["method"] == "v2"]
    assert max(Counter(point["depth"] for point in of_v2).values()) <= 1.4 * 128 / LAYERS
    assert {round(point["dropout"], 6) for point in of_v2} == {0.0, 0.1, 0.2, 0.3, 0.4, 0.5}
    assert {"length", "encoder"} < points[0].keys() if points[0]["method"] == "v1" else True
    shares = [(math.log10(point["lr"]) + 4) / 4 for point in points]
    assert kstest(shares, "uniform").statistic < 0.01, "256 independent values are about 0.05 away"


def test_values_at_the_ends_of_a_range_belong_to_it():
    for definition in (
        Parameter(low=1, high=6),
        Parameter(low=1, high=6, log=True),
        Parameter(low=0.1, high=0.7),
        Parameter(low=1e-5, high=1e-2, log=True),
        Parameter(low=0.0, high=0.5, step=0.1),
        Parameter(choices=["a", None, 3]),
        Parameter(value=7),
    ):
        values = [value_at(definition, share) for share in (0.0, 0.5, 1 - 1e-12)]
        assert all(definition.contains(value) for value in values), (definition, values)
    assert Counter(value_at(Parameter(low=1, high=4), share / 100) for share in range(100)) == dict.fromkeys(
        range(1, 5), 25
    )


@pytest.mark.parametrize("sampler", ["nsgaii", "nsgaiii"])
def test_a_sampler_that_combines_like_trials_refuses_conditions_by_name(sampler):
    ((place, law),) = refused_fields(make_job, sampler=sampler).items()
    assert place == "budget.sampler"
    assert law.startswith(f"'{sampler}' needs parameters that every trial has, and ")


def test_a_sampler_of_the_users_own_is_told_what_every_trial_has_reached():
    study = Study(NUMBERS, Budget(trials=12, epochs=9, sampler=f"{__name__}:Remembering"), 0, trials=12)
    rates = [study.ask(number)["lr"] for number in range(2)]
    study.report(0, 1, 0.5)
    study.report(1, 1, 0.7)
    assert study.ask(2)["lr"] == pytest.approx(max(1e-4, rates[1] / 2))


@pytest.mark.parametrize(
    ("path", "law"),
    [
        ("no_such_module:Sampler", "cannot be imported: ModuleNotFoundError"),
        ("optuna.samplers:TPESamplers", "optuna.samplers has no 'TPESamplers'; did you mean 'TPESampler'?"),
        ("optuna.pruners:HyperbandPruner", "is no sampler"),
        (f"{__name__}:Needing", "needs the arguments model"),
    ],
)
def test_what_is_no_sampler_is_refused_before_a_search_starts(path, law):
    with pytest.raises(SpecError, match=law.replace("?", r"\?")):
        import_sampler(path)
    job = make_job(sampler=path)
    assert [
        law in problem.text for problem in check(Tables.of(job)).problems if problem.place == ("budget", "sampler")
    ] == [True]
