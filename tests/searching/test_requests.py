"""What users ask of a search that has begun: laws of the conductor and its journal, without training."""

import pytest

from ptune.errors import JournalError, SpecError
from ptune.record import journal
from ptune.record.events import Ended, Extended, Finished, Refused, Started, Suggested
from ptune.record.history import FINAL, History
from ptune.record.requests import Add, Clone, End, Extend, Request, Stop
from ptune.searching.requested import judge, outside, point_of
from ptune.searching.simulate import simulate
from ptune.spec.stopping import HALVING
from support.repository import ROOT
from support.simulated import SPACE, curve, make_job, resume, start

FULL = {"type": "none"}
V2 = {"method": "v2", "length": 20, "encoder": "embedding", "depth": 6, "dropout": 0.1, "lr": 0.02}


def metrics(value):
    return {"accuracy": value, "loss": 0.5, "train_loss": 0.5}


def ask(conductor, change):
    request = Request.to(change)
    conductor.answer(request)
    return conductor.history.answers.get(request.id)


def killed(conductor):
    """The conductor that takes over when the process of another one is gone."""
    conductor._journal.close()
    return resume(conductor._journal.path)


def begin(conductor, *values):
    """Take a turn for each value, and report it once; the trials."""
    turns = [conductor.next_turn() for _ in values]
    for turn, value in zip(turns, values, strict=True):
        conductor.report(turn.trial, turn.epoch + 1, metrics(value), "state")
    return [turn.trial for turn in turns]


@pytest.mark.parametrize("change", [Add({"lr": 0.1}), Clone(7, {"depth": 3}, warm=True), Stop(7), Extend(20), End()])
def test_a_request_is_read_as_it_was_written(change):
    request = Request.to(change)
    assert Request.decode(request.id, request.encode()) == request
    assert Request.to(change).id > request.id


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b'{"request": "shout"}', b'{"request": "extend", "trials": 0}']
)
def test_what_is_no_request_is_refused(content):
    with pytest.raises(JournalError, match="the request x is damaged"):
        Request.decode("x", content)


@pytest.mark.parametrize("change", [Add({**V2, "keep_epoch": 1}), Clone(0, {"keep_epoch": 1})])
def test_a_trial_that_keeps_an_epoch_is_refused_where_dev_grows(path, change):
    space = {"parameters": {name: {"value": value} for name, value in V2.items()}}
    conductor = start(make_job(trials=3, space=space, limits={"dev_grows": True}), path)
    begin(conductor, 0.5)
    answer = ask(conductor, change)
    assert isinstance(answer, Refused)
    assert "keep_epoch may keep an epoch that is scored on a part of dev" in answer.reason
    assert isinstance(ask(conductor, Clone(0, {"lr": 0.01})), Suggested)


@pytest.mark.parametrize("rule", [name for name in (*HALVING, "screen") if name != "asha_stopping"])
@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_an_added_trial_that_is_complete_early_holds_up_none_that_rests(path, rule, epochs):
    stopping = {"type": rule, "grace": 1, **({"keep": 2} if rule == "screen" else {})}
    conductor = start(make_job(trials=6, sampler="random", stopping=stopping), path)
    ask(conductor, Add({**V2, "epochs": epochs}))
    simulate(conductor, lambda config, epoch: 0.9 if config["epochs"] else curve(config, epoch), 1)
    ends = {(trial.status, trial.epoch) for trial in conductor.history.trials.values() if not trial.added}
    assert conductor.done
    assert ("complete", 9) in ends


def test_an_added_trial_is_next_and_takes_none_of_the_budget(path):
    conductor = start(make_job(trials=3, stopping=FULL, epochs=1, space={**SPACE, "baseline": [V2, V2, V2]}), path)
    assert begin(conductor, 0.5) == [0]
    answer = ask(conductor, Add({**V2, "lr": 0.5}))
    assert isinstance(answer, Suggested)
    assert (answer.trial, answer.config["lr"], answer.cloned) == (1, 0.5, None)
    assert begin(conductor, 0.6, 0.6, 0.6) == [1, 2, 3]
    assert conductor.done
    assert [trial.added for trial in conductor.history.trials.values()] == [False, True, False, False]
    assert conductor.history.planned == 4
    assert {trial.config["lr"] for trial in conductor.history.trials.values() if not trial.added} == {0.02}


