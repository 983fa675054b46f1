"""Whether a job goes on with the search of another one."""

import pytest

from ptune.spec.same import differences, identity
from support.small_jobs import small_job


@pytest.fixture
def job(tiny_backbone, tmp_path):
    return small_job(tmp_path / "data", tiny_backbone("bert"))


def changed(job, table, **values):
    content = job.model_dump(mode="json")
    content[table] |= values
    return type(job).model_validate(content)


def test_where_a_search_runs_and_is_shown_may_change(job):
    assert differences(job, changed(job, "resources", slots=7)) == []
    assert differences(job, changed(job, "tracking", type="none")) == []
    assert differences(job, job.model_copy(update={"name": "other"})) == []


def test_the_same_files_may_lie_elsewhere(job):
    moved = job.model_dump(mode="json")
    for split in ("train", "dev"):
        moved["task"]["data"][split] = f"/elsewhere/{moved['task']['data'][split].rpartition('/')[2]}"
    assert differences(job, type(job).model_validate(moved)) == []
    moved["task"]["data"]["train"] = "/elsewhere/other.tsv"
    (found,) = differences(job, type(job).model_validate(moved))
    assert found.startswith("task.data.train is '")


def test_what_decides_the_numbers_may_not_change(job):
    (found,) = differences(job, changed(job, "budget", trials=job.budget.trials + 1))
    assert found == f"budget.trials is {job.budget.trials} in the kept job and {job.budget.trials + 1} in this one"
    space = job.model_dump(mode="json")["space"]
    space["parameters"]["lr"] = [{"low": 0.5, "high": 0.6}]
    assert any(place.startswith("space.parameters.lr") for place in differences(job, changed(job, "space", **space)))


def test_a_grid_that_is_not_counted_yet_is_the_same_grid(job):
    counted = changed(job, "budget", trials=12)
    grid = counted.model_copy(update={"budget": counted.budget.model_copy(update={"trials": None})})
    assert differences(counted, grid) == []


def test_parts_of_an_epoch_may_be_written_otherwise(job):
    quarter, same, half = (changed(job, "budget", report_every=f"{part} epochs") for part in ("0.25", "1/4", "1/2"))
    assert differences(quarter, same) == []
    assert identity(quarter) == identity(same) != identity(half)
    assert differences(changed(job, "budget", report_every="1 epoch"), job) == []
    assert "budget.report_every is '1/2 epochs' in the kept job and None in this one" in differences(half, job)


def test_a_first_rung_that_is_stated_is_the_same_as_one_that_suits_the_horizon(job):
    unstated = changed(job, "budget", epochs=9, stopping={"type": "asha"})
    stated, other = (changed(unstated, "budget", stopping={"type": "asha", "grace": grace}) for grace in (2, 1))
    assert differences(stated, unstated) == []
    assert identity(stated) == identity(unstated) != identity(other)
    assert differences(other, unstated) == ["budget.stopping.grace is 1 in the kept job and 2 in this one"]
    hyperband = changed(unstated, "budget", stopping={"type": "hyperband"})
    assert differences(changed(hyperband, "budget", stopping={"type": "hyperband", "grace": 1}), hyperband) == []


def test_rungs_by_the_root_of_eta_apart_are_the_same_stated_or_not(job):
    unstated = changed(job, "budget", epochs=9, stopping={"type": "asha", "eta": 4})
    stated, wider = (
        changed(job, "budget", epochs=9, stopping={"type": "asha", "eta": 4, "spacing": spacing}) for spacing in (2, 4)
    )
    assert differences(stated, unstated) == []
    assert identity(stated) == identity(unstated) != identity(wider)
    assert differences(wider, unstated) == ["budget.stopping.spacing is 4.0 in the kept job and 2.0 in this one"]


def test_steps_are_the_same_once_they_are_counted(job):
    steps = changed(job, "budget", epochs=9, report_every="500 steps", stopping={"type": "asha"})
    counted = steps.budget.model_copy(update={"report_every": "1/4 epochs (500 steps)"})
    kept = steps.model_copy(update={"budget": counted.settled()})
    assert kept.budget.stopping.grace == 4, "the root of half of 36 reports"
    assert differences(kept, steps) == []
    (found,) = [
        text for text in differences(kept, changed(steps, "budget", report_every="300 steps")) if "every" in text
    ]
    assert found == "budget.report_every is '500 steps' in the kept job and '300 steps' in this one"
