"""What is refused before anything starts."""

import json
import re

import pytest
from pydantic import ValidationError

from ptune.api.jobs import read_job
from ptune.backbone.profile import read_profile
from ptune.checks import reports
from ptune.checks.configuration import space_problems
from ptune.errors import BackboneError, DataError, SpecError
from ptune.record.events import decode, encode
from ptune.run.prepare import prepare
from ptune.spec.job import Job
from ptune.spec.same import differences


def told(job: Job, folder) -> str:
    """What keeps a job's space from being searched on the backbone in a folder."""
    problems = space_problems(job.space, job.task, job.budget, read_profile(folder))
    return "\n".join(problem.text for problem in problems)


def changed(job: Job, **parts: object) -> Job:
    return Job.model_validate({**job.model_dump(), **parts})


def test_the_header_says_what_is_searched_with_what(job):
    prepared = prepare(job)
    assert prepared.layers == 3
    assert prepared.header.job == job.model_copy(update={"budget": job.budget.settled()})
    assert prepared.header.job.budget.stopping.grace == 1, "as the job would have it that leaves it out"
    assert {name: data.rows for name, data in prepared.header.data.items()} == {
        "train": 40,
        "dev": 30,
        "test": 30,
    }
    assert prepared.header.labels == ["no", "yes"]
    assert len(prepared.header.backbone.hash) == 64
    assert {"torch", "transformers", "optuna", "ray", "mlflow", "python"} <= prepared.header.versions.keys()
    assert decode(encode(prepared.header)) == prepared.header


def test_a_missing_backbone_is_named(job):
    with pytest.raises(BackboneError, match="/nowhere/model does not exist"):
        prepare(changed(job, backbone={"id": "/nowhere/model"}))


def test_missing_data_is_named(job, tmp_path):
    job = changed(job, task={"data": {**job.task.data.model_dump(), "train": str(tmp_path / "data" / "trian.tsv")}})
    with pytest.raises(DataError, match=r"trian\.tsv.*did you mean 'train\.tsv'"):
        prepare(job)


def test_a_baseline_deeper_than_the_backbone_is_refused(job, tiny_backbone):
    space = {
        "parameters": {"method": {"value": "v2"}, "depth": {"low": 1, "high": "layers"}},
        "baseline": [{"depth": 7}],
    }
    assert re.search("depth = 7 lies outside", told(changed(job, space=space), tiny_backbone("bert")))


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_a_prompt_that_pushes_the_text_past_the_last_position_is_refused(job, tiny_backbone, family):
    positions = json.loads((tiny_backbone(family) / "config.json").read_text())["max_position_embeddings"]
    usable = positions - (2 if family == "roberta" else 0)
    data = job.task.data.model_dump()
    fits, too_long = (
        {"parameters": {"method": {"value": "v2"}, "length": {"low": 1, "high": n}}} for n in (usable - 32, usable - 31)
    )
    assert told(changed(job, space=fits, task={"data": data}), tiny_backbone(family)) == ""
    assert re.search(
        rf"length \+ task\.data\.max_length <= {usable} must hold",
        told(changed(job, space=too_long, task={"data": data}), tiny_backbone(family)),
    )


def test_rotary_backbones_have_no_such_limit(job, tiny_backbone):
    long = {"parameters": {"method": {"value": "v2"}, "length": {"value": 500}}}
    assert told(changed(job, space=long), tiny_backbone("llama")) == ""


def test_a_family_that_takes_no_prompt_is_refused_by_name(job, tmp_path):
    folder = tmp_path / "bloom"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "bloom", "n_layer": 2}))
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(BackboneError, match=r"is a 'bloom' model, which cannot take a prompt here.*bert"):
        prepare(changed(job, backbone={"id": str(folder)}))


def test_texts_longer_than_the_backbone_reads_are_refused_without_a_v2_prompt_too(job, tiny_backbone):
    head_only = {"parameters": {"method": {"value": "head"}}}
    task = {"data": {**job.task.data.model_dump(), "max_length": 81}}
    assert re.search(
        r"task\.data\.max_length <= 80 must hold on .*, got 81",
        told(changed(job, space=head_only, task=task), tiny_backbone("bert")),
    )


