import math

import pytest

from ptune.errors import SpecError
from ptune.record import journal
from ptune.record.events import Finished, Paused, Suggested
from ptune.record.history import FINAL, History
from ptune.searching.conductor import Conductor
from ptune.searching.simulate import simulate
from ptune.searching.turn import Turn
from ptune.spec.trial import TrialSpec
from support.simulated import SPACE, best_value, make_job, resume, start

FULL = {"type": "none"}


def metrics(value, **others):
    return {"accuracy": value, "loss": 0.5, "train_loss": 0.5, **others}


def kinds(path):
    return [type(event) for event in journal.read(path)]


def train(conductor, value):
    """Take the next turn and report `value` every epoch until it ends; the turn and the last decision."""
    turn = conductor.next_turn()
    epoch, decision = turn.epoch, "continue"
    while decision == "continue":
        epoch += 1
        decision = conductor.report(turn.trial, epoch, metrics(value), "state")
    return turn, decision


def turn_of(conductor, trial, epoch=0):
    return Turn(trial, conductor.history.trials[trial].config, epoch)


def test_baseline_points_come_first_and_the_rest_is_proposed(path):
    space = {**SPACE, "baseline": [{"method": "v2", "length": 20, "lr": 0.01}, {"method": "v1", "length": 8}]}
    conductor = start(make_job(space=space), path)
    turns = [conductor.next_turn() for _ in range(3)]
    assert [turn.trial for turn in turns] == [0, 1, 2]
    first, second = turns[0].config, turns[1].config
    assert (first["method"], first["length"], first["lr"]) == ("v2", 20, 0.01)
    assert (second["method"], second["length"]) == ("v1", 8)


def test_configurations_are_complete(path):
    conductor = start(make_job(), path)
    for _ in range(6):
        config = conductor.next_turn().config
        assert TrialSpec.from_config(config).to_config() == config


def test_without_rungs_a_trial_trains_to_the_horizon(path):
    conductor = start(make_job(trials=2, epochs=3, stopping=FULL), path)
    assert train(conductor, 0.6)[1] == "finish"
    assert train(conductor, 0.5)[1] == "finish"
    assert conductor.done
    assert conductor.next_turn() is None
    assert [trial.status for trial in conductor.history.trials.values()] == ["complete"] * 2


def test_a_trial_pauses_at_a_rung_until_it_is_among_the_best(path):
    conductor = start(make_job(trials=9), path)
    assert train(conductor, 0.5) == (turn_of(conductor, 0), "pause")
    assert train(conductor, 0.7) == (turn_of(conductor, 1), "pause")
    assert train(conductor, 0.6) == (turn_of(conductor, 2), "pause")
    promoted = conductor.next_turn()
    assert (promoted.trial, promoted.epoch) == (1, 1)


def test_a_trial_that_leads_its_rung_goes_on_at_once(path):
    conductor = start(make_job(trials=9), path)
    train(conductor, 0.5)
    train(conductor, 0.6)
    turn = conductor.next_turn()
    assert conductor.report(turn.trial, 1, metrics(0.7), "state") == "continue"
    assert conductor.report(turn.trial, 2, metrics(0.7), "state") == "continue"
    assert conductor.report(turn.trial, 3, metrics(0.7), "state") == "continue", "it is the first one there"
    for epoch in range(4, 10):
        decision = conductor.report(turn.trial, epoch, metrics(0.7), "state")
    assert decision == "finish"


def test_the_second_to_come_to_a_rung_waits_there_for_a_third(path):
    conductor = start(make_job(trials=9), path)
    for value in (0.5, 0.6, 0.55):
        train(conductor, value)
    assert train(conductor, 0.6)[1] == "finish"
    assert train(conductor, 0.8) == (turn_of(conductor, 3), "pause")
    assert conductor.history.trials[3].epoch == 3


