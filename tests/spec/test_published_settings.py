"""Published settings: the library's jobs state the same ones, and a space takes what fits."""

import re

from ptune.spec.load import load_job
from ptune.spec.published_settings import PUBLISHED_SETTINGS, SCRIPTS, Model, published_points
from ptune.spec.space import Space
from support.repository import ROOT

BERT, ROBERTA = Model("bert", 24, 1024), Model("roberta", 24, 1024)
MODELS = {"bert-large-cased": BERT, "bert-large-uncased": BERT, "roberta-large": ROBERTA}
RATE = {"low": 1e-5, "high": 1e-1, "log": True}


def test_the_table_holds_the_settings_of_the_library():
    stated = set()
    for path in sorted((ROOT / "jobs" / "p_tuning_v2").rglob("*.toml")):
        job = load_job(path)
        for row in job.published:
            if row.source == SCRIPTS and row.where:
                data = re.match(r"# P-tuning v2 on (.+?), ", path.read_text())[1]
                [point] = [point for point in job.space.baseline if point.items() >= row.where.items()]
                config = tuple(sorted({"method": "v2", **point}.items()))
                stated.add((data, job.task.kind, MODELS[job.backbone.id.split("/")[-1]], config))
    assert stated == {
        (each.data, each.kind, each.model, tuple(sorted(each.config.items()))) for each in PUBLISHED_SETTINGS
    }


def points(kind, model, **parameters):
    """What of the published settings a space of v2 prompts proposes."""
    space = Space.model_validate({"parameters": {"method": {"value": "v2"}, "lr": RATE, **parameters}})
    return [(setting.data, point) for setting, point in published_points(kind, model, space)]


def test_what_lies_outside_a_space_is_left_out():
    short = {"low": 2, "high": 32}
    assert points("choice", BERT, length=short) == [("COPA", {"length": 16, "lr": 1e-2})]
    assert points("classification", ROBERTA, length=short) == [
        ("BoolQ", {"length": 8, "lr": 7e-3}),
        ("RTE", {"lr": 5e-3}),
        ("WiC", {"length": 8, "lr": 1e-2}),
    ]


def test_a_setting_is_left_out_without_its_method_or_its_encoder():
    one = {"encoder": {"value": "mlp"}}
    assert points("classification", BERT, **one) == [("WiC", {"lr": 1e-4})]
    both = points("classification", BERT, encoder={"choices": ["embedding", "mlp"]})
    assert ("WiC", {"encoder": "mlp", "lr": 1e-4}) in both
    assert ("RTE", {"encoder": "embedding", "lr": 1e-2}) in both
    of_v1 = {"choices": ["lstm", "mlp"], "when": {"method": "v1"}}
    searched = points("choice", BERT, method={"choices": ["v1", "v2"]}, encoder=of_v1)
    assert searched == [("COPA", {"method": "v2", "lr": 1e-2})]
    assert points("choice", BERT, method={"value": "v1"}) == []
    assert points("choice", BERT, method={"choices": ["v1", "prompt_tuning"]}) == []


def test_a_setting_without_any_value_says_nothing():
    assert points("choice", BERT, method={"choices": ["v1", "v2"]}, lr={"value": 0.1}) == []


def test_settings_are_for_one_kind_of_task_and_one_size():
    assert points("regression", ROBERTA) == []
    assert points("choice", Model("bert", 12, 768)) == []
