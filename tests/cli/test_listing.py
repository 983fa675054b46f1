"""`ptune list`: what became of the searches here."""

import json
import time

import pytest

from ptune.record.events import Ended, Reported, Suggested
from ptune.record.journal import Journal
from ptune.spec.load import load_job
from support.made_headers import header_of


@pytest.fixture
def searches(job, tmp_path):
    """Three searches: one complete, one whose process died, one running."""
    header = header_of(load_job(job))
    journals = {name: Journal(tmp_path / "ptune_runs" / name / "journal.jsonl") for name in ("done", "died", "runs")}
    for journal in journals.values():
        journal.append(header)
        time.sleep(0.005)  # searches are listed by when they began, to the millisecond
        journal.append(Suggested(0, {"method": "v2"}))
        journal.append(Reported(0, 1, {"accuracy": 0.75}, "x"))
    journals["done"].append(Ended("complete"))
    journals["done"].close()
    journals["died"].close()
    yield journals
    journals["runs"].close()


def test_states_and_best(ptune, searches):
    result = ptune("list")
    assert result.code == 0
    lines = [line.split() for line in result.out.splitlines()]
    assert {line[0]: line[1] for line in lines[1:]} == {"done": "complete", "died": "interrupted", "runs": "running"}
    assert lines[1][2:] == ["1", "of", "4", "0.7500", "accuracy", "(trial", "0)"]


def test_json(ptune, searches):
    content = json.loads(ptune("list", "--json").out)
    assert [entry["name"] for entry in content["searches"]] == ["done", "died", "runs"]
    assert content["searches"][0]["best"] == 0.75


def test_nothing_yet(ptune, tmp_path):
    assert f"no searches in {tmp_path}/ptune_runs" in ptune("list").out


def test_the_runs_folder_can_be_elsewhere(ptune, searches, tmp_path, monkeypatch):
    monkeypatch.setenv("PTUNE_RUNS", str(tmp_path / "ptune_runs"))
    monkeypatch.chdir("/")
    assert "done" in ptune("list").out