@pytest.mark.parametrize(
    ("stated", "fits"),
    [
        ({}, False),
        ({"depth": {"low": 1, "high": 2}}, True),
        ({"depth": {"low": 1, "high": "layers"}}, False),
        ({"depth": {"choices": [1, 3]}}, False),
        ({"depth": {"value": 2}, "positions": {"value": "shifted"}}, False),
        ({"layers": {"choices": ["1-2", "3"]}}, True),
        ({"layers": {"choices": ["1-2", "1-3"]}}, False),
        ({"positions": {"value": "unshifted"}}, True),
    ],
)
def test_only_a_prompt_that_shifts_the_text_takes_positions(job, tiny_backbone, stated, fits):
    space = {"parameters": {"method": {"value": "v2"}, "length": {"value": 60}, **stated}}
    if fits:
        assert told(changed(job, space=space), tiny_backbone("bert")) == ""
        return
    found = told(changed(job, space=space), tiny_backbone("bert"))
    assert re.search(r'got 60 \+ 32 .*unless positions = "unshifted"', found)


def reporting(job: Job, every: str, **budget: object) -> Job:
    """The job with reports within epochs, of two or three steps."""
    space = {"parameters": {"method": {"value": "v2"}, "batch_size": {"value": 16}}}
    changes = {"trials": 2, "epochs": 2, "report_every": every, **budget}
    return changed(job, space=space, budget=changes)


def test_steps_between_reports_become_a_part_of_an_epoch_that_the_journal_holds(job):
    header = prepare(reporting(job, "2 steps")).header
    assert header.job.budget.report_every == "1/2 epochs (2 steps)"
    assert header.job.budget.horizon == 4
    assert decode(encode(header)) == header
    assert differences(header.job, reporting(job, "2 steps")) == []
    assert differences(header.job, reporting(job, "1 step"))
    assert differences(header.job, reporting(job, "0.5 epochs")) == []
    assert read_job(header.job)[0].budget.report_every == "2 steps", "a job that was searched may be searched again"


def test_more_reports_than_steps_are_refused_with_the_most_that_there_are(job):
    with pytest.raises(SpecError, match=r"an epoch may have as few as 3, got 4 reports.*the most are '1/3 epochs'"):
        prepare(reporting(job, "0.25 epochs"))


def test_steps_that_make_too_many_reports_are_refused_with_the_fewest(job, monkeypatch):
    monkeypatch.setattr(reports, "MOST_REPORTS", 2)
    with pytest.raises(SpecError, match=r"at most 2 reports, .* had 3, got '1 step'; the fewest are '2 steps'"):
        prepare(reporting(job, "1 step"))


def test_a_grace_beyond_the_horizon_is_refused_once_steps_are_counted(job):
    with pytest.raises(
        SpecError, match=r"grace <= 2 \* epochs must hold, got 5 > 4 \(grace counts reports, 2 to an epoch\)"
    ):
        prepare(reporting(job, "2 steps", stopping={"type": "asha", "grace": 5}))


def test_a_dev_split_that_grows_is_refused_where_no_rung_is_left_once_steps_are_counted(job):
    budget = {"dev_grows": True, "stopping": {"type": "asha", "grace": 4}}
    with pytest.raises(SpecError, match=r"dev_grows: needs a rung before the last report: stopping.grace < 4, got 4"):
        prepare(reporting(job, "2 steps", **budget))


@pytest.mark.parametrize("every", ["1/3 epochs", "2 steps"])
def test_prompts_that_do_not_train_have_no_batch_size(job, tiny_language_model, every):
    size = {"value": 16, "when": {"method": "v2"}}
    space = {"parameters": {"method": {"choices": ["v2", "manual"]}, "batch_size": size}}
    words = {"template": "{text} is [MASK]", "verbalizer": {"no": "cold", "yes": "warm"}}
    spoken = changed(
        job,
        backbone={"id": str(tiny_language_model("bert"))},
        task={"data": {**job.model_dump()["task"]["data"], **words}},
        space=space,
        budget={"trials": 2, "epochs": 2, "report_every": every},
    )
    assert prepare(spoken).job.budget.reports_per_epoch == (3 if every == "1/3 epochs" else 2)
    trained = {"parameters": {**space["parameters"], "backbone_lr": {"value": 1e-4, "when": {"method": "manual"}}}}
    with pytest.raises((SpecError, ValidationError), match=r"needs one batch_size|as few as 2"):
        prepare(changed(spoken, space=trained))


@pytest.mark.parametrize("sizes", [{"choices": [8, 16]}, {"value": 16, "when": {"method": "v2"}}])
def test_steps_between_reports_need_one_batch_size(job, sizes):
    space = {"parameters": {"method": {"choices": ["v1", "v2"]}, "batch_size": sizes}}
    budget = {"trials": 2, "epochs": 2, "report_every": "2 steps"}
    with pytest.raises(ValidationError, match="a number of steps needs one batch_size"):
        changed(job, space=space, budget=budget)
    changed(job, space=space, budget={**budget, "report_every": "0.5 epochs"})
