"""The laws of a job that no single key can state, and its journey through JSON."""

from functools import partial

import pytest
from pydantic import ValidationError

from ptune.spec.budget import Budget
from ptune.spec.data import ClassificationData as Data
from ptune.spec.job import Job
from ptune.spec.prompt import PromptV1, PromptV2
from ptune.spec.stopping import Asha, FullBudget, Hyperband
from support.refusals import refused


def content(**changes) -> dict:
    job = {
        "name": "films",
        "backbone": {"id": "packaged:minilm"},
        "task": {"data": {"source": "builtin:films"}},
        "space": {"parameters": {"lr": {"low": 1e-4, "high": 1e-1, "log": True}}},
        "budget": {"trials": 4, "epochs": 3},
    }
    return job | changes


refusal = partial(refused, ValidationError)


def test_a_job_survives_json():
    job = Job.model_validate(content(budget={"trials": 4, "epochs": 3, "stopping": {"type": "none"}}))
    assert job.budget.stopping == FullBudget()
    assert Job.model_validate(job.model_dump(mode="json")) == job
    assert Job.model_validate_json(job.model_dump_json()) == job


def test_defaults_are_those_of_the_documentation():
    job = Job.model_validate(content())
    assert job.budget.stopping == Asha(eta=3, grace=None)
    assert (job.task.data.text, job.task.data.label) == (["text"], "label")
    assert job.export.formats == ["native"]
    assert job.resources.engines == "auto"


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "a b", "../up", "x" * 81])
def test_a_name_is_a_safe_folder_name(name):
    assert "name" in refusal(Job, **content(name=name))


def test_columns_differ_from_each_other():
    assert "must name different columns" in refusal(Data, source="a/b", text=["label"])
    assert "must name different columns" in refusal(Data, source="a/b", text=["one", "one"])


def test_labels_differ_from_each_other():
    assert "labels must differ" in refusal(Data, source="a/b", labels=["yes", "no", "yes"])


def test_without_a_source_splits_are_files():
    assert "got train = 'train', dev = 'dev'" in refusal(Data)
    assert "got test = 'held-out'" in refusal(Data, train="a.tsv", dev="b.tsv", test="held-out")
    assert Data(train="a.tsv", dev="b.tsv").source is None


def test_a_configuration_needs_a_source():
    assert "config belongs to a Hub data set" in refusal(Data, train="a.tsv", dev="b.tsv", config="sst2")


def test_the_first_rung_lies_within_the_horizon():
    assert "stopping.grace <= epochs must hold, got 4 > 3" in refusal(
        Budget, trials=1, epochs=3, stopping=Asha(grace=4)
    )
    assert Budget(trials=1, epochs=3, stopping=Asha(grace=3)).epochs == 3


@pytest.mark.parametrize(
    ("horizon", "rungs"),
    [
        (1, []),
        (3, [1, 2]),
        (7, [1, 2, 3, 6]),
        (8, [2, 4, 6]),
        (9, [2, 4, 6]),
        (20, [3, 6, 9, 16]),
        (100, [7, 13, 21, 37, 63]),
    ],
)
def test_the_first_rung_of_asha_suits_the_horizon_unless_it_is_stated(horizon, rungs):
    budget = Budget(trials=1, epochs=horizon)
    assert list(budget.rungs) == rungs
    assert budget.rule == f"asha eta=3 grace={rungs[0] if rungs else 1}"
    assert list(Budget(trials=1, epochs=horizon, stopping={"grace": 1}).rungs) == [
        rung for rung in (1, 2, 3, 6, 9, 16, 27, 47, 81) if rung < horizon
    ]
    assert Hyperband().first_rung(horizon) == 1


def test_the_rule_tells_a_spacing_that_is_not_the_root_of_eta():
    told = [Budget(trials=1, epochs=9, stopping={"spacing": spacing}).rule for spacing in (None, 2, 3**0.5, 3)]
    assert told == [f"asha eta=3 grace=2{spacing}" for spacing in ("", " spacing=2", "", " spacing=3")]


def test_the_rule_of_reports_that_are_not_counted_yet_says_what_is_known():
    assert Budget(trials=1, epochs=9, report_every="500 steps").rule == "asha eta=3"
    stated = Budget(trials=1, epochs=9, report_every="500 steps", stopping={"type": "pasha", "grace": 2})
    assert stated.rule == "pasha eta=3 grace=2, first to report 6"


def test_stopping_is_asha_unless_it_says_otherwise():
    assert Budget(trials=1, epochs=3, stopping={"grace": 2}).stopping == Asha(grace=2)
    assert Budget(trials=1, epochs=3, stopping={}).stopping == Asha()
    assert Budget(trials=1, epochs=3, stopping={"type": "none"}).stopping == FullBudget()


def test_every_template_of_the_space_fits_the_task():
    parameters = {
        "method": {"value": "v1"},
        "template": {"choices": ["before", "[P] {txt}", "{text} [P:0]"]},
    }
    message = refusal(Job, **content(space={"parameters": parameters, "baseline": [{"template": "afters"}]}))
    assert "template '[P] {txt}': the template names the field {txt}" in message
    assert "template '{text} [P:0]'" in message
    assert "template 'afters': neither a preset" in message
    assert "'before'" not in message.split("afters")[0]


@pytest.mark.parametrize("change", [{"seed": -1}, {"seed": 2**31}, {"seed": True}, {"resources": {"engines": 0}}])
def test_numbers_keep_their_bounds(change):
    assert next(iter(change)) in refusal(Job, **content(**change))


def test_a_spec_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        PromptV2().length = 3


def test_default_lists_are_not_shared():
    one, other = Data(source="a/b"), Data(source="a/b")
    assert one.text == other.text
    assert one.text is not other.text


def test_unknown_keys_are_refused():
    assert "Extra inputs are not permitted" in refusal(PromptV1, depth=2)
