"""The best of a search again, on fresh seeds; what is asked for, and a whole confirmation."""

import json
import math

import pytest

from ptune.errors import JournalError, SpecError
from ptune.record import events
from ptune.record.events import Confirms, Ended, Finished, Reported, Suggested
from ptune.record.history import History
from ptune.record.journal import Journal, read
from ptune.report.confirmation import flags
from ptune.run.confirm import confirmation, listing, result
from ptune.run.local import LocalRunner
from ptune.run.search import confirm_search, resume_search, start_search
from ptune.searching.conductor import Conductor
from ptune.searching.importance import importances
from ptune.searching.simulate import simulate
from ptune.spec.job import Job
from ptune.spec.trial import TrialSpec
from ptune.spec.varied import varied
from support.interrupting import Interrupting
from support.made_headers import header_of

CONFIRMING = Confirms("0", "before", top=1, seeds=1, splits=1, searched=[], configurations=[])


def told(job: Job, values, *, status="complete", repeats=1, **header) -> History:
    """The history of a finished search: one trial of length 2, 3, ... for each value, each repeated."""
    steps = [header_of(job, 3, id="1", **header)]
    for number, value in enumerate(value for value in values for _ in range(repeats)):
        chosen = {"method": ("v1", "v2")[number // repeats % 2], "length": 2 + number // repeats}
        config = TrialSpec.from_config({**chosen, "repeat": number % repeats}).to_config()
        scores = {"accuracy": value + 0.1 * (number % repeats), "loss": 1.0}
        steps += [
            Suggested(number, config),
            Reported(number, 1, scores, "s"),
            Finished(number, "complete"),
        ]
    return History.of([*steps, Ended(status)])


def test_the_best_configurations_are_repeated_as_they_were(job):
    history = told(job, [0.5, 0.8, 0.7])
    confirming, confirms = confirmation(history, top=2, seeds=3)
    points = confirming.space.baseline
    assert [point["length"] for point in points] == [3, 4] * 3
    assert [point["repeat"] for point in points] == [0, 0, 1, 1, 2, 2]
    assert points[0] == {**history.trials[1].config, "split": 0, "repeat": 0, "keep_epoch": 1}
    assert (confirming.budget.trials, confirming.budget.epochs, confirming.budget.stopping.type) == (6, 4, "none")
    assert (confirms.name, confirms.seeds, confirms.splits) == ("small", 3, 1)
    assert [point.dev.mean for point in confirms.configurations] == [0.8, 0.7]
    assert [point.trials for point in confirms.configurations] == [[1], [2]]


def test_repetitions_keep_the_epoch_that_was_the_best_in_the_search(job):
    """Of a configuration that was stopped they keep the last, since nobody knows how it goes on."""
    steps = [header_of(job, 3, id="1")]
    curves = {0: [0.5, 0.8, 0.8, 0.5], 1: [0.6, 0.7], 2: [0.6, 0.6, 0.6, 0.6]}
    for number, curve in curves.items():
        config = TrialSpec.from_config({"method": "v2", "length": 2 + number}).to_config()
        scores = [{"accuracy": value, "loss": 1.0} for value in curve]
        reports = [Reported(number, epoch, metrics, "s") for epoch, metrics in enumerate(scores, 1)]
        status = "complete" if len(curve) == 4 else "stopped"
        steps += [Suggested(number, config), *reports, Finished(number, status)]
    confirming, _ = confirmation(History.of([*steps, Ended("complete")]), top=3, seeds=1)
    kept = {point["length"]: point["keep_epoch"] for point in confirming.space.baseline}
    assert kept == {2: 3, 3: 4, 4: 1}


def test_a_verdict_goes_by_test_where_each_configuration_has_been_tested(job):
    _, confirms = confirmation(told(job, [0.8, 0.5]), top=2, seeds=3)
    history = told(job, [0.8, 0.5], repeats=3, confirms=confirms)
    on_dev = result(history)
    assert (on_dev.judged_on, on_dev.verdict.leader, on_dev.verdict.repetitions) == ("dev", 0, 3)
    for trial in history.trials.values():
        good = trial.config["length"] == 3
        trial.test = {"accuracy": 0.6 + 0.2 * good + 0.01 * trial.config["repeat"]}
    tested = result(history)
    assert (tested.judged_on, tested.verdict.leader, tested.verdict.winner) == ("test", 1, 1)
    assert tested.to_json()["verdict"]["winner"] == 1
    assert tested.to_json()["judged_on"] == "test"


def test_a_confirmation_draws_its_own_randomness_and_the_same_data(job):
    confirming, _ = confirmation(told(job, [0.5]), top=1, seeds=1)
    assert confirming.seed != job.seed
    assert confirming.drawing_seed == job.drawing_seed
    assert confirming.seed == confirmation(told(job, [0.7]), top=1, seeds=1)[0].seed
    assert (confirming.name, confirming.task) == ("small-confirm", job.task)


def test_repeated_trials_of_a_search_are_one_configuration(job):
    confirming, confirms = confirmation(told(job, [0.5, 0.7], repeats=2), top=1, seeds=4)
    assert (confirming.budget.trials, confirms.configurations[0].dev.n) == (4, 2)
    assert confirms.configurations[0].dev.mean == pytest.approx(0.75)


def test_few_shot_jobs_are_repeated_on_every_draw(job):
    data = {**job.task.data.model_dump(), "shots": 8, "splits": 2}
    job = Job.model_validate({**job.model_dump(), "task": {"data": data}})
    points = confirmation(told(job, [0.5]), top=1, seeds=2)[0].space.baseline
    assert [(point["split"], point["repeat"]) for point in points] == [(0, 0), (1, 0), (0, 1), (1, 1)]


def test_a_space_of_points_holds_values_that_no_file_could_state(job):
    """`depth = None` is every layer, `clip = None` no clipping; TOML has no word for either."""
    some = [{"method": "v2", "depth": depth, "clip": clip} for depth, clip in ((3, 1.0), (None, None))]
    points = [TrialSpec.from_config(one).to_config() for one in (*some, {"method": "head"})]
    space = listing(points)
    assert listing(points).model_validate(json.loads(space.model_dump_json())) == space
    assert space.resolved(3).baseline == points


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "interrupted"}, "small has not finished.*ptune resume small"),
        (
            {"confirms": CONFIRMING},
            "is a confirmation of before",
        ),
        ({"values": []}, "no trial with a result"),
    ],
)
def test_what_cannot_be_confirmed_is_refused(job, changes, message):
    values = changes.pop("values", [0.5])
    with pytest.raises((JournalError, SpecError), match=message):
        confirmation(told(job, values, **changes), top=1, seeds=1)


