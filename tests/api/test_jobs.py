"""A job from a path, a dictionary or a `Job`, with settings in Python's values."""

from pathlib import Path

import numpy as np
import pytest

import ptune
from ptune.api.jobs import overrides_of, read_job
from ptune.spec.job import Job
from ptune.spec.load import load_job
from support.repository import ROOT

QUICKSTART = ROOT / "jobs" / "quickstart.toml"
TABLES = {
    "name": "small",
    "backbone": {"id": "packaged:minilm"},
    "task": {"data": {"train": Path("train.csv"), "dev": "dev.csv", "text": ("text",)}},
    "space": {"parameters": {"method": {"value": "v2"}, "lr": {"low": 1e-3, "high": np.float64(0.1), "log": True}}},
    "budget": {"trials": np.int64(2), "epochs": 1},
}


@pytest.fixture(autouse=True)
def _data_beside(tmp_path, monkeypatch):
    """The data that the tables name, in the working directory."""
    for name in ("train.csv", "dev.csv"):
        (tmp_path / name).write_text("text,label\na,no\nb,yes\n")
    monkeypatch.chdir(tmp_path)


def test_a_path_a_dictionary_and_a_job_are_the_same_job():
    job, text = read_job(QUICKSTART)
    assert (job, text) == (load_job(QUICKSTART), QUICKSTART.read_text(encoding="utf-8"))
    assert read_job(str(QUICKSTART))[0] == job
    assert read_job(job)[0] == job
    assert read_job(job.model_dump())[0] == job


def test_files_in_a_dictionary_are_relative_to_the_working_directory(tmp_path):
    job, _ = read_job(TABLES)
    assert job.task.data.train == str(tmp_path / "train.csv")
    assert job.space.parameters["lr"][0].high == 0.1


def test_a_dictionary_is_left_as_it_is():
    before = repr(TABLES)
    read_job(TABLES, ["budget.trials=3"])
    assert repr(TABLES) == before


def test_a_dictionary_may_name_a_space_file_and_extend_a_job(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    data = {name: tmp_path / f"{name}.csv" for name in ("train", "dev")}
    tables = {**TABLES, "task": {"data": data}, "space": "search_spaces/quickstart.toml"}
    assert read_job(tables)[0].space == load_job(QUICKSTART).space
    assert read_job({"extends": "jobs/quickstart.toml", "seed": 8})[0].seed == 8


def test_the_text_that_a_search_keeps_is_the_job_whatever_it_was_given_as(tmp_path):
    overrides = overrides_of({"budget.trials": 3})
    for source in (TABLES, Job.model_validate(read_job(TABLES)[0].model_dump())):
        job, text = read_job(source, overrides)
        (tmp_path / "job.toml").write_text(text, encoding="utf-8")
        assert job.budget.trials == 3
        assert load_job(tmp_path / "job.toml") == job


def test_settings_take_the_values_of_python():
    settings = {
        "seed": np.int64(3),
        "task.data.text": ("premise", "hypothesis"),
        "budget.stopping": {"type": "none"},
        "backbone.id": Path("models/mine"),
        "resources.cache_gb": 0.5,
    }
    assert overrides_of(settings, "second") == (
        "seed=3",
        'task.data.text=["premise", "hypothesis"]',
        'budget.stopping={type = "none"}',
        'backbone.id="models/mine"',
        "resources.cache_gb=0.5",
        'name="second"',
    )
    job, _ = read_job(TABLES, overrides_of({"budget.stopping": {"type": "none"}, "budget.epochs": 7}))
    assert (job.budget.stopping.type, job.budget.epochs) == ("none", 7)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seed": None}, "seed: a setting needs a value, got None"),
        ({"seed": object}, "seed: a number, string, list or dictionary belongs here, got type"),
        ({"budget": {"trials": {1}}}, r"budget.trials: a number, .* got set \{1\}"),
    ],
)
def test_a_setting_that_no_job_file_could_hold_is_refused(settings, message):
    with pytest.raises(ptune.SpecError, match=message):
        overrides_of(settings)


def test_every_problem_of_a_dictionary_is_told_at_once_with_its_place():
    wrong = {**TABLES, "sede": 3, "budget": {"trials": "two", "epochs": 0}}
    with pytest.raises(ptune.SpecError) as caught:
        read_job(wrong)
    lines = sorted(str(caught.value).splitlines())
    assert [line.split(": ")[:2] for line in lines] == [
        ["job", "[budget].epochs"],
        ["job", "[budget].trials"],
        ["job", "sede"],
    ]
    assert "did you mean 'seed'?" in lines[2]


@pytest.mark.parametrize("source", [3, None, ["jobs/quickstart.toml"]])
def test_what_is_no_job_is_refused(source):
    with pytest.raises(ptune.SpecError, match="a job is a path, a dictionary or a Job, got"):
        read_job(source)
