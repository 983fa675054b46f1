"""A job whose backbone is spread over several GPUs is told what keeps it from that, before anything starts."""

import pytest
from pydantic import ValidationError

from ptune.backbone.profile import read_profile
from ptune.checks.spread import spread_problems
from ptune.errors import SpecError
from ptune.run.confirm import listing
from ptune.run.load import gpu_problems
from ptune.run.local import LocalRunner
from ptune.run.search import start_search
from ptune.spec.resources import Resources
from ptune.spec.space import Space
from ptune.spec.trial import TrialSpec
from support.small_jobs import changed, small_job


def told(folder, gpus, space=None):
    return [problem.text for problem in spread_problems(Resources(gpus_per_engine=gpus), space, read_profile(folder))]


def test_layers_are_spread_where_there_are_enough(tiny_backbone):
    assert told(tiny_backbone("bert"), 1) == told(tiny_backbone("albert"), 1) == told(tiny_backbone("bert"), 2) == []
    (text,) = told(tiny_backbone("bert"), 9)
    assert "gpus_per_engine <= " in text
    assert "got 9" in text
    (text,) = told(tiny_backbone("albert"), 2)
    assert "runs as a whole" in text


def test_a_spread_backbone_is_not_tuned(tiny_backbone):
    parameters = {"method": [{"value": "head"}], "backbone_lr": [{"value": 1e-4}]}
    space = Space.model_validate({"parameters": parameters, "baseline": []})
    (text,) = told(tiny_backbone("bert"), 2, space)
    assert "leave backbone_lr out" in text


def test_a_search_on_a_spread_backbone_can_be_confirmed(tiny_backbone):
    config = TrialSpec.from_config({"method": "v2", "length": 4, "lr": 0.1}).to_config()
    assert told(tiny_backbone("bert"), 2, listing([config])) == []


def test_without_accelerate_one_gpu_is_all(tiny_backbone, monkeypatch):
    monkeypatch.setattr("ptune.checks.spread.find_spec", lambda _: None)
    (text,) = told(tiny_backbone("bert"), 2)
    assert "pip install accelerate" in text


def test_cpus_are_refused_by_name():
    with pytest.raises(ValidationError, match="gpus_per_engine = 2 asks for GPUs"):
        Resources(device="cpu", gpus_per_engine=2)
    assert gpu_problems(1, "cpu") == []
    (problem,) = gpu_problems(2, "cpu")
    assert "gpus_per_engine <= 1" in problem.text


@pytest.mark.parametrize(
    ("asked", "law"),
    [({"gpus_per_engine": 2}, "as many GPUs as are here, got 2"), ({"device": "cuda"}, "PyTorch finds no GPU here")],
)
def test_a_machine_without_gpus_begins_no_search(asked, law, tiny_backbone, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    job = changed(small_job(tmp_path, tiny_backbone("bert")), resources=asked)
    with pytest.raises(SpecError, match=law):
        start_search(job, "", tmp_path / "runs", LocalRunner())
    assert not (tmp_path / "runs").exists()
