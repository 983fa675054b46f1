"""Real facts and real choices from job to artifact, in miniature."""

import json
import math
from pathlib import Path

import pytest

from ptune.artifacts.predict import Predictor
from ptune.errors import DataError, SpecError
from ptune.run.local import LocalRunner
from ptune.run.prepare import prepare
from ptune.run.search import Outcome, start_search
from ptune.spec.job import Job
from support.word_tasks import make_word_model

TEMPLATES = {"P36": "The capital of {sub_label} is [MASK] .", "P1376": "{sub_label} is the capital of [MASK] ."}
QUESTIONS = {"question": {"cause": "because", "effect": "so"}}
SHOWN = "{choice1} or {choice2} ? {premise} {question} {choice} ."
FLAT = "{premise} {question} [SEP] {choice}"


@pytest.fixture
def facts(shared_data, tmp_path):
    """Data of two relations, and a tiny language model that knows their words but those that begin with A."""
    folder = shared_data / "pararel" / "facts"
    rows = [json.loads(line) for name in TEMPLATES for line in (folder / f"{name}.jsonl").open(encoding="utf-8")]
    words = {word for row in rows for word in (*row["sub_label"].split(), row["obj_label"]) if word > "B"}
    backbone = make_word_model(tmp_path / "model", [*["The", "the", "capital", "of", "is", "."], *sorted(words)])
    files = str(folder / "{relation}.jsonl")
    parts = {"train": f"{files}[:60%]", "dev": f"{files}[60%:80%]", "test": f"{files}[80%:]"}
    vocabulary = tmp_path / "vocabulary.txt"
    vocabulary.write_text("\n".join(sorted({row["obj_label"] for row in rows})), encoding="utf-8")
    answers = {"relations": list(TEMPLATES), "templates": TEMPLATES, "vocabulary": str(vocabulary)}
    return str(backbone), {**parts, **answers, "max_length": 24}


def search(runs: Path, backbone: str, task: dict, parameters: dict, trials: int = 2) -> Outcome:
    return start_search(made_job(backbone, task, parameters, trials), "", runs, LocalRunner())


def made_job(backbone: str, task: dict, parameters: dict, trials: int = 2) -> Job:
    return Job.model_validate(
        {
            "name": "small",
            "seed": 3,
            "backbone": {"id": backbone},
            "task": task,
            "space": {"parameters": parameters},
            "budget": {"trials": trials, "epochs": 1, "stopping": {"type": "none"}},
            "resources": {"slots": 2, "device": "cpu"},
        }
    )


def test_pararel_runs_with_a_prompt_for_each_relation(facts, runs):
    backbone, data = facts
    parameters = {
        "method": {"choices": ["v1", "v2"]},
        "length": {"value": 4},
        "template": {"value": "around", "when": {"method": "v1"}},
        "lr": {"value": 0.01},
    }
    outcome = search(runs, backbone, {"kind": "cloze", "data": data}, parameters)
    assert {trial.status for trial in outcome.history.trials.values()} == {"complete"}
    report = outcome.best.reports[0]
    assert report["p_at_1"] == (report["p_at_1.P36"] + report["p_at_1.P1376"]) / 2
    assert report["dropped.P36"] > 0
    assert set(outcome.conclusion.test) >= {"p_at_1", "mrr", "p_at_1.P1376"}

    predictor = Predictor.load(outcome.folder / "artifact")
    manifest = predictor.artifact.manifest
    assert [one.name for one in manifest.sets] == list(TEMPLATES)
    assert manifest.task.data.vocabulary == "vocabulary.txt", "an artifact names files, not the folders they were in"
    (answer,) = predictor.predict([("France",)], data_set="P36")
    assert answer["object"] in manifest.sets[0].labels
    assert sorted(name for name in predictor.artifact.tensors if name.startswith("prompt")) == ["prompt.0", "prompt.1"]


def test_a_manual_prompt_is_scored_as_it_is(facts, runs):
    backbone, data = facts
    outcome = search(runs, backbone, {"kind": "cloze", "data": data}, {"method": {"value": "manual"}}, trials=1)
    assert outcome.best.reports[0]["trainable_parameters"] == 0
    assert math.isfinite(outcome.best.reports[0]["mrr"])


