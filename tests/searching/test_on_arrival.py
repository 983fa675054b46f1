"""Stopping ASHA and the median rule decide as Ray Tune's own schedulers."""

import random
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from ray.tune.schedulers import ASHAScheduler, MedianStoppingRule

from ptune.searching.on_arrival import BestShare, RunningMedian


class _Trial(NamedTuple):
    """What Ray Tune's scheduler looks at of a trial."""

    trial_id: int


@pytest.mark.parametrize("eta", [2, 3, 4])
def test_it_decides_as_ray_tunes_scheduler(eta):
    draw = random.Random(eta)
    theirs = ASHAScheduler(metric="accuracy", mode="max", max_t=100, grace_period=1, reduction_factor=eta)
    ours = BestShare((1,), eta)
    ended = 0
    for trial in range(60):
        utility = draw.randrange(20) / 20
        shown = SimpleNamespace(trial_id=str(trial))
        theirs.on_trial_add(None, shown)
        answer = theirs.on_trial_result(None, shown, {"accuracy": utility, "training_iteration": 1})
        ours.record(trial, 1, utility)
        assert (ours.ends(trial, 1) is not None) == (answer == "STOP")
        assert ours.goes_on(trial, 1) == (answer == "CONTINUE")
        ended += answer == "STOP"
    assert 10 < ended < 55


def test_a_verdict_stays_and_one_that_rests_for_want_of_epochs_goes_on_later():
    ours = BestShare((1, 3), 2)
    for trial, utility in enumerate((0.5, 0.4, 0.6)):
        ours.record(trial, 1, utility)
    ours.record(3, 1, 0.9)
    assert [ours.goes_on(trial, 1) for trial in range(4)] == [True, False, True, True]
    assert ours.promotable() == (3, 1)
    ours.discard(3)
    assert ours.promotable() == (2, 1)
    assert ours.ends(1, 1) == "not among the best 1/2 of those that came there before"


@pytest.mark.parametrize("grace", [1, 3])
def test_the_median_rule_decides_as_ray_tunes(grace):
    """Curves rise, so that the best value so far, of which ours averages, is the value itself."""
    draw = random.Random(grace)
    horizon, least = 8, 3
    theirs = MedianStoppingRule(
        time_attr="training_iteration", metric="accuracy", mode="max", grace_period=grace, min_samples_required=least
    )
    ours = RunningMedian(range(grace, horizon), least)
    controller = SimpleNamespace(get_live_trials=list)
    ended = 0
    for trial in range(40):
        value = 0.0
        for epoch in range(1, horizon):
            value += draw.randrange(20) / 100
            answer = theirs.on_trial_result(controller, _Trial(trial), {"accuracy": value, "training_iteration": epoch})
            if epoch < grace:
                assert answer == "CONTINUE"
                continue
            ours.record(trial, epoch, value)
            assert (ours.ends(trial, epoch) is not None) == (answer == "STOP"), (trial, epoch)
            if answer == "STOP":
                ended += 1
                break
    assert 5 < ended < 38
