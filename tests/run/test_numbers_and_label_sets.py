"""Searches over numbers and over sets of labels, from start to end: they learn what one answer for all cannot."""

import json
import shutil

import pytest

from ptune.artifacts.load import load_artifact
from ptune.artifacts.predict import Predictor
from ptune.data.sources import load_splits
from ptune.errors import ArtifactError
from ptune.report.findings import findings
from ptune.report.printed import as_text
from ptune.run.local import LocalRunner
from ptune.run.search import start_search
from support.closeness import near
from support.pairs_and_topics import alike, job_for


@pytest.fixture(scope="module")
def search(tiny_backbone, tmp_path_factory):
    """A function from a kind of task and a metric to the outcome of a search."""

    def start(kind, metric):
        folder = tmp_path_factory.mktemp(kind)
        return start_search(job_for(kind, str(tiny_backbone("bert")), folder, metric), "", folder, LocalRunner())

    return start


@pytest.fixture(scope="module")
def searched(search):
    return search("regression", "spearman")


@pytest.fixture(scope="module")
def labelled(search):
    return search("multilabel", "micro_f1")


def test_it_ranks_pairs_where_the_mean_ranks_none(searched):
    best, test = searched.history.best, searched.history.ended.test
    assert best.best_value > 0.8
    assert test["spearman"] > 0.8
    assert best.best_report["mse"] < 0.5 * best.best_report["majority_baseline"]
    assert searched.history.objective.direction == "maximize"
    assert best.best_report["constant_prediction"] == 0.0


def test_its_artifact_answers_with_numbers(searched):
    predictor = Predictor.load(searched.folder / "artifact")
    rows = alike(20, 9)
    answers = predictor.predict([(row["sentence1"], row["sentence2"]) for row in rows])
    assert all(answer.keys() == {"value"} and isinstance(answer["value"], float) for answer in answers)
    kept = [answer["value"] for answer, row in zip(answers, rows, strict=True) if row["score"] > 4]
    lost = [answer["value"] for answer, row in zip(answers, rows, strict=True) if row["score"] < 1]
    assert min(kept) > max(lost)
    assert predictor.labels() == []


def test_its_report_and_card_name_the_mean(searched):
    report = findings(searched.history, {}, [], "complete")
    assert (report.majority_metric, report.majority_answer) == ("mse", "the mean")
    text = as_text(report, searched.history)
    assert f"always the mean: mse {report.majority_baseline:.4f} on dev" in text
    assert "best spearman on dev 0." in text
    card = (searched.folder / "artifact" / "README.md").read_text(encoding="utf-8")
    assert "The mean alone scores" in card
    assert "| test | pearson |" in card


def test_sets_of_labels_are_found_better_than_by_the_commonest_label(labelled):
    best, test = labelled.history.best.best_report, labelled.history.ended.test
    assert best["micro_f1"] > best["majority_baseline"] + 0.3
    assert test["micro_f1"] > test["majority_baseline"] + 0.2
    report = findings(labelled.history, {}, [], "complete")
    assert f"always the commonest label: micro_f1 {report.majority_baseline:.4f}" in as_text(report, labelled.history)
    assert report.standard_error is None


def test_an_artifact_keeps_the_thresholds_that_dev_decided(labelled, tmp_path):
    predictor = Predictor.load(labelled.folder / "artifact")
    (own,) = predictor.artifact.manifest.sets
    assert len(own.thresholds) == len(own.labels) == 3
    dev = load_splits(labelled.history.job.task.data, labelled.history.job.seed).dev
    again = predictor.measure([dev])
    assert again == near({name: labelled.history.best.best_report[name] for name in again})
    for answer in predictor.predict([text for (text,) in dev.texts]):
        shares = zip(own.labels, answer["probabilities"].values(), own.thresholds, strict=True)
        assert answer["labels"] == [label for label, share, least in shares if share >= least]
    shutil.copytree(labelled.folder / "artifact", tmp_path / "copy")
    path = tmp_path / "copy" / "artifact.json"
    (tmp_path / "copy" / "SHA256SUMS").unlink()
    content = json.loads(path.read_text(encoding="utf-8"))
    content["sets"][0]["thresholds"] = [0.5]
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ArtifactError, match="has 3 labels, and a threshold for 1"):
        load_artifact(tmp_path / "copy")
