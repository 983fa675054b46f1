"""The laws about training that does not work: each where it must speak, and close by where it must not."""

import pytest

from ptune.diagnosis.diagnose import diagnose
from ptune.diagnosis.divergence import divergence
from ptune.diagnosis.failures import failures
from ptune.diagnosis.majority import majority
from ptune.diagnosis.standstill import standstill
from support.made_histories import curve, history_of, trial

NAN = "trial 3: diverged: training loss is nan in epoch 2"
OLDER = "trial 3: the training loss is nan in epoch 2"


@pytest.mark.parametrize("reason", [NAN, OLDER, "diverged: accuracy is inf in epoch 2"])
def test_losses_that_are_not_finite_lower_the_end_of_the_rates(reason):
    history = history_of([trial(lr=0.001), trial(lr=0.02), trial(status="failed", reason=reason, lr=0.08)])
    (found,) = divergence(history)
    assert found.text == (
        "The loss of 1 of 3 trials (number 2) is not finite in epoch 2. Its lr is 0.08; trials that train have less."
    )
    assert found.typed == "--set 'space.parameters.lr={low=0.0001, high=0.02, log=true}'"
    assert (found.severity, found.trials) == ("advice", [2])


def test_where_half_of_all_losses_are_not_finite_that_is_a_problem():
    history = history_of([trial(lr=0.001), trial(status="failed", reason=NAN, lr=0.08)])
    assert divergence(history)[0].severity == "problem"


def test_where_rates_do_not_part_losses_that_are_not_finite_the_whole_range_is_lowered():
    history = history_of([trial(lr=0.05), trial(status="failed", reason=NAN, lr=0.01)])
    (found,) = divergence(history)
    assert "Its lr is 0.01." in found.text
    assert found.typed == "--set 'space.parameters.lr={low=1e-05, high=0.01, log=true}'"


@pytest.mark.parametrize("reason", ["the worker died in epoch 2", "diverged", None])
def test_other_failures_are_not_taken_for_losses_that_are_not_finite(reason):
    assert divergence(history_of([trial(), trial(status="failed", reason=reason)])) == []


def test_several_failures_with_one_reason_are_told_with_it():
    reasons = [f"trial {n}: a mini-batch of {n}4 rows does not fit into memory alone" for n in (1, 2)]
    history = history_of([trial(), *[trial(status="failed", reason=reason) for reason in reasons]])
    (found,) = failures(history)
    assert found.trials == [1, 2]
    assert "2 of 3 trials (1 and 2) failed for one reason: a mini-batch of 14 rows does not fit" in found.text


def test_trials_that_the_bounds_of_the_job_reject_are_no_failures():
    rejected = [trial(status="failed", reason="rejected: prompt_length <= 20 must hold, got 40")] * 3
    assert failures(history_of([trial(), *rejected], objectives={"at_most": {"prompt_length": 20}})) == []
    assert len(failures(history_of([trial(), *rejected]))) == 1, "without bounds, something else is wrong"


def test_failures_that_have_nothing_in_common_are_not():
    history = history_of(
        [trial(status="failed", reason="out of memory"), trial(status="failed", reason="no such word")]
    )
    assert failures(history) == []


def test_the_best_prompt_that_hardly_moved_is_told():
    history = history_of([trial(0.8, moved=0.004, lr=0.0002), trial(0.7, lr=0.01), trial(0.7, lr=0.02)])
    (found,) = standstill(history)
    assert found.text == (
        "The prompt of 1 of 3 trials (number 0) hardly moved from its start: by 0.004 of its length at most. "
        "Its lr is 0.0002; trials that train have more."
    )
    assert found.typed == "--set 'space.parameters.lr={low=0.01, high=0.1, log=true}'"


def test_one_bad_trial_that_hardly_moved_is_what_a_search_is_for():
    assert standstill(history_of([trial(0.8), trial(0.7), trial(0.6, moved=0.004)])) == []


@pytest.mark.parametrize("config", [{"backbone_lr": 1e-5}])
def test_a_prompt_may_stand_still_beside_a_backbone_that_trains(config):
    assert standstill(history_of([trial(moved=0.001, config=config)])) == []


def test_a_prompt_may_stand_still_where_it_was_trained_before():
    assert standstill(history_of([trial(moved=0.001)], start="artifact")) == []


def test_journals_that_do_not_say_how_far_prompts_came_are_not_judged_by_it():
    old = curve([0.7])
    del old.reports[0]["prompt_moved"]
    assert standstill(history_of([old])) == []


def test_a_range_is_moved_to_where_prompts_come_as_far_as_those_that_learn():
    history = history_of([trial(moved=0.002, lr=2e-6)], space={"lr": {"low": 1e-6, "high": 3e-6, "log": True}})
    assert standstill(history)[0].typed == "--set 'space.parameters.lr={low=0.005, high=0.015, log=true}'"


def test_a_search_that_stays_at_the_majority_class_is_told_so():
    history = history_of([trial(0.5, constant=1.0), trial(0.5)])
    (found,) = majority(history)
    assert found.severity == "problem"
    assert "All 2 trials do no better than the commonest answer, always given (accuracy 0.5)." in found.text
    assert found.typed == "--set budget.epochs=2"
    assert [diagnosis.kind for diagnosis in diagnose(history)] == ["majority"]


def test_prompts_that_were_thrown_far_off_want_lower_rates():
    history = history_of([trial(0.5, moved=100_000.0), trial(0.5, moved=200_000.0)])
    assert majority(history)[0].typed == "--set 'space.parameters.lr={low=1e-05, high=0.01, log=true}'"


def test_prompts_that_came_as_far_as_those_of_others_want_more_time():
    assert majority(history_of([trial(0.5, moved=30.0), trial(0.5, moved=900.0)]))[0].advice == "train longer"


def test_prompts_that_stayed_near_want_higher_rates():
    assert "raise" in majority(history_of([trial(0.5, moved=0.1), trial(0.5, moved=0.2)]))[0].advice


def test_some_trials_at_the_majority_class_are_what_a_search_is_for():
    assert majority(history_of([trial(0.8, lr=0.01), *[trial(0.5, lr=rate) for rate in (0.001, 0.1, 0.05)]])) == []


def test_a_rate_that_parts_them_from_the_others_is_told():
    stuck = [trial(0.5, lr=0.05 + 0.01 * n) for n in range(4)]
    (found,) = majority(history_of([*[trial(0.8, lr=0.001 * n) for n in range(1, 5)], *stuck]))
    assert found.severity == "advice"
    assert "Their lr is 0.05 or more; trials that train have less." in found.text
    assert found.typed == "--set 'space.parameters.lr={low=0.0001, high=0.005, log=true}'"


def test_a_rate_that_parts_few_trials_may_do_so_by_chance():
    history = history_of([trial(0.8, lr=0.001), trial(0.5, lr=0.05), trial(0.5, lr=0.06)])
    assert majority(history) == []


def test_a_trial_just_above_the_baseline_is_better_than_it():
    assert majority(history_of([trial(0.505), trial(0.505)])) == []


def test_trials_under_way_are_not_judged_yet():
    assert majority(history_of([trial(0.5, status="running")], ended=None)) == []


def test_a_manual_prompt_that_trains_nothing_is_no_failure_to_train():
    still = trial(0.5)
    still.reports[0]["trainable_parameters"] = 0.0
    assert majority(history_of([still])) == []
