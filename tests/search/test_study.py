import warnings

import pytest
from simulated import LAYERS, SPACE

from ptune.history import History, TrialRecord
from ptune.search.study import Study
from ptune.spec.space import Space

RESOLVED = Space(**SPACE).resolved(LAYERS)


def new_study(seed=0, sampler="tpe", space=RESOLVED):
    return Study(space, sampler, seed, trials=12)


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
    with pytest.raises(ValueError, match="closed as one of"):
        study.tell(0, "paused")


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_suggestions_depend_on_the_seed_alone(sampler):
    assert closed(new_study(1, sampler), 9) == closed(new_study(1, sampler), 9)
    assert closed(new_study(1, sampler), 9) != closed(new_study(2, sampler), 9)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("under_way", ["waiting", "running", "paused"])
def test_a_replayed_study_proposes_what_the_original_would(under_way):
    study = new_study()
    history = History(header={"job": {"task": {"metric": "accuracy"}}})
    statuses = ["complete", "stopped", "failed"] * 3 + [under_way] * 3
    for number, status in enumerate(statuses):
        chosen = study.ask(number)
        reports = [] if status == "waiting" else [{"accuracy": score(chosen)}, {"accuracy": score(chosen) - 0.1}]
        for epoch, metrics in enumerate(reports, 1):
            study.report(number, epoch, metrics["accuracy"])
        if status != under_way:
            study.tell(number, status)
        history.trials[number] = TrialRecord(number, chosen, status, reports)
    replayed = new_study()
    replayed.replay(history)
    assert replayed.states() == study.states()
    assert [replayed.ask(number) for number in (12, 13)] == [study.ask(number) for number in (12, 13)]


def near(study, low, high, count=12):
    """The share of the next `count` suggestions whose rate lies in a range."""
    first = len(study.states())
    return sum(low < study.ask(number)["lr"] < high for number in range(first, first + count)) / count


SLIM = Space(parameters={"lr": {"low": 1e-4, "high": 1.0, "log": True}})


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
