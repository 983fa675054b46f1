"""`ptune list`: what became of the searches here."""

import contextlib
import json
import time

import pytest

from ptune.api.search import open as open_search
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


@pytest.fixture
def damaged(searches, tmp_path):
    """Beside the others: searches whose journals cannot be read, by name, with what is said of each."""
    runs = tmp_path / "ptune_runs"
    whole = (runs / "done" / "journal.jsonl").read_bytes()
    contents = {
        "torn": whole.replace(b"0.75}", b"0.75", 1),
        "blank": b"",
        "refused": whole.replace(b'"epochs": 2', b'"epochs": 0', 1),
        "lost": None,
    }
    for name, content in contents.items():
        (runs / name).mkdir()
        if content is None:
            (runs / name / "job.json").write_text("{}")
        else:
            assert content != whole
            (runs / name / "journal.jsonl").write_bytes(content)
    return {
        "torn": "line 3: damaged line",
        "blank": "it has no first step",
        "refused": "line 1: event 'search': job.budget.epochs: Input should be greater than",
        "lost": "there is no journal here",
    }


def test_damaged_journals_do_not_hide_the_other_searches(ptune, damaged):
    result = ptune("list")
    assert (result.code, result.err) == (0, "")
    states = {line.split()[0]: line.split()[1] for line in result.out.splitlines()[1:] if " is " not in line}
    assert states == {"done": "complete", "died": "interrupted", "runs": "running", **dict.fromkeys(damaged, "damaged")}
    for name, reason in damaged.items():
        assert f"{name} is damaged: {reason}" in result.out


def test_damaged_journals_are_told_to_programs(ptune, damaged):
    entries = {entry["name"]: entry for entry in json.loads(ptune("list", "--json").out)["searches"]}
    assert {name for name, entry in entries.items() if entry["state"] == "damaged"} == damaged.keys()
    assert all(entries[name]["reason"].startswith(reason) for name, reason in damaged.items())
    assert entries["done"]["reason"] is None


def test_damaged_journals_do_not_keep_others_from_being_found_and_reported(ptune, damaged):
    assert ptune("report", "done", "--json").code == 0
    assert "did you mean 'done'" in ptune("report", "dne").err
    assert (open_search("done").status, open_search("done").best.number) == ("complete", 0)


def test_a_search_that_is_being_set_up_is_running(ptune, tmp_path):
    with contextlib.closing(Journal(tmp_path / "ptune_runs" / "fresh" / "journal.jsonl")):
        (entry,) = json.loads(ptune("list", "--json").out)["searches"]
    assert (entry["name"], entry["state"]) == ("fresh", "running")


def test_nothing_yet(ptune, tmp_path):
    assert f"no searches in {tmp_path}/ptune_runs" in ptune("list").out


def test_the_runs_folder_can_be_elsewhere(ptune, searches, tmp_path, monkeypatch):
    monkeypatch.setenv("PTUNE_RUNS", str(tmp_path / "ptune_runs"))
    monkeypatch.chdir("/")
    assert "done" in ptune("list").out
