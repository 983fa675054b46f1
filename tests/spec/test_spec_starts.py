"""Prompts that start from the task's own words need a task that has words."""

import pytest

from ptune.errors import SpecError
from ptune.spec.configuration import complete
from ptune.spec.job import Job
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
