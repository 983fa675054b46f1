"""Searches as ptune 0.1.0 wrote them: read, reported, resumed and used."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from ptune.artifacts.inspection import inspect
from ptune.artifacts.load import load_artifact
from ptune.artifacts.predict import Predictor
from ptune.cli.main import run
from ptune.record.events import decode, encode
from ptune.record.history import FINAL, History
from ptune.record.journal import JOURNAL, read
from ptune.report.write_files import publish
from ptune.run.local import LocalRunner
from ptune.run.search import resume_search
from ptune.run.tracker import NoTracker
from ptune.searching.importance import importances
from ptune.spec.job import Job
from ptune.spec.strict import RECORDED

FIXTURES = Path(__file__).parents[1] / "fixtures"
SEARCHES = ("finished", "interrupted", "played", "played-confirm")
TEXTS = ["She writes novels.", "He reads the paper."]


@pytest.fixture
def runs(tmp_path):
    return Path(shutil.copytree(FIXTURES, tmp_path / "runs"))


def json_content(path):
    return json.loads(path.read_text(encoding="utf-8"))


def csv_rows(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def holding(after, before):
    """Whether one content holds all of another; objects may have gained keys."""
    if isinstance(before, dict):
        return before.keys() <= after.keys() and all(holding(after[key], value) for key, value in before.items())
    if isinstance(before, list):
        return len(after) == len(before) and all(map(holding, after, before))
    return after == before


def resumed(name, runs):
    def untracked(_job, folder, _announce):
        return NoTracker(folder.name)

    return resume_search(name, runs, LocalRunner(), track=untracked, changed_libraries=True)


@pytest.mark.parametrize("name", SEARCHES)
def test_every_line_is_an_event_that_is_written_as_it_was(name):
    """Of the header all but the job, which may have gained settings."""
    first, *lines = (FIXTURES / name / JOURNAL).read_bytes().splitlines(keepends=True)
    before, after = json.loads(first), json.loads(encode(decode(first)))
    assert list(before) == list(after)
    job = Job.model_validate(before.pop("job"), context=RECORDED)
    assert job == Job.model_validate(after.pop("job"))
    assert {data.limit_by for data in job.task.sets if data.limit_dev} <= {"first"}, "as its search took them"
    assert before == after
    assert [encode(decode(line)) for line in lines] == lines


@pytest.mark.parametrize("name", ["finished", "played", "played-confirm"])
def test_reports_and_leaderboards_are_what_they_were(runs, name):
    """Of a real search; of one with repetitions, failures, published numbers and a confirmation; and of that."""
    history = History.of(read(runs / name / JOURNAL))
    publish(runs / name, history, importances(history))
    for path in (FIXTURES / name).glob("leaderboard.*"):
        content = csv_rows if path.suffix == ".csv" else json_content
        assert holding(content(runs / name / path.name), content(path))
    before, after = (json_content(folder / name / "report.json") for folder in (FIXTURES, runs))
    assert after.pop("importances") == pytest.approx(before.pop("importances"))
    assert holding(after, before)


def test_an_interrupted_search_is_resumed_to_its_end(runs):
    before = History.of(read(runs / "interrupted" / JOURNAL))
    outcome = resumed("interrupted", runs)
    assert (before.status, outcome.status) == ("interrupted", "complete")
    assert {trial.status for trial in outcome.history.trials.values()} <= FINAL
    for number, trial in before.trials.items():
        assert outcome.history.trials[number].reports[: trial.epoch] == trial.reports
    assert "complete" in {trial.status for trial in outcome.history.trials.values()}
    assert len(Predictor.load(outcome.folder / "artifact").predict(TEXTS)) == len(TEXTS)


def test_a_finished_search_is_concluded_again(runs):
    before = json.loads((runs / "finished" / "artifact" / "artifact.json").read_text("utf-8"))
    outcome = resumed("finished", runs)
    after = json.loads((runs / "finished" / "artifact" / "artifact.json").read_text("utf-8"))
    assert outcome.best.number == before["trial"] == after["trial"]
    assert after["scores"]["dev"] == before["scores"]["dev"]
    assert after["scores"]["test"]["loss"] == pytest.approx(before["scores"]["test"]["loss"], rel=1e-3)


def test_an_artifact_predicts(runs):
    predictor = Predictor.load(runs / "finished" / "artifact")
    labels = {answer["label"] for answer in predictor.predict(TEXTS)}
    assert labels <= set(predictor.artifact.manifest.sets[0].labels)


def test_an_artifact_is_converted_into_todays_layout(runs, tmp_path, capsys):
    old, new = runs / "finished" / "artifact", tmp_path / "converted"
    assert run(["export", str(old), "--to", str(new)]) == 0, capsys.readouterr().err
    before, after = load_artifact(old), load_artifact(new)
    assert after.manifest == before.manifest
    assert after.tensors.keys() == before.tensors.keys()
    assert all(after.tensors[name].equal(tensor) for name, tensor in before.tensors.items())
    assert {path.name for path in new.iterdir()} == {path.name for path in old.iterdir()} | {"README.md", "SHA256SUMS"}
    assert (inspect(old).checksums, inspect(new).checksums) == (False, True)
    described = json_content(old / "artifact.json")
    (old / "artifact.json").write_text(json.dumps(described | {"format": "ptune-artifact-0"}))
    assert run(["export", str(old), "--to", str(new)]) == 2
    assert "has the format 'ptune-artifact-0', written by ptune 0.1.0; this version of ptune" in capsys.readouterr().err
    assert load_artifact(new).manifest == before.manifest