def test_what_an_added_trial_leaves_out_is_proposed_and_the_next_proposals_stay_the_same(tmp_path):
    job = make_job(trials=6, sampler="random", stopping=FULL, epochs=1)
    alone, beside = start(job, tmp_path / "a.jsonl"), start(job, tmp_path / "b.jsonl")
    ask(beside, Add({"method": "v2", "depth": 3}))
    for conductor in (alone, beside):
        simulate(conductor, curve, slots=2)
    added = beside.history.trials[0]
    assert (added.config["method"], added.config["depth"]) == ("v2", 3)
    assert 4 <= added.config["length"] <= 128
    own = [trial.config for trial in beside.history.trials.values() if not trial.added]
    assert own == [trial.config for trial in alone.history.trials.values()]


def test_a_value_outside_the_space_is_taken_and_told(path):
    conductor = start(make_job(trials=4, stopping=FULL, epochs=1), path)
    for config in (
        {**V2, "lr": 3.0},
        {**V2, "batch_size": 8, "weight_decay": 0.1},
        {"method": "prompt_tuning", "lr": 0.5},
    ):
        answer = ask(conductor, Add(config))
        assert {name: answer.config[name] for name in config} == config
    assert outside(answer.config, ["method", "lr"], conductor.history) == [
        "method = 'prompt_tuning' lies outside the space"
    ]
    first = conductor.history.trials[0].config
    assert outside(first, ["lr", "length"], conductor.history) == ["lr = 3.0 lies outside the space"]
    simulate(conductor, lambda _config, _epoch: 0.5, slots=1)
    again = killed(conductor)
    assert again.done
    ask(again, Extend(8))
    simulate(again, lambda _config, _epoch: 0.5, slots=1)  # the sampler proposes beside values that it has no room for
    assert len(again.history.trials) == 15


def test_a_clone_keeps_what_still_means_something(path):
    conductor = start(make_job(trials=2, space={**SPACE, "baseline": [{**V2, "encoder": "mlp"}]}), path)
    begin(conductor, 0.5)
    closer = ask(conductor, Clone(0, {"depth": 3})).config
    assert {**closer, "depth": 6} == conductor.history.trials[0].config
    other = ask(conductor, Clone(0, {"method": "v1"})).config
    assert "depth" not in other
    assert (other["encoder"], other["length"], other["lr"]) == ("mlp", 20, 0.02)
    assert [trial.cloned for trial in conductor.history.trials.values()] == [None, 0, 0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Add({"lrr": 1}), "lrr is not a parameter; did you mean 'lr'?"),
        (Add({"depth": 3, "method": "v1"}), "depth is not a parameter of method 'v1'"),
        (Add({"lr": -1.0}), "lr: "),
        (Add({**V2, "depth": 99}), "99"),
        (Clone(5, {}), "has no trial 5; its trials are 0 to 1"),
        (Clone(0, {"hidden": 8}), "hidden = 8 does nothing under encoder = 'embedding'"),
        (Clone(0, {"depth": 3}, warm=True), "a warm start needs the same depth, 6, got 3"),
        (Clone(0, {"encoder": "mlp"}, warm=True), "a warm start needs encoder = 'embedding', got 'mlp'"),
        (Clone(1, {}, warm=True), "trial 1 has not finished an epoch"),
        (Stop(9), "has no trial 9"),
    ],
)
def test_what_cannot_be_tried_is_refused_with_the_reason(path, change, reason):
    conductor = start(make_job(trials=4, space={**SPACE, "baseline": [V2, V2]}), path)
    begin(conductor, 0.5)
    conductor.next_turn()
    with pytest.raises(SpecError) as refused:
        judge(change, conductor.history)
    assert reason in str(refused.value)
    answer = ask(conductor, change)
    assert isinstance(answer, Refused)
    assert answer.reason == str(refused.value)
    assert len(conductor.history.trials) == 2


def test_the_method_follows_from_parameters_that_only_one_has(path):
    history = start(make_job(), path).history
    assert point_of(Add({"depth": 3}), history)["method"] == "v2"
    assert "method" not in point_of(Add({"lr": 0.1}), history)


