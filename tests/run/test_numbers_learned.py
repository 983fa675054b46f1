"""A search over numbers from start to end: it learns what a mean predictor cannot, and every surface says so."""

import pytest

from ptune.artifacts.predict import Predictor
from ptune.report.findings import findings
from ptune.report.printed import as_text
from ptune.run.local import LocalRunner
from ptune.run.search import start_search
from support.pairs_and_topics import alike, job_for


@pytest.fixture(scope="module")
def searched(tiny_backbone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("numbers")
    return start_search(
        job_for("regression", str(tiny_backbone("bert")), folder, "spearman"), "", folder, LocalRunner()
    )


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
