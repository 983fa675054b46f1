"""What a budget limits beside its trials: epochs, a target, patience."""

import math
from types import SimpleNamespace

import pytest

from ptune.errors import SpecError
from ptune.record import journal
from ptune.record.events import LimitReached, Resumed
from ptune.record.history import FINAL
from ptune.record.requests import Extend
from ptune.searching.requested import judge
from ptune.searching.simulate import simulate
from support.simulated import curve, make_job, resume, start

FULL = {"type": "none"}
ASHA = {"type": "asha", "eta": 3, "grace": 1}
HYPERBAND = {"type": "hyperband"}


def job(trials=None, **limits):
    others = {key: limits.pop(key) for key in ("epochs", "stopping", "sampler", "seed") if key in limits}
    return make_job(trials=trials, limits=limits, **{"sampler": "random", **others})


def limits_in(path):
    return [(event.limit, event.reason) for event in journal.read(path) if isinstance(event, LimitReached)]


def standing(conductor):
    return [(trial.number, trial.status, trial.epoch, trial.reason) for trial in conductor.history.trials.values()]


@pytest.mark.parametrize("stopping", [ASHA, HYPERBAND, FULL], ids=lambda stopping: stopping["type"])
@pytest.mark.parametrize(("slots", "total"), [(1, 9), (4, 61), (16, 100), (16, 300)])
def test_a_total_of_epochs_is_kept_and_the_best_trial_reaches_the_horizon(path, slots, total, stopping):
    conductor = start(job(epochs_total=total, stopping=stopping, seed=slots), path)
    taken = simulate(conductor, curve, slots)
    assert total - 9 < taken.epochs <= total
    best = conductor.history.best
    assert (best.status, best.epoch) == ("complete", 9)
    assert {trial.status for trial in conductor.history.trials.values()} <= FINAL
    assert limits_in(path) == [("epochs_total", f"no further trial fits into {total} epochs")]
    assert (conductor.done, conductor.waiting, conductor.history.planned) == (True, 0, len(conductor.history.trials))


@pytest.mark.parametrize(("stopping", "total"), [(ASHA, 22), (HYPERBAND, 24), ({"type": "pasha", "eta": 2}, 18)])
def test_a_total_used_up_after_the_last_trial_has_begun_still_takes_the_best_to_the_horizon(path, stopping, total):
    conductor = start(job(trials=6, epochs_total=total, stopping=stopping), path)
    taken = simulate(conductor, curve, 1)
    assert (len(conductor.history.trials), conductor.done) == (6, True)
    assert taken.epochs <= total
    assert conductor.history.best.status == "complete"
    assert limits_in(path) == [("epochs_total", f"no further trial fits into {total} epochs")]


def test_whichever_limit_is_reached_first_ends_the_search(path):
    few = start(job(trials=3, epochs_total=300), path)
    simulate(few, curve, 2)
    assert len(few.history.trials) == 3
    assert not limits_in(path)


@pytest.mark.parametrize("stopping", [ASHA, FULL], ids=lambda stopping: stopping["type"])
def test_a_target_ends_the_search_and_the_best_trial_still_reaches_the_horizon(path, stopping):
    conductor = start(job(trials=60, target=0.8, stopping=stopping), path)
    simulate(conductor, curve, 4)
    best = conductor.history.best
    assert best.best_value >= 0.8
    assert (best.status, best.epoch) == ("complete", 9)
    assert len(conductor.history.trials) < 60
    assert limits_in(path) == [("target", "accuracy has reached the target of 0.8")]
    reasons = {trial.reason for trial in conductor.history.trials.values() if trial.status == "stopped"}
    assert stopping is ASHA or any("reached the target" in reason for reason in reasons)


def test_a_target_of_a_loss_is_reached_from_above(path):
    conductor = start(make_job(trials=30, sampler="random", metric="loss", limits={"target": 0.25}), path)
    simulate(conductor, lambda config, epoch: 1 - curve(config, epoch), 1)
    assert limits_in(path) == [("target", "loss has reached the target of 0.25")]


def test_patience_counts_the_epochs_of_all_trials_since_the_best(path):
    conductor = start(job(trials=60, patience=12, stopping=FULL), path)
    simulate(conductor, lambda _, epoch: 0.5 + 0.01 * min(epoch, 3), 2)
    assert limits_in(path) == [("patience", "accuracy has not got better in 12 epochs")]
    epochs = sum(trial.epoch for trial in conductor.history.trials.values())
    assert 5 + 12 <= epochs <= 5 + 12 + 9, "two trials reach 0.53 after their third epoch, the best goes on"
    assert conductor.history.best.status == "complete"


@pytest.mark.parametrize(
    "limits",
    [
        {"epochs_total": 20},
        {"epochs_total": 20, "stopping": FULL},
        {"trials": 9, "target": 0.7},
        {"trials": 9, "patience": 4},
    ],
    ids=str,
)
def test_a_search_cut_anywhere_ends_as_it_would_have(path, limits):
    whole = start(job(**limits, seed=4), path)
    simulate(whole, curve, 1)
    lines = path.read_bytes().splitlines(keepends=True)
    assert limits_in(path)
    for after in range(1, len(lines) + 1):
        cut = path.with_name(f"{after}.jsonl")
        cut.write_bytes(b"".join(lines[:after]))
        resumed = resume(cut)
        simulate(resumed, curve, 1)
        assert standing(resumed) == standing(whole), f"cut after line {after}"
        assert limits_in(cut) == limits_in(path)
        resumed._journal.close()


