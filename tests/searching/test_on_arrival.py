"""Stopping ASHA decides as Ray Tune's own scheduler."""

import random
from types import SimpleNamespace

import pytest
from ray.tune.schedulers import ASHAScheduler

from ptune.searching.on_arrival import OnArrival


@pytest.mark.parametrize("eta", [2, 3, 4])
def test_it_decides_as_ray_tunes_scheduler(eta):
    draw = random.Random(eta)
    theirs = ASHAScheduler(metric="accuracy", mode="max", max_t=100, grace_period=1, reduction_factor=eta)
    ours = OnArrival((1,), eta)
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
    ours = OnArrival((1, 3), 2)
    for trial, utility in enumerate((0.5, 0.4, 0.6)):
        ours.record(trial, 1, utility)
    ours.record(3, 1, 0.9)
    assert [ours.goes_on(trial, 1) for trial in range(4)] == [True, False, True, True]
    assert ours.promotable() == (3, 1)
    ours.discard(3)
    assert ours.promotable() == (2, 1)
    assert ours.ends(1, 1) == "not among the best 1/2 of those that came there before"
