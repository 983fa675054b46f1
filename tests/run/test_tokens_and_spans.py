"""Whole searches over words, spans and entities: folder, journal, artifact, its scores, and answers for people."""

import json
import shutil
from functools import cache

import pytest

from ptune.artifacts import native
from ptune.artifacts.predict import Predictor
from ptune.errors import DataError
from ptune.record.history import FINAL
from ptune.record.journal import JOURNAL, read
from ptune.run.local import LocalRunner
from ptune.run.prepare import prepare
from ptune.run.search import start_search
from ptune.spec.job import Job
from ptune.tracking.location import DATABASE
from support.closeness import near
from support.words_and_spans import KINDS, asked, data_for, job_for, recorded, tagged

METRICS = {
    "tokens": {"f1", "precision", "recall", "accuracy"},
    "span": {"f1", "exact_match"},
    "entity": {"f1", "exact_match"},
}


@pytest.fixture(scope="module")
def searched(tiny_backbone, tmp_path_factory, blank_database):
    """A function from a kind to its small search: the job and the outcome."""

    @cache
    def search(kind: str):
        folder = tmp_path_factory.mktemp(kind)
        (folder / "runs").mkdir()
        shutil.copy(blank_database, folder / "runs" / DATABASE)
        job = job_for(kind, str(tiny_backbone("bert")), folder)
        return job, start_search(job, "", folder / "runs", LocalRunner())

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield search


@pytest.mark.parametrize("kind", KINDS)
def test_a_search_ends_with_an_artifact_that_scores_what_it_reported(kind, searched):
    job, outcome = searched(kind)
    assert {trial.status for trial in outcome.history.trials.values()} <= FINAL
    assert len(outcome.history.trials) == 4
    assert outcome.best.best_value > 0.0
    common = {"loss", "majority_baseline", "constant_prediction"}
    assert METRICS[kind] | common <= outcome.best.reports[0].keys()
    assert METRICS[kind] | common == outcome.conclusion.test.keys()

    artifact = native.read(outcome.folder / "artifact")
    assert artifact.manifest.scores["dev"]["f1"] == outcome.best.best_report["f1"]
    predictor = Predictor.load(outcome.folder / "artifact")
    again = predictor.measure([one.dev for one in prepare(job).splits])
    assert again["f1"] == near(outcome.best.best_report["f1"])
    header = next(iter(read(outcome.folder / JOURNAL)))
    assert header.data["dev"].rows == 18


def test_an_artifact_tags_the_words_of_a_sentence(searched):
    _, outcome = searched("tokens")
    predictor = Predictor.load(outcome.folder / "artifact")
    given = [" ".join(row["words"]) for row in tagged(18, 2)]
    answers = predictor.predict([(sentence,) for sentence in given])
    assert [answer["words"] for answer in answers] == [sentence.split() for sentence in given]
    pairs = [
        (mine, theirs)
        for answer, row in zip(answers, tagged(18, 2), strict=True)
        for mine, theirs in zip(answer["tags"], row["tags"], strict=True)
    ]
    accuracy = outcome.best.reports[outcome.best.best_epoch - 1]["accuracy"]
    assert sum(mine == theirs for mine, theirs in pairs) / len(pairs) == pytest.approx(accuracy)
    assert json.loads(json.dumps(answers)) == answers


def test_an_artifact_answers_from_the_context(searched):
    _, outcome = searched("span")
    predictor = Predictor.load(outcome.folder / "artifact")
    rows = asked(18, 2)
    answers = predictor.predict([(row["question"], row["context"]) for row in rows])
    right = sum(answer["answer"] in (row["answers"]["text"] or [""]) for answer, row in zip(answers, rows, strict=True))
    best = outcome.best.reports[outcome.best.best_epoch - 1]
    assert right / len(rows) == pytest.approx(best["exact_match"])
    assert all(answer["answer"] in row["context"] for answer, row in zip(answers, rows, strict=True))
    assert json.loads(json.dumps(answers)) == answers


def test_an_artifact_names_the_entity_that_it_has_learned_to_look_for(searched):
    _, outcome = searched("entity")
    predictor = Predictor.load(outcome.folder / "artifact")
    rows = recorded(18, 2)
    named = [[row["passage"][one["start"] : one["end"] + 1] for one in row["entities"]] for row in rows]
    answers = predictor.predict(
        [(row["passage"], row["query"], " | ".join(names)) for row, names in zip(rows, named, strict=True)]
    )
    assert [list(answer["probabilities"]) for answer in answers] == named
    right = sum(answer["answer"] == row["answers"][0]["text"] for answer, row in zip(answers, rows, strict=True))
    best = outcome.best.reports[outcome.best.best_epoch - 1]
    assert right / len(rows) == pytest.approx(best["exact_match"])
    assert best["exact_match"] > 1.4 * best["majority_baseline"]
    with pytest.raises(DataError, match="entities must name entities, separated by"):
        predictor.predict(("red", "@placeholder", "|"))


@pytest.mark.parametrize("kind", ["tokens", "span"])
def test_several_data_sets_share_a_prompt(kind, runs, tmp_path, tiny_backbone):
    content = job_for(kind, str(tiny_backbone("bert")), tmp_path, name="one").model_dump()
    content["task"]["more"] = [data_for(kind, tmp_path / "more", name="two")]
    outcome = start_search(Job.model_validate(content), "", runs, LocalRunner())
    scores = outcome.conclusion.test
    assert scores["f1"] == pytest.approx((scores["f1.one"] + scores["f1.two"]) / 2)