def test_on_many_slots_a_resumed_search_keeps_its_total(path):
    simulate(start(job(epochs_total=60, seed=5), path), curve, 6)
    lines = path.read_bytes().splitlines(keepends=True)
    for after in range(1, len(lines), 7):
        cut = path.with_name(f"{after}.jsonl")
        cut.write_bytes(b"".join(lines[:after]))
        resumed = resume(cut)
        simulate(resumed, curve, 6)
        assert sum(trial.epoch for trial in resumed.history.trials.values()) <= 60
        assert resumed.history.best.status == "complete"
        resumed._journal.close()


def test_a_search_that_has_reached_a_limit_is_not_extended(path):
    conductor = start(job(epochs_total=20), path)
    with pytest.raises(SpecError, match="no number of trials to extend"):
        judge(Extend(5), conductor.history)
    simulate(conductor, curve, 2)
    with pytest.raises(
        SpecError, match=r"begins no more trials, since no further trial fits into 20 epochs \(budget.epochs_total\)"
    ):
        judge(Extend(5), conductor.history)


@pytest.fixture
def clock(monkeypatch):
    """The clock of the journal, in the test's hands."""
    clock = SimpleNamespace(time=lambda: clock.now, monotonic=lambda: clock.now, now=1_000_000.0)
    monkeypatch.setattr(journal, "time", clock)
    return clock


def train(conductor, clock, epochs=math.inf, slots=4):
    """Let every slot train an epoch of six minutes at a time, until nothing is left or so many epochs are trained."""
    turns, trained = [], 0
    while trained < epochs:
        turns += [turn for _ in range(slots - len(turns)) if (turn := conductor.next_turn()) is not None]
        if not turns:
            return
        clock.now += 360
        for turn in list(turns):
            epoch = conductor.history.trials[turn.trial].epoch + 1
            value = 0.6 + 0.01 * (turn.trial % 7) + 0.001 * epoch
            trained += 1
            told = {"accuracy": value, "loss": 0.5, "seconds": 360.0}
            if conductor.report(turn.trial, epoch, told, "state") != "continue":
                turns.remove(turn)
            conductor.metered(turn.trial % 2, {"cpu_utilization_percentage": 50.0})


def test_an_hour_of_an_engine_on_two_gpus_counts_twice(path, clock):
    taken = {}
    for gpus in (1, 2):
        limited = job(device_hours=5.0, stopping=FULL)
        spread = limited.resources.model_copy(update={"gpus_per_engine": gpus})
        limited = limited.model_copy(update={"resources": spread})
        conductor, began = start(limited, path.with_name(str(gpus))), clock.now
        train(conductor, clock)
        taken[gpus] = clock.now - began
    assert taken[2] < 0.8 * taken[1]


@pytest.mark.parametrize("stopping", [ASHA, FULL], ids=lambda stopping: stopping["type"])
@pytest.mark.parametrize(("limit", "hours"), [("hours", 3.0), ("device_hours", 5.0)])
def test_hours_of_processes_and_engines_are_kept(path, clock, stopping, limit, hours):
    conductor = start(job(**{limit: hours}, stopping=stopping), path)
    train(conductor, clock, epochs=24)
    assert not limits_in(path)
    conductor._journal.close()
    clock.now += 24 * 3600  # the process has died, and a day later another one goes on
    writer = journal.Journal(path)
    writer.append(Resumed({}))
    writer.close()
    resumed = resume(path)
    train(resumed, clock)
    assert resumed.done
    assert [name for name, _ in limits_in(path)] == [limit]
    worked_hours = resumed.history.worked_s / 3600
    if limit == "hours":
        assert 0.8 * hours < worked_hours <= 1.1 * hours
    else:  # one of the two engines stands idle while the best trial climbs
        assert 0.8 * hours < 2 * worked_hours <= 1.25 * hours
    assert (resumed.history.best.status, resumed.history.best.epoch) == ("complete", 9)


@pytest.mark.parametrize("tenths", range(15, 40, 3))
def test_whoever_is_the_best_when_time_is_up_takes_a_tenth_more_at_most(path, clock, tenths):
    hours = tenths / 10
    conductor = start(job(hours=hours, stopping=ASHA), path)
    train(conductor, clock)
    assert conductor.done
    assert 0.7 * hours < conductor.history.worked_s / 3600 <= 1.1 * hours


@pytest.mark.parametrize("stopping", [ASHA, FULL], ids=lambda stopping: stopping["type"])
@pytest.mark.parametrize(("least", "cut"), [(1, {1, 3, 5, 7, 9, 11}), (2, {3, 5, 7, 9, 11}), (None, set())])
def test_a_trial_that_always_answers_alike_ends_if_the_budget_says_so_and_blocks_no_other(path, stopping, least, cut):
    """Odd trials answer alike, the first of them only in its first epoch, and score better than all others there."""
    limits = {} if least is None else {"constant_epochs": least}
    conductor = start(job(trials=12, stopping=stopping, **limits), path)
    while (turn := conductor.next_turn()) is not None:
        decision, epoch = "continue", turn.epoch
        while decision == "continue":
            epoch += 1
            constant = float(turn.trial % 2 and (turn.trial > 1 or epoch == 1))
            accuracy = 0.9 if constant else 0.5 + 0.01 * turn.trial
            metrics = {"loss": 1.0, "accuracy": accuracy, "constant_prediction": constant}
            decision = conductor.report(turn.trial, epoch, metrics, "state")
    trials = conductor.history.trials.values()
    ended = [trial for trial in trials if trial.reason and "the same answer" in trial.reason]
    assert conductor.done
    assert {trial.number for trial in ended} <= cut
    assert {trial.epoch for trial in ended} <= {least}
    assert least == 2 or {trial.number for trial in ended} == cut
    assert any(trial.status == "complete" for trial in trials)
    before = standing(conductor)
    conductor._journal.close()
    assert standing(resume(path)) == before