@pytest.mark.parametrize(("key", "value"), [("top", 0), ("top", "3"), ("seeds", -1), ("seeds", 2.5)])
def test_nothing_to_repeat_is_refused(job, key, value):
    with pytest.raises(SpecError, match=f"{key} must be a whole number from 1, got {value!r}"):
        confirmation(told(job, [0.5]), **{"top": 1, "seeds": 1, key: value})


def test_a_search_that_confirms_nothing_has_no_such_result(job):
    assert result(told(job, [0.5])) is None


def test_a_whole_confirmation(finished, runs_after):
    searched = finished.outcome
    outcome = confirm_search("small", runs_after, LocalRunner(), top=2, seeds=2)
    assert (outcome.name, outcome.status, len(outcome.history.trials)) == ("small-confirm", "complete", 4)
    assert (outcome.folder / "job.toml").read_text().startswith("# ptune confirm small --top 2 --seeds 2")
    for trial in outcome.history.trials.values():
        assert (trial.status, trial.epoch) == ("complete", 4)
        assert {"accuracy", "macro_f1", "loss"} <= trial.test.keys()
        assert trial.best_epoch == trial.config["keep_epoch"]
    assert outcome.to_json()["confirmation"]["verdict"]["repetitions"] == 2
    best = result(outcome.history).configurations[0]
    assert best.search.mean == searched.best.best_value
    assert (best.dev.n, best.test.n, best.failed) == (2, 2, 0)
    dev = [trial.best_value for trial in outcome.history.trials.values() if trial.config["repeat"] in (0, 1)]
    assert best.dev.mean in [pytest.approx((one + other) / 2) for one, other in zip(dev[:2], dev[2:], strict=True)]
    assert outcome.tracking.experiment_id == searched.tracking.experiment_id
    first, _, second, _ = [trial.reports[0]["loss"] for trial in outcome.history.trials.values()]
    assert not math.isclose(first, second, rel_tol=1e-6), "two repetitions of one configuration"


