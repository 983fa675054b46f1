import math
from collections import Counter
from statistics import mean

import pytest

from ptune.errors import EngineError
from ptune.record import journal
from ptune.record.events import Paused, Reported
from ptune.record.history import FINAL
from ptune.searching.simulate import simulate
from support.simulated import best_value, curve, make_job, resume, start

FULL = {"type": "none"}
ON_ARRIVAL = {"type": "asha_stopping"}
MEDIAN = {"type": "median"}
SCREEN = {"type": "screen", "keep": 3}
HYPERBAND = {"type": "hyperband"}
PASHA = {"type": "pasha", "eta": 2}


@pytest.fixture
def search(tmp_path):
    """Run a whole simulated search; the conductor and what it took."""
    count = 0

    def run(slots=1, curve=curve, cost=lambda _: 1.0, **job):
        nonlocal count
        count += 1
        conductor = start(make_job(**job), tmp_path / f"{count}.jsonl")
        return conductor, simulate(conductor, curve, slots, cost)

    return run


def outcome(conductor):
    """Everything a search decided."""
    trials = conductor.history.trials.values()
    return [(t.number, t.config, t.status, [report["accuracy"] for report in t.reports]) for t in trials]


def test_model_and_halving_beat_random_search_at_a_larger_budget(search):
    halved = [search(slots=4, trials=24, seed=seed) for seed in range(6)]
    random = [search(slots=4, trials=12, seed=seed, sampler="random", stopping=FULL) for seed in range(6)]
    assert sum(taken.epochs for _, taken in halved) < sum(taken.epochs for _, taken in random)
    ours, theirs = (mean(best_value(conductor) for conductor, _ in runs) for runs in (halved, random))
    assert 0.9 - ours < 0.7 * (0.9 - theirs), "less than 0.7 of the distance to what the curves can reach"


def test_the_model_beats_random_search_under_the_same_halving(search):
    modelled = mean(best_value(search(slots=4, trials=40, seed=seed)[0]) for seed in range(5))
    random = mean(best_value(search(slots=4, trials=40, seed=seed, sampler="random")[0]) for seed in range(5))
    assert 0.9 - modelled < 0.9 * (0.9 - random)


def test_halving_takes_less_than_half_of_the_full_budget(search):
    runs = [search(slots=4, trials=40, seed=seed) for seed in range(4)]
    for conductor, taken in runs:
        assert taken.epochs == sum(trial.epoch for trial in conductor.history.trials.values()) + failures(conductor)
    assert mean(taken.epochs for _, taken in runs) < 0.5 * 40 * 9


def failures(conductor):
    """Epochs that ended in a failure are trained, not reported."""
    return Counter(trial.status for trial in conductor.history.trials.values())["failed"]


@pytest.mark.parametrize("slots", [1, 4])
def test_capped_no_more_trials_of_an_improving_search_go_on_than_are_due(search, slots):
    def improving(config, epoch):
        return 0.5 + 0.02 * epoch + 0.4 * (1 - abs(math.log10(config["lr"] / 0.02)) / 3)

    conductor, taken = search(
        slots=slots, trials=50, curve=improving, stopping={"type": "asha", "grace": 1, "spacing": 3, "capped": True}
    )
    reached = [sum(trial.epoch >= epoch for trial in conductor.history.trials.values()) for epoch in (1, 2, 4, 9)]
    assert reached[0] == 50
    assert reached[1] in (17, 18, 19), "50/3 and the leaders"
    assert reached[2] in (6, 7, 8)
    assert reached[3] in (6, 7, 8)
    most = conductor.history.job.budget.most_epochs(50)
    assert most == 50 + 17 * 2 + 6 * 6
    assert 0.9 * most < taken.epochs <= 1.1 * most


