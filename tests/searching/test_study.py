import statistics
import warnings

import pytest

from ptune.record.history import History, TrialRecord
from ptune.searching.simulate import simulate
from ptune.searching.study import Study
from ptune.spec.budget import Budget
from ptune.spec.space import Space
from support.made_headers import header_of
from support.simulated import LAYERS, SPACE, ceiling, curve, make_job, resume, start

RESOLVED = Space(**SPACE).resolved(LAYERS)
SLIM = Space(parameters={"lr": {"low": 1e-4, "high": 1.0, "log": True}})


def new_study(seed=0, sampler="tpe", space=RESOLVED):
    return Study(space, Budget(trials=12, epochs=9, sampler=sampler), seed, trials=12)


def score(chosen):
    return 1.0 - abs(chosen["lr"] - 0.01)


def closed(study, count):
    """Ask for, report and close `count` trials in every way there is; their configurations."""
    chosen = []
    for number in range(count):
        chosen.append(study.ask(number))
        study.report(number, 1, score(chosen[-1]))
        study.tell(number, ("complete", "stopped", "failed")[number % 3])
    return chosen


def test_states_are_told_in_optunas_words():
    study = new_study()
    closed(study, 3)
    study.ask(3)
    assert study.states() == ["COMPLETE", "PRUNED", "FAIL", "RUNNING"]


def test_a_trial_that_fails_before_its_first_report_is_failed():
    study = new_study()
    study.ask(0)
    study.tell(0, "failed")
    assert study.states() == ["FAIL"]


def test_only_final_states_can_be_told():
    study = new_study()
    study.ask(0)
    with pytest.raises(AssertionError):
        study.tell(0, "paused")


@pytest.mark.parametrize("sampler", ["auto", "tpe", "gp", "qmc", "random"])
def test_suggestions_depend_on_the_seed_alone(sampler):
    assert closed(new_study(1, sampler), 9) == closed(new_study(1, sampler), 9)
    assert closed(new_study(1, sampler), 9) != closed(new_study(2, sampler), 9)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("sampler", ["tpe", "qmc", "gp", "auto"])
@pytest.mark.parametrize("under_way", ["waiting", "running", "paused"])
def test_a_replayed_study_proposes_what_the_original_would(under_way, sampler):
    study = new_study(sampler=sampler)
    history = History(header_of(make_job(), LAYERS))
    statuses = ["complete", "stopped", "failed"] * 3 + [under_way] * 3
    for number, status in enumerate(statuses):
        chosen = study.ask(number)
        reports = [] if status == "waiting" else [{"accuracy": score(chosen)}, {"accuracy": score(chosen) - 0.1}]
        record = history.trials[number] = TrialRecord(number, chosen, history.objective, status, reports)
        for epoch, value in enumerate(record.values, 1):
            study.report(number, epoch, value)
        if status != under_way:
            study.tell(number, status)
    replayed = new_study(sampler=sampler)
    replayed.replay(history)
    assert replayed.states() == study.states()
    assert [replayed.ask(number) for number in (12, 13)] == [study.ask(number) for number in (12, 13)]


def near(study, low, high, count=12):
    """The share of the next `count` suggestions whose rate lies in a range."""
    first = len(study.states())
    return sum(low < study.ask(number)["lr"] < high for number in range(first, first + count)) / count


def test_the_sampler_learns_from_trials_that_rest_at_a_rung():
    study = new_study(space=SLIM)
    for number in range(12):
        lr = study.ask(number, {"lr": 10 ** (-4 + number / 3)})["lr"]
        study.report(number, 1, -abs(lr - 0.01))
    assert set(study.states()) == {"RUNNING"}
    assert near(study, 1e-3, 1e-1) > 0.6, "half of the space would be the sampler's ignorance"