def test_what_no_trial_could_do_is_refused_before_anything_starts(facts, tmp_path):
    backbone, data = facts
    manual = {"method": {"value": "manual"}}
    unknown = {**data, "relations": ["P99999"], "templates": {"P99999": "{sub_label} [MASK]"}}
    with pytest.raises(DataError, match=r"P99999\.jsonl: there is no such file"):
        prepare(made_job(backbone, {"kind": "cloze", "data": unknown}, manual))
    (tmp_path / "words.txt").write_text("New York\nSan Marino\n", encoding="utf-8")
    wordless = {**data, "vocabulary": str(tmp_path / "words.txt")}
    with pytest.raises(SpecError, match=r"P36: no word of the vocabulary is a single token .*'New York' is 2 tokens"):
        prepare(made_job(backbone, {"kind": "cloze", "data": wordless}, manual))


def test_a_choice_without_a_place_for_its_candidate_is_refused_before_anything_starts(facts, shared_data):
    path = str(shared_data / "copa" / "dev.jsonl")
    data = {"train": path, "dev": path, "template": "{premise} {question} [MASK] {choice}", "max_length": 64}
    task = {"kind": "choice", "head": "verbalizer", "data": data}
    with pytest.raises(SpecError, match=r"holds \{choice\} where .* and no \[MASK\]"):
        prepare(made_job(facts[0], task, {"method": {"value": "v2"}}))


def test_copa_runs_on_a_real_encoder_with_a_trained_head(shared_data, runs):
    folder = shared_data / "copa"
    files = {"train": str(folder / "train.jsonl"), "dev": str(folder / "dev.jsonl"), "test": str(folder / "dev.jsonl")}
    limits = {"limit_train": 40, "limit_dev": 20, "limit_test": 20, "limit_by": "first", "max_length": 64}
    data = {**files, **limits, "replace": QUESTIONS, "template": FLAT}
    parameters = {"method": {"value": "v2"}, "length": {"value": 4}, "batch_size": {"value": 8}}
    outcome = search(runs, "packaged:minilm", {"kind": "choice", "data": data}, parameters, trials=1)
    report = outcome.best.reports[0]
    assert 0.0 <= report["accuracy"] <= 1.0
    assert report["majority_baseline"] >= 0.5
    assert outcome.conclusion.test["accuracy"] == report["accuracy"]
    (answer,) = Predictor.load(outcome.folder / "artifact").predict(
        [("It rained.", "so", "It was wet.", "It was dry.")]
    )
    assert answer["text"] in ("It was wet.", "It was dry.")


@pytest.mark.parametrize("loss", ["hinge", "softmax"])
def test_the_few_shot_copa_of_the_first_paper_runs_with_candidates_at_masks(loss, shared_data, runs, tmp_path):
    folder = shared_data / "fewglue32" / "COPA"
    rows = [json.loads(line) for name in ("train", "dev32") for line in (folder / f"{name}.jsonl").open()]
    words = {
        word
        for row in rows
        for name in ("premise", "choice1", "choice2")
        for word in row[name].replace(".", " .").split()
    }
    data = {
        "train": str(folder / "train.jsonl"),
        "dev": str(folder / "dev32.jsonl"),
        "test": str(folder / "dev32.jsonl"),
        "text": ["choice1", "choice2", "premise", "question"],
        "replace": QUESTIONS,
        "template": SHOWN,
        "max_length": 80,
    }
    parameters = {
        "method": {"value": "v1"},
        "length": {"value": 1},
        "template": {"value": SHOWN.replace("{choice} .", "[P] {choice} .")},
        "batch_size": {"value": 16},
    }
    backbone = make_word_model(tmp_path / "model", ["or", "?", "because", "so", *sorted(words)])
    task = {"kind": "choice", "head": "verbalizer", "loss": loss, "data": data}
    outcome = search(runs, str(backbone), task, parameters, trials=1)
    report = outcome.best.reports[0]
    assert report["trainable_parameters"] > 0
    assert outcome.conclusion.test["accuracy"] == report["accuracy"]
    predictor = Predictor.load(outcome.folder / "artifact")
    assert predictor.inputs() == ["choice1", "choice2", "premise", "question"]
