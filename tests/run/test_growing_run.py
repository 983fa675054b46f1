"""A whole search whose dev split grows with the rungs: what is trained, kept, confirmed, shown, and gone on with."""

import json

import pytest
import torch

from ptune.api.export import find_artifact
from ptune.artifacts.load import load_artifact
from ptune.engine.state import previous, saved_epochs
from ptune.engine.state import read as read_state
from ptune.record.dev_part import DEV_EXAMPLES
from ptune.record.history import History
from ptune.record.journal import read
from ptune.report.findings import of_folder
from ptune.report.leaderboard import as_json
from ptune.report.page import page
from ptune.report.printed import as_text
from ptune.run.local import LocalRunner
from ptune.run.search import confirm_search, resume_search, start_search
from support.interrupting import Interrupting
from support.small_jobs import small_job


@pytest.fixture
def job(tiny_backbone, tmp_path, monkeypatch):
    """Six trials of four epochs, scored on 8, 15 and 30 examples."""
    monkeypatch.setattr("ptune.spec.growing.LEAST", 5)
    return small_job(
        tmp_path / "data", tiny_backbone("bert"), dev_grows=True, stopping={"type": "asha", "eta": 2, "spacing": 2}
    )


def told(history: History) -> list:
    timed = {"seconds", "peak_memory_mb"}
    return [
        (trial.config, trial.status, [{key: one[key] for key in one.keys() - timed} for one in trial.reports])
        for trial in history.trials.values()
    ]


def test_reports_say_what_they_are_scored_on_and_the_best_is_on_all_of_dev(job, runs, caplog):
    outcome = start_search(job, "", runs, LocalRunner())
    history = outcome.history
    for trial in history.trials.values():
        assert [report.get(DEV_EXAMPLES) for report in trial.reports] == [8.0, 15.0, None, None][: trial.epoch]
    assert (history.best.dev_examples, history.best.epoch) == (None, 4)
    manifest = load_artifact(outcome.folder / "artifact").manifest
    assert manifest.training.examples["dev"] == 30
    assert DEV_EXAMPLES not in manifest.scores["dev"]
    assert manifest.scores["dev"]["accuracy"] == history.best.best_report["accuracy"]

    partly = [trial for trial in history.ranked() if trial.dev_examples is not None]
    report = of_folder(outcome.folder, history, running=False)
    assert partly, "early stopping leaves some behind"
    assert sum("8 of dev" in text or "15 of dev" in text for text in as_text(report, history, 160).splitlines()) > 1
    content = json.loads(as_json(history))["trials"]
    assert [row.get(DEV_EXAMPLES) for row in content] == [trial.dev_examples or None for trial in history.ranked()]
    note = "first scored on a part of dev (budget.dev_grows): 8 examples up to epoch 1, 15 examples up to epoch 2"
    assert any(note in text for text in report.notes)
    html = page(report, history)
    assert html.count("of dev)") >= len(partly)
    assert "Early epochs are scored on a part of dev." in html

    artifact = find_artifact(outcome.folder, history, partly[0].number).manifest
    assert artifact.training.examples["dev"] == partly[0].dev_examples, "an exported prompt says so, too"

    confirmed = confirm_search(outcome.name, runs, LocalRunner(), top=6, seeds=1).history
    whole = len(history.ranked()) - len(partly)
    assert f"{whole} of 6 configurations are repeated: small has scored the others on less of dev" in caplog.text
    assert len(confirmed.trials) == whole, "only what was scored on all of dev is confirmed"
    assert {DEV_EXAMPLES in report for trial in confirmed.trials.values() for report in trial.reports} == {False}


def test_an_interrupted_search_exports_the_prompt_whose_score_it_states(job, runs):
    """The search ends between saving a state and writing its report, which is the first on more of dev."""
    one_slot = job.model_copy(update={"resources": job.resources.model_copy(update={"slots": 1})})
    cuts = (interrupted(one_slot, runs, after) for after in range(1, 9))
    cut, trial = next((cut, trial) for cut in cuts for trial in ahead(cut) if trial.epoch in (1, 2))
    state = cut.folder / trial.state
    newest, before = state.read_bytes(), read_state(previous(state))
    exported = find_artifact(cut.folder, cut.history, trial.number)
    assert exported.manifest.scores["dev"]["accuracy"] == trial.best_value
    assert all(torch.equal(exported.tensors[name], tensor) for name, tensor in before.best.items())

    previous(state).unlink()
    again = find_artifact(cut.folder, cut.history, trial.number)
    for name, tensor in before.best.items():
        assert (again.tensors[name] - tensor).abs().max() < 1e-5, "it is trained again as far as the journal knows it"
    assert state.read_bytes() == newest, "with the later state the trial goes on"
    assert resume_search(cut.name, runs, LocalRunner()).status == "complete"


def interrupted(job, runs, after):
    """A search that ends at a report, after some others."""
    return start_search(job.model_copy(update={"name": f"cut-{after}"}), "", runs, Interrupting(after))


def ahead(outcome):
    """The trials whose state holds more reports than the journal."""
    told = [trial for trial in outcome.history.trials.values() if trial.reports]
    return [trial for trial in told if saved_epochs(outcome.folder / trial.state) > trial.epoch]


def test_a_search_that_was_interrupted_says_the_same(job, runs):
    one_slot = job.model_copy(update={"resources": job.resources.model_copy(update={"slots": 1})})
    unbroken = start_search(one_slot, "", runs, LocalRunner())
    broken = one_slot.model_copy(update={"name": "broken"})
    cut = start_search(broken, "", runs, Interrupting(after=7))
    assert (cut.status, sum(trial.epoch for trial in cut.history.trials.values())) == ("interrupted", 7)
    resumed = resume_search("broken", runs, LocalRunner())
    assert told(resumed.history) == told(unbroken.history)
    assert told(History.of(read(resumed.folder / "journal.jsonl"))) == told(unbroken.history)