@pytest.mark.parametrize(
    ("stopping", "reason"),
    [
        (ON_ARRIVAL, "not among the best 1/3 of those that came there before"),
        (MEDIAN, "below the median of what other trials had averaged by then"),
    ],
)
def test_nobody_rests_where_each_trial_is_judged_on_arrival(search, stopping, reason):
    conductor, taken = search(slots=4, trials=20, stopping=stopping)
    assert taken.epochs < 0.8 * 20 * 9
    events = journal.read(conductor._journal.path)
    assert not any(isinstance(event, Paused) for event in events)
    reasons = {trial.reason for trial in conductor.history.trials.values() if trial.status == "stopped"}
    assert f"stopped after epoch 1: {reason}" in reasons


@pytest.mark.parametrize("slots", [1, 4])
def test_screened_the_best_after_one_epoch_are_those_that_reach_the_horizon(search, slots):
    job = {"trials": 20, "sampler": "random", "stopping": SCREEN}
    conductor, taken = search(slots=slots, curve=lambda config, epoch: config["lr"] / 2 + epoch / 100, **job)
    trials = list(conductor.history.trials.values())
    ranked = sorted(trials, key=lambda trial: -trial.config["lr"])
    assert {trial.number for trial in trials if trial.status == "complete"} == {trial.number for trial in ranked[:3]}
    assert {trial.epoch for trial in ranked[3:]} == {1}
    assert taken.epochs == 20 + 3 * 8 == conductor.history.job.budget.most_epochs(20)
    assert ranked[3].reason == "stopped at the rung of epoch 1: not among the best 3 of the 20 trials there"


@pytest.mark.parametrize("slots", [1, 3, 50])
@pytest.mark.parametrize("trials", [1, 2, 7, 20])
def test_every_trial_ends_and_the_best_reaches_the_horizon(search, slots, trials):
    conductor, _ = search(slots=slots, trials=trials, seed=slots)
    assert conductor.done
    assert [trial.number for trial in conductor.history.trials.values()] == list(range(trials))
    assert {trial.status for trial in conductor.history.trials.values()} <= FINAL
    ranked = conductor.history.ranked()
    assert not ranked or (ranked[0].status, ranked[0].epoch) == ("complete", 9)


def test_optuna_is_told_of_every_end(search):
    conductor, _ = search(slots=4, trials=20)
    words = {"complete": "COMPLETE", "stopped": "PRUNED", "failed": "FAIL"}
    told = [words[trial.status] for trial in conductor.history.trials.values()]
    assert conductor._study.states() == told
    assert set(told) == set(words.values())


@pytest.mark.parametrize("slots", [1, 4])
def test_a_seed_decides_a_search(search, slots):
    same = [outcome(search(slots=slots, seed=3)[0]) for _ in range(2)]
    assert same[0] == same[1]
    assert outcome(search(slots=slots, seed=4)[0]) != same[0]


def test_divergence_and_errors_end_one_trial_alone(search):
    def faulty(config, epoch):
        if config["method"] == "v1" and epoch == 2:
            raise EngineError("the smallest batch does not fit")
        return curve(config, epoch)

    conductor, _ = search(slots=4, trials=24, curve=faulty)
    reasons = {(t.reason or "").partition(":")[0] for t in conductor.history.trials.values() if t.status == "failed"}
    assert reasons == {"diverged", "the smallest batch does not fit"}
    assert conductor.history.ranked()[0].status == "complete"


def test_a_search_in_which_everything_diverges_ends(search):
    conductor, _ = search(slots=4, trials=20, curve=lambda *_: math.nan)
    assert conductor.done
    assert conductor.history.ranked() == []


def test_slots_share_the_work_in_virtual_time(search):
    alone, together = (search(slots=slots, trials=24, stopping=FULL, sampler="random")[1] for slots in (1, 8))
    assert alone.makespan == alone.busy == alone.epochs
    assert together.busy == alone.busy
    assert 5 < alone.makespan / together.makespan <= 8


def test_the_cost_of_an_epoch_is_counted(search):
    space = {"parameters": {"length": {"choices": [10, 20]}}}
    job = {"trials": 6, "epochs": 2, "stopping": FULL, "space": space}
    conductor, taken = search(curve=lambda *_: 0.5, cost=lambda config: config["length"] / 10, **job)
    assert taken.busy == sum(2 * trial.config["length"] / 10 for trial in conductor.history.trials.values())