def test_the_best_value_so_far_ranks_at_a_rung(path):
    conductor = start(make_job(trials=3, epochs=6, stopping={"type": "asha", "eta": 3, "grace": 2}), path)
    for trial, curve in enumerate([(0.6, 0.6), (0.9, 0.1), (0.7, 0.7)]):
        assert conductor.next_turn().trial == trial
        for epoch, value in enumerate(curve, 1):
            conductor.report(trial, epoch, metrics(value), "state")
    assert conductor.next_turn().trial == 1


def test_when_all_are_suggested_the_best_still_reaches_the_horizon(path):
    conductor = start(make_job(trials=2), path)
    train(conductor, 0.5)
    train(conductor, 0.6)
    assert not conductor.done
    assert train(conductor, 0.6)[1] == "finish"
    assert conductor.done
    stopped, complete = conductor.history.trials[0], conductor.history.trials[1]
    assert (complete.status, complete.epoch) == ("complete", 9)
    assert stopped.status == "stopped"
    assert "rung of epoch 1" in stopped.reason


def test_nothing_drains_while_a_trial_is_under_way(path):
    conductor = start(make_job(trials=2), path)
    train(conductor, 0.5)
    turn = conductor.next_turn()
    assert conductor.next_turn() is None
    assert not conductor.done
    conductor.report(turn.trial, 1, metrics(0.4), "state")
    assert conductor.next_turn().trial == 0


def test_a_report_that_is_known_changes_nothing(path):
    conductor = start(make_job(trials=9), path)
    turn = conductor.next_turn()
    assert conductor.report(turn.trial, 1, metrics(0.5), "state") == "pause"
    before = kinds(path)
    assert conductor.report(turn.trial, 1, metrics(0.5), "state") == "pause"
    assert conductor.report(turn.trial, 2, metrics(0.5), "state") == "pause", "a paused trial is not under way"
    conductor.fail(turn.trial, "lost")
    assert conductor.report(turn.trial, 1, metrics(0.5), "state") == "finish"
    conductor.fail(turn.trial, "lost again")
    assert kinds(path) == [*before, Finished]
    assert conductor.history.trials[0].reason == "lost"


def test_a_client_may_replay_its_epochs(path):
    conductor = start(make_job(trials=3, epochs=4, stopping=FULL), path)
    turn = conductor.next_turn()
    for epoch in (1, 2, 1, 2, 3):
        assert conductor.report(turn.trial, epoch, metrics(0.5), "state") == "continue"
    assert conductor.history.trials[turn.trial].epoch == 3