def test_trials_that_answer_alike_are_counted_throughout_and_by_data_set(job):
    """The mean over data sets is 1 only where all are; a mean above 0 is no constant trial."""
    _, confirms = confirmation(told(job, [0.5]), top=1, seeds=4)
    history = told(job, [0.5], repeats=4, confirms=confirms)
    dev = [{"": 1.0, ".a": 1.0, ".b": 1.0}, {"": 0.5, ".a": 0.0, ".b": 1.0}, {"": 0.5, ".a": 1.0}, {"": 0.0}]
    for trial, values in zip(history.trials.values(), dev, strict=True):
        trial.reports[0].update({f"constant_prediction{name}": value for name, value in values.items()})
    history.trials[2].test = {"accuracy": 0.5, "constant_prediction": 0.5, "constant_prediction.b": 1.0}
    (row,) = result(history).configurations
    assert (row.constant, row.constant_on) == (1, {"a": 1, "b": 2})
    assert flags(row) == "1 constant, 1 constant on a, 2 constant on b"


def test_a_confirmation_of_one_configuration_shows_what_was_searched(job):
    _, confirms = confirmation(told(job, [0.5, 0.8]), top=1, seeds=2)
    confirmed = result(told(job, [0.5], repeats=2, confirms=confirms))
    assert confirmed.searched == confirms.searched == varied(job.space)
    repeated = told(job, [0.5], repeats=2, confirms=confirms).header
    assert repeated.varied[: len(confirmed.searched)] == confirmed.searched


def test_a_manual_prompt_is_confirmed(job, runs, tiny_language_model):
    """Its template is the data's own, so the confirmation's points hold None in its place."""
    content = job.model_dump(mode="json")
    content["backbone"]["id"] = str(tiny_language_model("bert"))
    content["task"]["data"] |= {"template": "{text} is [MASK]", "verbalizer": {"no": "cold", "yes": "warm"}}
    content["space"] = {"parameters": {"method": {"value": "manual"}}}
    content["budget"] |= {"trials": 1, "epochs": 1}
    start_search(Job.model_validate(content), "", runs, LocalRunner())
    outcome = confirm_search("small", runs, LocalRunner(), top=1, seeds=1)
    assert outcome.history.trials[0].config["template"] is None
    assert result(outcome.history).configurations[0].test.n == 1


def test_an_interrupted_confirmation_goes_on_as_one(runs_after):
    broken = confirm_search("small", runs_after, Interrupting(), top=1, seeds=2)
    assert broken.status == "interrupted"
    assert broken.to_json()["confirmation"]["configurations"][0]["test"] is None
    resumed = resume_search("small-confirm", runs_after, LocalRunner())
    assert resumed.to_json()["confirmation"]["configurations"][0]["test"]["n"] == 2
    again = resume_search("small-confirm", runs_after, LocalRunner())
    written = read(again.folder / "journal.jsonl")
    assert [event.trial for event in written if isinstance(event, events.Tested)] == [0, 1]


def test_mlflow_shows_the_test_scores(runs_after):
    from mlflow import MlflowClient

    outcome = confirm_search("small", runs_after, LocalRunner(), top=1, seeds=1)
    client = MlflowClient(outcome.tracking.uri)
    found = client.search_runs(
        [outcome.tracking.experiment_id], f"tags.mlflow.parentRunId = '{outcome.tracking.run_id}'"
    )
    (trial,) = outcome.history.trials.values()
    assert found[0].data.metrics["test_accuracy"] == pytest.approx(trial.test["accuracy"], rel=1e-5)  # six digits


def test_a_confirmation_of_many_points_can_be_taken_up_and_weighed(job, tmp_path):
    """Values that are None pass through the sampler's study, its replay and the importances."""
    confirming, confirms = confirmation(told(job, [0.5, 0.8, 0.7, 0.6]), top=4, seeds=3)
    path = tmp_path / "journal.jsonl"
    writer = Journal(path)
    conductor = Conductor(writer, [writer.append(header_of(confirming, 3, confirms=confirms))])
    for _ in range(5):
        turn = conductor.next_turn()
        for epoch in range(1, 5):
            conductor.report(turn.trial, epoch, {"accuracy": 0.5, "loss": 1.0}, "state")
    writer.close()
    resumed = Conductor(Journal(path), read(path))
    simulate(resumed, lambda config, _: 0.5 + 0.1 * config["length"], slots=2)
    configs = [trial.config for trial in resumed.history.trials.values()]
    assert configs == confirming.space.baseline
    assert importances(resumed.history) == {}
    resumed.history.first = header_of(confirming, 3)  # as of a search that confirms nothing
    assert "length" in importances(resumed.history)
    rows = result(History.of(read(path))).configurations
    assert [row.dev.n for row in rows] == [3, 3, 3, 3]