def test_a_thousand_trials(search):
    conductor, taken = search(slots=32, trials=1000, sampler="random")
    assert conductor.done
    assert len(conductor.history.trials) == 1000
    assert taken.epochs < 0.4 * 9000


def cut_everywhere(conductor, path):
    """The journal of a search cut after every line, the first included, and in the middle of the next."""
    conductor._journal.close()
    lines = conductor._journal.path.read_bytes().splitlines(keepends=True)
    for after in range(1, len(lines) + 1):
        torn = lines[after][:20] if after < len(lines) else b""
        path.write_bytes(b"".join(lines[:after]) + torn)
        yield after


@pytest.mark.parametrize("stopping", [FULL, None, SCREEN, ON_ARRIVAL, MEDIAN, HYPERBAND, PASHA])
def test_on_one_slot_a_resumed_search_equals_the_uninterrupted(search, tmp_path, stopping):
    job = {"trials": 8, "epochs": 5, "seed": 5, "stopping": stopping}
    whole, _ = search(**job)
    path = tmp_path / "cut.jsonl"
    for after in cut_everywhere(whole, path):
        resumed = resume(path)
        simulate(resumed, curve, 1)
        assert outcome(resumed) == outcome(whole), f"cut after line {after}"
        assert resumed._study.states() == whole._study.states()
        resumed._journal.close()


def test_on_many_slots_a_resumed_search_loses_and_repeats_nothing(search, tmp_path):
    job = {"trials": 12, "seed": 6}
    whole, _ = search(slots=4, **job)
    path = tmp_path / "cut.jsonl"
    for after in cut_everywhere(whole, path):
        resumed = resume(path)
        known = {number: list(trial.reports) for number, trial in resumed.history.trials.items()}
        simulate(resumed, curve, 4)
        trials = resumed.history.trials
        assert list(trials) == list(range(12)), f"cut after line {after}"
        assert {trial.status for trial in trials.values()} <= FINAL
        assert all(trials[number].reports[: len(reports)] == reports for number, reports in known.items())
        assert reported_once(resumed)
        assert resumed.history.ranked()[0].status == "complete"
        resumed._journal.close()


def reported_once(conductor):
    """Whether every trial's epochs are 1, 2, ... in the journal."""
    epochs = {}
    for event in journal.read(conductor._journal.path):
        if isinstance(event, Reported):
            epochs.setdefault(event.trial, []).append(event.epoch)
    return all(seen == list(range(1, len(seen) + 1)) for seen in epochs.values())


WITHIN = {"report_every": "0.5 epochs"}


def test_a_search_that_reports_within_epochs_is_resumed_alike(search, tmp_path):
    whole, taken = search(trials=6, epochs=3, seed=5, limits=WITHIN)
    trials = whole.history.trials.values()
    assert max(trial.epoch for trial in trials) == 6
    assert taken.epochs == (sum(trial.epoch for trial in trials) + failures(whole)) / 2
    assert {trial.trained_epochs for trial in trials if trial.status == "stopped"} >= {0.5}
    path = tmp_path / "cut.jsonl"
    for after in cut_everywhere(whole, path):
        resumed = resume(path)
        simulate(resumed, curve, 1)
        assert outcome(resumed) == outcome(whole), f"cut after line {after}"
        resumed._journal.close()


def test_a_total_of_epochs_holds_twice_as_many_half_epochs(search):
    conductor, taken = search(trials=40, epochs=3, limits=WITHIN | {"epochs_total": 8})
    assert 4 < taken.epochs <= 8
    assert conductor.history.best.trained_epochs == 3


def test_who_stops_within_an_epoch_is_said_to(search):
    conductor, _ = search(trials=6, epochs=3, seed=5, limits=WITHIN)
    reasons = [trial.reason for trial in conductor.history.trials.values() if trial.trained_epochs == 0.5]
    assert reasons
    assert all(reason.startswith("stopped at the rung of epoch 0.5") for reason in reasons)
