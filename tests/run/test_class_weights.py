"""A search whose labels do not count alike, from the job to the card of what it exports."""

from ptune.artifacts.native import read
from ptune.report.comparison import protocol_notes
from ptune.run.local import LocalRunner
from ptune.run.search import start_search
from support.small_jobs import small_job


def test_a_search_records_how_labels_counted(tiny_backbone, tmp_path, runs):
    job = small_job(tmp_path / "data", tiny_backbone("bert"))
    content = job.model_dump()
    content["task"]["data"]["class_weights"] = {"yes": 2.5}
    content["space"] = {
        "parameters": {
            "method": {"value": "v2"},
            "label_smoothing": {"choices": [0.1, 0.2]},
            "batch_size": {"value": 8},
        }
    }
    content["budget"] = {"sampler": "grid", "epochs": 1, "stopping": {"type": "none"}}
    outcome = start_search(type(job).model_validate(content), "", runs, LocalRunner())
    best = outcome.history.best
    assert {trial.config["label_smoothing"] for trial in outcome.history.trials.values()} == {0.1, 0.2}
    training = read(outcome.folder / "artifact").manifest.training
    assert training.label_smoothing == best.config["label_smoothing"]
    (weights,) = training.class_weights.values()
    assert weights == {"no": 1.0, "yes": 2.5}
    card = (outcome.folder / "artifact" / "README.md").read_text()
    assert f"Labels were smoothed by {training.label_smoothing:g}." in card
    assert "the labels counted `no` 1, `yes` 2.5." in card
    assert any("class_weights = {'yes': 2.5}" in note for note in protocol_notes(outcome.history, [], "complete"))