def test_a_stopped_trial_leaves_its_rung_and_its_report_stays(path):
    conductor = start(make_job(trials=3), path)
    begin(conductor, 0.5, 0.7, 0.6)
    answer = ask(conductor, Stop(1))
    assert isinstance(answer, Finished)
    stopped = conductor.history.trials[1]
    assert (stopped.status, stopped.reason, stopped.ended_by_user) == ("stopped", "stopped by the user", True)
    assert stopped.best_value == 0.7
    assert conductor.report(1, 2, metrics(0.9), "state") == "finish"
    assert conductor.next_turn().trial == 2  # the best of those that are left
    assert "has ended already: it is stopped" in ask(conductor, Stop(1)).reason
    resumed = killed(conductor)
    assert resumed.next_turn().trial == 2
    assert History.of(journal.read(path)).best.number == 1


def test_every_trial_may_be_stopped_wherever_it_is(path):
    conductor = start(make_job(trials=4), path)
    begin(conductor, 0.5, 0.7)  # paused
    conductor.next_turn()  # running
    ask(conductor, Add(V2))  # waiting
    for trial in range(4):
        assert ask(conductor, Stop(trial)).status == "stopped"
    assert not conductor.done
    begin(conductor, 0.4)
    resumed = killed(conductor)
    assert simulate(resumed, lambda _config, _epoch: 0.5, slots=2).epochs
    assert resumed.done


def test_a_complete_search_is_extended(path):
    conductor = start(make_job(trials=6), path)
    simulate(conductor, curve, slots=2)
    final = {number: trial.status for number, trial in conductor.history.trials.items()}
    assert conductor.done
    resumed = killed(conductor)
    assert isinstance(ask(resumed, Extend(5)), Extended)
    assert not resumed.done
    assert (resumed.history.planned, resumed.waiting) == (11, 5)
    again = killed(resumed)
    simulate(again, curve, slots=2)
    assert again.done
    assert len(again.history.trials) == 11
    assert {trial.status for trial in again.history.trials.values()} <= FINAL
    assert {number: again.history.trials[number].status for number in final} == final


def test_a_request_is_answered_once(path):
    conductor = start(make_job(trials=2, stopping=FULL, epochs=1), path)
    requests = [Request.to(change) for change in (Add(V2), Clone(0, {}), Extend(2), Stop(0))]
    for request in requests * 2:
        conductor.answer(request)
    resumed = killed(conductor)
    for request in requests:
        resumed.answer(request)
    events = journal.read(path)
    assert [type(event) for event in events[1:]] == [Suggested, Suggested, Extended, Finished]
    assert [event.request for event in events[1:]] == [request.id for request in requests]
    assert simulate(resumed, curve, slots=1).epochs == 1 + 4
    assert resumed.history.planned == len(resumed.history.trials) == 6


def test_grids_and_confirmations_do_not_grow(path):
    space = {"parameters": {"method": {"value": "v1"}, "lr": {"choices": [0.1, 0.2]}}}
    conductor = start(make_job(trials=2, sampler="grid", space=space, stopping=FULL, epochs=1), path)
    assert "searches a grid, which has no more trials" in ask(conductor, Extend(1)).reason
    ask(conductor, Add({"lr": 0.5}))
    simulate(conductor, lambda _config, _epoch: 0.5, slots=1)
    assert [trial.config["lr"] for trial in conductor.history.trials.values()] == [0.5, 0.1, 0.2]
    history = History.of(journal.read(ROOT / "tests/fixtures/played-confirm/journal.jsonl"))
    for change in (Extend(1), Add({"lr": 0.1}), Clone(0, {})):
        with pytest.raises(SpecError, match="confirms played"):
            judge(change, history)


def test_the_sampler_learns_from_added_trials_and_overlooks_how_others_were_stopped(path):
    conductor = start(make_job(trials=3), path)
    ask(conductor, Add(V2))
    begin(conductor, 0.9, 0.5)
    ask(conductor, Stop(0))
    ask(conductor, Stop(1))
    study = conductor._study
    assert study.states()[:2] == ["PRUNED", "PRUNED"]
    first = study._study.get_trials()[0]
    assert first.params["lr"] == 0.02
    assert first.value == 0.9


def test_lines_of_a_search_without_requests_are_as_they_were(path):
    conductor = start(make_job(trials=1, stopping=FULL, epochs=1), path)
    begin(conductor, 0.5)
    conductor._journal.append(Ended("complete"))
    assert b"request" not in path.read_bytes()
    assert [type(event) for event in journal.read(path)][1:3] == [Suggested, Started]