@pytest.mark.parametrize("name", ["accuracy", "loss", "train_loss"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_not_finite_ends_that_trial_alone(path, name, value):
    conductor = start(make_job(trials=2), path)
    turn = conductor.next_turn()
    assert conductor.report(turn.trial, 1, metrics(0.5) | {name: value}, "state") == "finish"
    failed = conductor.history.trials[turn.trial]
    assert (failed.status, failed.epoch) == ("failed", 0)
    assert failed.reason == f"diverged: {name} is {value} in epoch 1"
    assert train(conductor, 0.5)[1] in ("pause", "finish")


@pytest.mark.parametrize(
    ("epoch", "report", "reason"), [(2, metrics(0.5), "after epoch 0"), (1, {"macro_f1": 0.5}, "holds no accuracy")]
)
def test_a_report_that_makes_no_sense_ends_that_trial_alone(path, epoch, report, reason):
    conductor = start(make_job(trials=2), path)
    assert conductor.report(conductor.next_turn().trial, epoch, report, "state") == "finish"
    assert reason in conductor.history.trials[0].reason
    assert conductor.next_turn().trial == 1


def test_the_runner_up_takes_the_place_of_a_leader_that_fails(path):
    conductor = start(make_job(trials=2), path)
    train(conductor, 0.5)
    train(conductor, 0.6)
    leader = conductor.next_turn()
    conductor.fail(leader.trial, "out of memory")
    assert train(conductor, 0.5)[1] == "finish"
    assert [trial.status for trial in conductor.history.trials.values()] == ["complete", "failed"]


REJECTABLE = {
    "parameters": {
        "method": {"value": "v1"},
        "template": {"value": "[P] {text} [P] so [P]"},
        "length": {"choices": [1, 2, 6]},
        "lr": {"low": 1e-4, "high": 1e-1, "log": True},
    },
    "baseline": [{"length": 2}, {"length": 6}],
}


def test_a_rejected_configuration_fails_and_the_next_one_is_drawn(path):
    conductor = start(make_job(trials=8, space=REJECTABLE), path)
    simulate(conductor, lambda *_: 0.5, slots=2)
    trials = conductor.history.trials
    assert "this template needs a prompt length of at least 3, got 2" in trials[0].reason
    assert [trial.status == "failed" for trial in trials.values()] == [t.config["length"] < 3 for t in trials.values()]
    assert len(trials) == 8
    assert "RUNNING" not in conductor._study.states()


def test_a_search_of_rejected_configurations_alone_ends(path):
    space = {"parameters": {**REJECTABLE["parameters"], "length": {"value": 1}}}
    conductor = start(make_job(trials=5, space=space), path)
    assert conductor.next_turn() is None
    assert conductor.done
    assert {trial.status for trial in conductor.history.trials.values()} == {"failed"}


def test_a_space_that_does_not_fit_the_backbone_is_refused(path):
    with pytest.raises(SpecError, match="backbone of 12 layers"):
        start(make_job(space={"parameters": {"depth": {"low": 24, "high": "layers"}}}), path)


def test_the_live_history_is_what_the_journal_tells(path):
    conductor = start(make_job(trials=4), path)
    while not conductor.done:
        train(conductor, 0.5)
    assert conductor.history == History.of(journal.read(path))


def interrupted(path, *, after):
    """Run a search of three trials on one slot, cut its journal after so many events, and take it up."""
    conductor = start(make_job(trials=3), path)
    for value in (0.5, 0.7, 0.6):
        train(conductor, value)
    conductor._journal.close()
    lines = path.read_bytes().splitlines(keepends=True)[:after]
    path.write_bytes(b"".join(lines))
    return resume(path)


def test_a_trial_under_way_is_handed_out_first_from_its_last_epoch(path):
    suggested, started = 2, 3
    for after in (suggested, started):
        conductor = interrupted(path, after=after)
        assert conductor.next_turn() == turn_of(conductor, 0)
        conductor._journal.close()
        path.unlink()


def test_a_crash_between_a_report_and_its_decision_is_healed(path):
    reported = 4
    conductor = interrupted(path, after=reported)
    assert kinds(path)[-1] is Paused
    assert conductor.next_turn().trial == 1


def test_paused_trials_stay_paused_and_keep_their_rung(path):
    everything = 13
    conductor = interrupted(path, after=everything)
    turn = conductor.next_turn()
    assert (turn.trial, turn.epoch) == (1, 1), "the best of three"
    assert conductor.history.trials[0].status == "paused"


def test_a_crash_between_suggestion_and_rejection_is_healed(path):
    job = make_job(trials=8, space=REJECTABLE)
    start(job, path)._append(Suggested(0, {"method": "v1", "template": "[P] {text} [P]", "length": 1}))
    conductor = Conductor(journal.Journal(path.with_name("again")), journal.read(path))
    assert conductor.history.trials[0].status == "failed"
    assert conductor.next_turn().trial == 1


def test_a_finished_search_stays_finished(path):
    conductor = start(make_job(trials=3), path)
    while not conductor.done:
        train(conductor, 0.5)
    before = path.read_bytes()
    conductor._journal.close()
    again = resume(path)
    assert again.done
    assert again.next_turn() is None
    assert all(trial.status in FINAL for trial in again.history.trials.values())
    assert best_value(again) == 0.5
    assert path.read_bytes() == before