def test_the_sampler_avoids_what_failed():
    study = new_study(space=SLIM)
    for number in range(12):
        lr = study.ask(number, {"lr": 10 ** (-4 + number / 3)})["lr"]
        if lr < 0.03:
            study.report(number, 1, 0.5)
        study.tell(number, "stopped" if lr < 0.03 else "failed")
    assert near(study, 0.1, 1.0) < 0.15, "a quarter of the space would be the sampler's ignorance"


def test_asking_is_quiet(caplog, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        closed(new_study(), 9)
    assert (caplog.text, *capsys.readouterr()) == ("", "", "")


def filled(count):
    """A study of `count` trials on one rate, each better than the one before for a while, then worse."""
    study = new_study(sampler="random", space=SLIM)
    for number in range(count):
        study.ask(number)
        study.report(number, 1, 1.0 - abs(number - 60) / count)
        study.tell(number, "stopped")
    return study


def listed(study):
    return study._study.get_trials(deepcopy=False)


def test_the_sampler_sees_the_best_and_the_latest_trials_in_order():
    study = filled(400)
    assert [trial.number for trial in listed(study)] == [*range(48, 73), *range(175, 400)]
    assert [trial.number for trial in listed(filled(150))] == list(range(150))


def test_a_good_trial_stays_in_sight_when_it_completes_and_leaves_when_it_fails():
    study = new_study(sampler="random", space=SLIM)
    for number in range(300):
        study.ask(number)
        study.report(number, 1, 0.9 if number in (3, 4) else 0.5)
        if number not in (3, 4, 5):
            study.tell(number, "stopped")
    assert {3, 4, 5} < {trial.number for trial in listed(study)}
    study.report(5, 2, 0.1)
    study.tell(5, "complete")
    study.tell(3, "failed")
    seen = {trial.number: trial for trial in listed(study)}
    assert 3 not in seen
    assert seen[5].state.name == "COMPLETE"
    assert len(seen) == 250


def test_trials_that_run_do_not_push_what_is_known_out_of_sight():
    study = filled(250)
    for number in range(250, 550):
        study.ask(number)
    states = [trial.state.name for trial in listed(study)]
    assert (states.count("PRUNED"), states.count("RUNNING")) == (225, 300)


def test_beyond_its_sight_too_a_replayed_study_proposes_what_the_original_would():
    study, history = new_study(), History(header_of(make_job(), LAYERS))
    study._sampler = "random"
    for number in range(300):
        chosen = study.ask(number)
        study.report(number, 1, score(chosen))
        history.trials[number] = TrialRecord(number, chosen, history.objective, "paused", [{"accuracy": score(chosen)}])
    replayed = new_study()
    replayed.replay(history)
    study._sampler = "tpe"
    assert replayed.ask(300) == study.ask(300)


def test_what_a_suggestion_reads_does_not_grow_with_the_trials():
    sizes = [len(listed(filled(count))) for count in (300, 900)]
    assert sizes == [250, 250]


def test_what_a_sampler_sees_of_many_trials_is_enough_to_propose_good_ones(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: None)

    def shortfall(sampler, trials):
        """By how much the values of the last 100 proposals fall short of the best on average."""
        conductor = start(make_job(trials=trials, sampler=sampler), tmp_path / sampler / "journal.jsonl")
        simulate(conductor, curve, slots=8)
        values = [ceiling(trial.config) for trial in conductor.history.trials.values()]
        return 0.89 - statistics.fmean(values[-100:])

    assert shortfall("tpe", 320) < 0.3 * shortfall("random", 100), "all trials: 0.16; the latest 60: 0.48"


def test_a_resumed_search_knows_of_every_epoch_what_it_knew(tmp_path):
    conductor = start(make_job(trials=8, sampler="random"), tmp_path / "journal.jsonl")
    simulate(conductor, curve, 2)
    knew = conductor._study._tried
    conductor._journal.close()
    assert resume(tmp_path / "journal.jsonl")._study._tried == knew
    assert any(sorted(trial.utilities) != trial.utilities for trial in knew), (
        "what an epoch counts, not the best so far"
    )
