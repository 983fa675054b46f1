"""Prompts that start from the task's own words need a task that has words."""

import pytest

from ptune.errors import SpecError
from ptune.spec.configuration import complete
from ptune.spec.job import Job
from ptune.spec.starts import fits_into
from ptune.spec.trial import TrialSpec
from support.refusals import refused_fields
from support.task_tables import PLAIN_TASKS

UNLABELLED = ("regression", "span", "choice", "entity", "infill", "generation", "cloze")


def job(kind: str, description: str | None = None, init: object = "text") -> Job:
    task = {**PLAIN_TASKS[kind], "description": description}
    content = {"name": "a", "backbone": {"id": "b"}, "task": task, "budget": {"trials": 1, "epochs": 1}}
    return Job.model_validate({**content, "space": {"parameters": {"init": {"value": init}}}})


@pytest.mark.parametrize("kind", UNLABELLED)
def test_a_task_without_labels_has_to_be_described(kind):
    [(place, law)] = refused_fields(job, kind).items()
    assert place == "space.parameters.init.0.value"
    assert "this task has neither: state task.description" in law
    assert job(kind, "Write what follows.").task.description == "Write what follows."
    with pytest.raises(SpecError, match=r"^init = \"text\" starts from the task's description"):
        complete({"init": "text"}, job(kind, init="normal"), 3)


@pytest.mark.parametrize("kind", sorted(PLAIN_TASKS.keys() - UNLABELLED))
def test_labels_are_words(kind):
    assert complete({"init": "text"}, job(kind), 3)["init"] == "text"


def test_an_empty_description_is_none():
    [place] = refused_fields(job, "classification", " ")
    assert place == "task.classification.description"


V2 = {"method": "v2", "length": 4, "layers": "2-3"}
V1 = {"method": "v1", "length": 4, "encoder": "lstm"}
V1_AFTER = {"method": "v1", "length": 6, "encoder": "embedding"}


@pytest.mark.parametrize(
    ("parent", "child", "fits"),
    [
        (V2, V2, True),
        (V2, {"method": "v2", "length": 5}, True),
        ({**V2, "encoder": "mlp"}, V2, True),
        (V2, {**V2, "encoder": "mlp"}, False),
        (V2, {**V2, "length": 3}, False),
        (V2, {"method": "v2", "length": 4, "depth": 1}, False),
        (V2, {"method": "v2", "layers": "2-3", "lengths": "6,3"}, False),
        ({"method": "v2", "layers": "2-3", "lengths": "6,3"}, {"method": "v2", "length": 6}, True),
        (V2, {**V2, "positions": "shifted"}, False),
        (V2, {**V2, "split": 1}, False),
        (V2, {**V2, "repeat": 1}, False),
        ({**V2, "backbone_lr": 1e-5}, V2, False),
        (V2, {**V2, "frozen": 1}, False),
        ({**V2, "frozen": 1, "init": "zero"}, {**V2, "frozen": 1}, False),
        (V1, V1_AFTER, True),
        (V1, {**V1_AFTER, "template": "around"}, False),
        ({**V1, "template": "around"}, {**V1_AFTER, "template": "around"}, False),
        ({**V1, "template": "around"}, {**V1_AFTER, "template": "around", "length": 4}, True),
        (V1, V2, False),
        ({"method": "head"}, {"method": "head"}, False),
    ],
)
def test_a_prompt_fits_into_one_that_is_as_long_and_as_deep(parent, child, fits):
    whole = [TrialSpec.from_config(config).to_config() for config in (parent, child)]
    assert fits_into(*whole, job("classification", init="normal").task, 3) == fits
