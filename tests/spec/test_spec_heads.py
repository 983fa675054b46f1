"""Heads that a task does not have, and parameters of a trained head under the language head."""

import pytest

from ptune.spec.job import Job
from support.refusals import refused_fields
from support.task_tables import PLAIN_TASKS

WORDS = {"source": "builtin:films", "verbalizer": {"neg": "bad", "pos": "good"}, "template": "{text} [MASK]"}
LR = {"low": 1e-4, "high": 1e-1, "log": True}
KINDS = {
    **PLAIN_TASKS,
    "words": {"data": WORDS},
    "candidates": {"kind": "choice", "head": "verbalizer", "data": {"source": "a/b"}},
}


def job(kind, **parameters):
    content = {"name": "a", "backbone": {"id": "b"}, "task": KINDS[kind], "budget": {"trials": 1, "epochs": 1}}
    return Job.model_validate({**content, "space": {"parameters": parameters}})


def refusals(kind, **parameters):
    return refused_fields(job, kind, **parameters)


@pytest.mark.parametrize(
    ("kind", "head", "law"),
    [
        ("tokens", "verbalizer", "the head of this tokens task is 'linear', got 'verbalizer'"),
        ("span", "verbalizer", "the head of this span task is 'linear', got 'verbalizer'"),
        ("choice", "verbalizer", "got 'verbalizer'; state task.head = \"verbalizer\""),
        ("classification", "verbalizer", "a verbalizer needs its words: state task.data.verbalizer"),
        ("generation", "linear", "is 'verbalizer', got 'linear'"),
        ("cloze", "linear", "is 'verbalizer', got 'linear'"),
    ],
)
def test_a_head_that_the_task_does_not_have_is_refused(kind, head, law):
    assert law in refusals(kind, head={"value": head})["space.parameters.head.0.value"]


@pytest.mark.parametrize("kind", ["words", "candidates"])
def test_where_words_are_stated_both_heads_can_be_tried(kind):
    assert job(kind, method={"value": "manual"}, head={"choices": ["linear", "verbalizer"]}, head_lr=LR)


@pytest.mark.parametrize("kind", ["words", "cloze", "generation"])
def test_parameters_of_a_trained_head_are_refused_under_the_language_head(kind):
    stated = {"head_lr": LR, "head_weight_decay": {"value": 0.1}, "head_dropout": {"choices": [0.0, 0.1]}}
    found = refusals(kind, method={"value": "v2"}, **stated)
    assert set(found) == {f"space.parameters.{name}" for name in stated}
    assert "the language head answers in every trial: leave it out" in found["space.parameters.head_lr"]
    assert job(kind, method={"value": "v2"}, head_dropout={"value": 0.0})


def test_a_rate_is_searched_where_something_trains_at_it():
    methods = {"choices": ["manual", "v2"]}
    (law,) = refusals("words", method=methods, lr={**LR, "when": {"method": "manual"}}).values()
    assert law == ("lr trains a prompt, and method 'manual' has none; add `when = { method = [\"v2\"] }`")
    assert job("words", method=methods, lr=LR)
    assert job("classification", method=methods, lr={**LR, "when": {"method": "manual"}}), "it is the head's, too"
