"""PASHA's rungs: when they grow, what counts as equal, and who reaches the horizon."""

from collections import Counter
from statistics import mean

import pytest

from ptune.record.standard_error import standard_error
from ptune.searching.pasha import GrowingRungs, noise_of, rank_alike, swapped
from ptune.searching.simulate import simulate
from ptune.spec.budget import Budget
from ptune.spec.stopping import Pasha
from support.made_histories import curve, history_of
from support.refusals import refused_fields
from support.simulated import make_job, start


def rungs(epsilon=0.0):
    """Rungs after epochs 1, 3 and 9 which trials 0, 1 and 2 have come to, of nine; they rank by their numbers."""
    growing = GrowingRungs((1, 3, 9), 3, lambda *_: epsilon)
    for number in range(9):
        growing.record(number, 1, 0.9 - number / 100)
    for number in range(3):
        growing.promote(number, 1)
    return growing


def test_nobody_leaves_the_highest_rung_while_both_rank_alike():
    growing = rungs()
    for number in range(3):
        growing.record(number, 3, 0.95 - number / 100)
        assert (growing.top, growing.promotable(), growing.goes_on(number, 3)) == (3, None, False)
    assert growing.promotable(drain=True) == (0, 3), "the best one is trained to the horizon at the end"
    growing.promote(0, 3)
    assert growing.promotable(drain=True) is None
    assert growing.goes_on(0, 9, drain=True) is False, "it has not come there yet"
    growing.record(0, 9, 0.95)
    assert growing.goes_on(0, 9, drain=True)
    assert growing.reason(3) == "not the best of the 3 trials there, which rank as they did a rung before"


def test_the_rungs_grow_by_one_whenever_the_ranking_changes_and_end_as_those_of_asha():
    growing = rungs()
    for number, utility in ((0, 0.91), (1, 0.93), (2, 0.90)):
        growing.record(number, 3, utility)
    assert growing.top == 9
    assert growing.promotable() == (1, 3), "one in eta of the second rung"
    growing.promote(1, 3)
    growing.promote(0, 3)
    growing.record(1, 9, 0.93)
    assert growing.top == 9, "one trial alone always ranks alike"
    growing.record(0, 9, 0.94)
    assert growing.top is None
    assert growing.promotable(drain=True) == (0, 9)
    assert growing.reason(9) == "not among the best 1/3 of the 2 trials there"


def test_trials_that_differ_by_epsilon_at_most_may_change_places():
    swaps = (0, 0.91), (1, 0.93), (2, 0.90)
    for epsilon, top in ((0.0101, 3), (0.0099, 9)):
        growing = rungs(epsilon)
        for number, utility in swaps:
            growing.record(number, 3, utility)
        assert growing.top == top


def test_a_place_is_shared_with_all_that_are_near_it_and_with_nobody_else():
    earlier = {0: 0.80, 1: 0.79, 2: 0.78, 3: 0.70}
    assert rank_alike([1, 2, 0, 3], earlier, 0.021)
    assert not rank_alike([1, 2, 0, 3], earlier, 0.011), "0 fell from the first place to the third"
    assert not rank_alike([0, 1, 3, 2], earlier, 0.021)
    assert rank_alike([0, 1, 2, 3], earlier, 0.0)


def test_only_pairs_that_cross_to_and_fro_tell_of_noise():
    flat = [0.50, 0.50, 0.50]
    assert list(swapped([flat, [0.51, 0.48, 0.53]], 1)) == pytest.approx([0.03])
    assert not list(swapped([flat, [0.48, 0.51, 0.53]], 1)), "one overtakes the other, for good"
    assert not list(swapped([flat, [0.51, 0.48]], 2)), "they have too few epochs in common"
    assert not list(swapped([flat, [0.51, 0.48, 0.50]], 1)), "at the end they are equal"
    assert list(swapped([flat, [0.51, 0.48, 0.53], [0.49, 0.53, 0.48]], 1)) == pytest.approx([0.03, 0.02, 0.05])


@pytest.mark.parametrize(("rows", "by"), [(100, "dev split"), (100_000, "curves")])
def test_the_greater_of_both_kinds_of_noise_counts(rows, by):
    history = history_of([curve([0.50, 0.50, 0.50]), curve([0.51, 0.48, 0.53])], rows=rows)
    error = standard_error(history.header, history.trials[1].best_report)
    noise = {"dev split": error, "curves": abs(mean([0.51, 0.48, 0.53]) - 0.50)}
    assert noise[by] == max(noise.values())
    assert noise_of(history)([1, 0], 3, 1) == pytest.approx(noise[by])


@pytest.mark.parametrize("slots", [1, 4])
def test_where_curves_never_cross_the_best_alone_reaches_the_horizon(tmp_path, slots):
    job = make_job(trials=30, epochs=27, sampler="random", stopping={"type": "pasha"})
    conductor = start(job, tmp_path / "journal.jsonl")
    simulate(conductor, lambda config, epoch: config["lr"] / 2 + epoch / 100, slots)
    trials = conductor.history.trials.values()
    best = max(trials, key=lambda trial: trial.config["lr"])
    assert [trial for trial in trials if trial.epoch > 3] == [best]
    assert (best.epoch, best.status) == (27, "complete")
    assert {trial.epoch for trial in trials} == {1, 3, 27}


def test_where_early_ranks_mislead_the_search_trains_further(tmp_path):
    def crossing(config, epoch):
        rate = config["lr"]
        return 2 - 0.1 * rate if epoch < 3 else 1 + 0.3 * rate - epoch / 100

    job = make_job(trials=30, epochs=27, sampler="random", metric="loss", stopping={"type": "pasha"})
    conductor = start(job, tmp_path / "journal.jsonl")
    simulate(conductor, crossing, 1)
    reached = Counter(trial.epoch for trial in conductor.history.trials.values())
    assert reached[9] > 1, "the second rung ranked them the other way round"
    assert reached[27] == 1, "the third one ranked them as the second"


def test_two_rungs_below_the_horizon_are_needed():
    law = r"stopping.grace \* eta < epochs must hold for pasha, .* got 1 \* 3 >= 3"
    with pytest.raises(ValueError, match=law):
        Budget(trials=9, epochs=3, stopping=Pasha())
    assert Budget(trials=9, epochs=4, stopping=Pasha()).rungs == [1, 3]


def test_what_it_cannot_be_combined_with_is_refused_by_name():
    stopping = {"type": "pasha"}
    refused = refused_fields(make_job, stopping=stopping, objectives={"beside": ["prompt_length"]})
    assert "rank under asha or screen or none, got type = 'pasha'" in refused["budget.stopping"]
    refused = refused_fields(make_job, stopping=stopping, folds=3)
    assert "got type = 'pasha'" in refused["budget.stopping"]


def test_what_is_expected_beforehand_is_that_the_rungs_do_not_grow():
    rule = Pasha()
    assert [rule.survivors(30, rung, 27) for rung in (1, 3, 9)] == [10, 1, 1]
    assert rule.settled(9).summary == "pasha eta=3 grace=1, first to report 3", "an epoch may have several"
