"""Cross-validation without training: the folds of each configuration, the best mean, and a confirmation of it."""

import statistics
from contextlib import closing

import pytest

from ptune.record.events import Ended
from ptune.record.history import History, TrialRecord
from ptune.record.journal import Journal, read
from ptune.record.requests import Add, Extend, Request
from ptune.run.confirm import confirmation
from ptune.searching.conductor import Conductor
from ptune.searching.simulate import simulate
from ptune.spec.job import Job
from ptune.tracking.metrics import best_key
from ptune.tracking.projection import Projection
from support.made_headers import header_of
from support.refusals import refused_fields

FOLDS = 3


def content(**tables):
    return {
        "name": "folded",
        "backbone": {"id": "none"},
        "task": {"data": {"source": "builtin:none", "folds": FOLDS}},
        "space": {
            "parameters": {"method": {"value": "v2"}, "length": {"low": 1, "high": 8}},
            "baseline": [{"length": 2}, {"length": 4}],
        },
        "budget": {"trials": 3, "epochs": 2, "stopping": {"type": "none"}},
        **tables,
    }


def score(config, epoch):
    """Length 2 has the best fold of all, and length 4 the better mean."""
    return {2: (0.95, 0.1, 0.1), 4: (0.7, 0.6, 0.8)}.get(config["length"], (0.3, 0.3, 0.3))[
        config["split"]
    ] - 0.1 / epoch


def searched(job, path, slots=2):
    header = header_of(job, 3)
    with closing(Journal(path)) as journal:
        conductor = Conductor(journal, [journal.append(header)])
        simulate(conductor, score, slots)
        journal.append(Ended("complete"))
    return History.of(read(path))


def test_the_best_configuration_has_the_best_mean_of_its_folds(tmp_path):
    path = tmp_path / "journal.jsonl"
    history = searched(Job.model_validate(content()), path)
    trials = history.trials.values()
    assert [trial.config["split"] for trial in trials] == [0, 1, 2] * 3
    assert [trial.config["length"] for trial in trials][:6] == [2, 2, 2, 4, 4, 4]
    assert [len(group.trials) for group in history.configurations()] == [FOLDS] * 3
    assert (history.planned, len(trials)) == (9, 9)
    best = history.best
    assert (history.ranked()[0].config["length"], best.config["length"], best.config["split"]) == (2, 4, 2)
    assert history.best_value == pytest.approx(statistics.mean([0.625, 0.525, 0.725]))
    assert history.best_result.metrics["accuracy"] == pytest.approx(history.best_value)

    projection = Projection()
    for event in read(path):
        projection.apply(event)
    parent = projection.runs[None].pending
    shown = [point.value for point in parent.points if point.key == best_key(history.objective)]
    assert shown == [pytest.approx(history.best_value)], "one fold's value is never shown as the search's"
    assert parent.tags["ptune.best_trial"] == str(best.number)


def test_a_search_killed_anywhere_goes_on_with_the_same_folds(tmp_path):
    job, path = Job.model_validate(content()), tmp_path / "journal.jsonl"
    whole = [trial.config for trial in searched(job, path, slots=1).trials.values()]
    events = list(read(path))[:-1]
    for cut in range(1, len(events), 3):
        again = tmp_path / f"{cut}.jsonl"
        with closing(Journal(again)) as journal:
            conductor = Conductor(journal, [journal.append(event) for event in events[:cut]])
            simulate(conductor, score, slots=1)
        assert [trial.config for trial in conductor.history.trials.values()] == whole


def test_a_configuration_that_lacks_a_fold_does_not_lead_those_that_have_all(tmp_path):
    path = tmp_path / "journal.jsonl"
    searched(Job.model_validate(content()), path, slots=1)
    events = list(read(path))
    lost = History.of(events)
    lost.trials[4].status = "failed"
    assert [len(found.trials) for found in lost.configurations()] == [3, 3, 2]
    assert lost.leading.config["length"] == 2
    assert lost.best.config["split"] == 0


def test_a_fold_that_was_stopped_or_trained_twice_makes_no_configuration_better(tmp_path):
    path = tmp_path / "journal.jsonl"
    searched(Job.model_validate(content()), path, slots=1)
    history = History.of(read(path))
    before = history.best_value
    best = history.best
    history.trials[9] = TrialRecord(9, best.config, history.objective, "complete", best.reports)
    assert history.best_value == before, "a clone of the best fold is no further fold"
    history.trials[3].status = "failed"
    assert history.leading.config["length"] == 2, "nor does it stand for one that failed"
    history.trials[3].status = "stopped"
    assert history.leading.config["length"] == 2


def test_a_trial_that_a_user_adds_is_one_fold_and_leads_no_whole_configuration(tmp_path):
    job = Job.model_validate(content())
    with closing(Journal(tmp_path / "journal.jsonl")) as journal:
        conductor = Conductor(journal, [journal.append(header_of(job, 3))])
        conductor.next_turn()
        for epoch in (1, 2):
            conductor.report(0, epoch, {"accuracy": 0.1, "loss": 1.0}, "state")
        conductor.answer(Request("1", Add({"method": "v2", "length": 7})))
        conductor.answer(Request("2", Extend(1)))
        simulate(conductor, lambda config, epoch: 0.9 if config["length"] == 7 else score(config, epoch), slots=2)
        history = conductor.history
    own = [trial.config for trial in history.trials.values() if not trial.added]
    assert [config["split"] for config in own] == [0, 1, 2] * 4
    assert [config["length"] for config in own[:6]] == [2, 2, 2, 4, 4, 4]
    assert history.planned == len(history.trials) == 13
    assert [len(found.trials) for found in history.configurations()] == [3, 3, 3, 3, 1]
    assert (history.ranked()[0].added, history.best.config["length"]) == (True, 4)


def test_a_confirmation_repeats_every_fold_on_each_seed(tmp_path):
    history = searched(Job.model_validate(content()), tmp_path / "first.jsonl")
    job, confirms = confirmation(history, top=1, seeds=2)
    assert (confirms.splits, confirms.seeds, job.budget.trials) == (FOLDS, 2, 2)
    again = searched(job, tmp_path / "second.jsonl")
    repeats = [(trial.config["repeat"], trial.config["split"]) for trial in again.trials.values()]
    assert repeats == [(repeat, fold) for repeat in range(2) for fold in range(FOLDS)]
    assert again.leading.spread.n == 2 * FOLDS


@pytest.mark.parametrize(
    ("place", "law", "tables"),
    [
        ("budget.stopping", "each of them trains to the horizon, got type = 'asha'", {"budget": {"stopping": {}}}),
        ("budget.patience", "only trials limits a search", {"budget": {"patience": 3}}),
        ("space.parameters.split", "leave split out of the space", {"space": {"split": {"value": 1}}}),
        ("task.data", "leave out dev, limit_dev and shots, got shots = 4", {"data": {"shots": 4}}),
        ("task.data", "got dev = 'validation'", {"data": {"dev": "validation"}}),
        ("export.refit", "task.data.folds is not stated", {"data": {"folds": None}, "export": {"refit": True}}),
        ("task.data.folds", "greater than or equal to 2", {"data": {"folds": 1}}),
    ],
)
def test_what_cannot_stand_beside_folds_is_refused(place, law, tables):
    given = content(export=tables.get("export", {}))
    given["task"]["data"] |= tables.get("data", {})
    given["budget"] |= tables.get("budget", {})
    given["space"]["parameters"] |= tables.get("space", {})
    refusals = refused_fields(Job.model_validate, given)
    found = {key.replace("classification.", ""): told for key, told in refusals.items()}
    assert law in found[place], refusals
