"""What a Gaussian process proposes: valid configurations, near what is good, far from what fails."""

import math
from itertools import pairwise

import pytest

from ptune.searching.propose import Tried, _seen, propose
from ptune.searching.study import Study
from ptune.spec.budget import Budget
from ptune.spec.space import Space
from support.surfaces import SPACES, Surface

LINE = Space(parameters={"lr": {"low": 1e-4, "high": 1.0, "log": True}})


def tried_on(surface, count, epochs=1):
    import numpy as np

    draws = np.random.default_rng(surface.seed)
    configs = [surface.drawn(draws) for _ in range(count)]
    return [Tried(config, [surface.report(config, epoch) for epoch in range(1, epochs + 1)]) for config in configs]


@pytest.mark.parametrize("kind", SPACES)
def test_a_proposal_fits_the_space_and_takes_what_is_given(kind):
    surface = Surface(kind, 3)
    tried = tried_on(surface, 12)
    given = {"batch_size": 16} if "batch_size" in SPACES[kind] else {"length": 7}
    for number in range(12, 16):
        config = propose(surface.space, [0, number], tried, 9, 4, given)
        chosen = {}
        for name, definition in surface.space.ordered():
            if definition.applies(chosen):
                chosen[name] = config[name]
                assert name in given or definition.contains(config[name])
        assert chosen == config
        assert given.items() <= config.items()


def test_a_whole_configuration_needs_no_model(monkeypatch):
    monkeypatch.setattr("ptune.searching.surrogate.Surrogate", None)
    tried = [Tried({"lr": 10 ** (-4 + number / 3)}, [0.5]) for number in range(12)]
    assert propose(LINE, [0, 12], tried, 9, 4, {"lr": 0.01}) == {"lr": 0.01}
    with pytest.raises(TypeError):
        propose(LINE, [0, 12], tried, 9, 4, {})


def test_it_learns_from_trials_that_rest_at_a_rung_and_from_failures():
    study = Study(LINE, Budget(trials=12, epochs=9, sampler="gp"), 0, trials=12)
    for number in range(12):
        lr = study.ask(number, {"lr": 10 ** (-4 + number / 3)})["lr"]
        if lr > 0.1:
            study.tell(number, "failed")
        else:
            study.report(number, 1, -abs(math.log10(lr) + 2))
    near = [study.ask(number)["lr"] for number in range(12, 17)]
    assert sum(1e-3 < lr < 1e-1 for lr in near) >= 4, near


def test_proposals_at_the_same_time_differ():
    tried = [Tried({"lr": 10 ** (-4 + number / 3)}, [-abs(number / 3 - 2)]) for number in range(12)]
    for number in range(4):
        tried.append(Tried(propose(LINE, [0, number], tried, 9, 4, {})))
    rates = sorted(math.log10(trial.config["lr"]) for trial in tried[12:])
    assert min(later - earlier for earlier, later in pairwise(rates)) > 1e-3


def test_what_has_been_tried_is_not_proposed_again_while_there_is_something_else():
    space = Space(parameters={"length": {"low": 1, "high": 8}})
    tried = [Tried({"length": length, "split": 0}, [1.0 - abs(length - 4) / 10]) for length in (1, 3, 4, 5, 8)]
    for left in (3, 2, 1):
        assert len({trial.config["length"] for trial in tried}) == 8 - left
        tried.append(Tried(propose(space, [0, left], tried, 9, 4, {}), [0.5]))
    assert len({trial.config["length"] for trial in tried}) == 8
    assert propose(space, [0, 9], tried, 9, 4, {})["length"] in range(1, 9)


def test_it_beats_random_draws_on_every_surface():
    """Of 8 proposals after 24 trials of one epoch, the mean true value at the horizon."""
    better = 0
    for kind in SPACES:
        surface = Surface(kind, 11)
        tried = tried_on(surface, 24)
        for number in range(8):
            tried.append(Tried(propose(surface.space, [1, number], tried, 9, 4, {})))
        proposed, random = ([surface.best(trial.config) for trial in part] for part in (tried[24:], tried[:24]))
        better += sum(proposed) / len(proposed) > sum(random) / len(random) + 0.05
    assert better == len(SPACES)


def test_of_many_trials_the_best_and_the_latest_are_seen():
    tried = [Tried({"lr": 1e-2}, [0.9])] + [Tried({"lr": 10 ** (-4 + number / 1000)}, [0.5]) for number in range(400)]
    assert abs(math.log10(propose(LINE, [0, 401], tried, 9, 4, {})["lr"]) + 2) < 1


def test_the_best_are_those_on_the_most_of_dev():
    """A lucky score on a part does not keep a trial in sight, nor does a later and lower one on more lose it."""
    lucky = Tried({"lr": 1e-4})
    lucky.note(0.99, scored_on=223)
    whole = Tried({"lr": 1e-2})
    for utility, examples in [(0.99, 223), (0.8, math.inf), (0.7, math.inf)]:
        whole.note(utility, examples)
    assert (lucky.best, whole.best) == ((223, 0.99), (math.inf, 0.8))
    others = [Tried({"lr": 1e-3}, [0.75]) for _ in range(200)]
    assert _seen([lucky, whole, *others])[0] is whole


def test_the_process_tpe_and_chance_take_turns_and_chance_has_every_other_one():
    space = Surface("branched", 0).space
    proposals = []
    for sampler in ("auto",) * 24 + ("gp", "random", "tpe", "random"):
        asked = [asked_after(proposals, space, name) for name in dict.fromkeys((sampler, "auto"))]
        assert all(config == asked[0] for config in asked), f"turn {len(proposals)} is {sampler}'s"
        proposals.append(asked[0])


def asked_after(proposals, space, sampler):
    """What a sampler proposes after some trials."""
    study = Study(space, Budget(trials=40, epochs=9, sampler=sampler), 0, trials=40)
    for number, config in enumerate(proposals):
        study.ask(number, config)
        study.report(number, 1, (number * 7 % 24) / 24)
    return study.ask(len(proposals))
