"""Few-shot data: several draws and seeds in one search, then its best confirmed on all of them."""

import pytest

from ptune.run.local import LocalRunner
from ptune.run.search import confirm_search, start_search
from support.small_jobs import small_job


@pytest.fixture
def job(tiny_backbone, tmp_path):
    job = small_job(tmp_path / "data", tiny_backbone("bert"))
    data = {**job.task.data.model_dump(), "shots": 8, "splits": 2}
    space = {
        "parameters": {
            "method": {"choices": ["v2", "head"]},
            "split": {"low": 0, "high": 1},
            "repeat": {"low": 0, "high": 1},
            "batch_size": {"value": 4},
        }
    }
    budget = {"sampler": "grid", "epochs": 2, "stopping": {"type": "none"}}
    return type(job).model_validate({**job.model_dump(), "task": {"data": data}, "space": space, "budget": budget})


def test_draws_and_repeats_are_trials_of_one_configuration(job, runs):
    outcome = start_search(job, "", runs, LocalRunner())
    assert outcome.history.job.budget.trials == 8
    assert [len(group.trials) for group in outcome.history.configurations()] == [4, 4]
    first = {key(trial): trial.reports[0]["loss"] for trial in outcome.history.trials.values()}
    assert len(set(first.values())) == 8, "every draw and every seed is another beginning"

    confirmed = confirm_search(outcome.name, runs, LocalRunner(), top=1, seeds=1)
    assert [key(trial)[1:] for trial in confirmed.history.trials.values()] == [(0, 0), (1, 0)]
    (row,) = confirmed.to_json()["confirmation"]["configurations"]
    assert (row["search"]["n"], row["dev"]["n"], row["test"]["n"]) == (4, 2, 2)


def key(trial):
    return trial.config["method"], trial.config["split"], trial.config["repeat"]
