"""`ptune doctor`: what is here, and what to mend."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ptune.backbone.profile import read_profile
from ptune.checks.fitting import settings_that_fit
from ptune.checks.memory import GIB, needs
from ptune.cli.doctor import Facts, Hub, backbone_state, examine, hub, plan, problems
from ptune.cli.fitting import Gpu, plain_job, too_large
from support.small_jobs import changed


@pytest.fixture
def healthy():
    versions = {"python": "3.11.7", "ptune": "0.1.0", "torch": "2.13.0", "ray": "2.60.0"}
    return Facts(
        versions=versions,
        python="python3",
        cores=2,
        memory_gb=16.0,
        memory_free_gb=8.0,
        gpus=[],
        engine_gb={"packaged:minilm": {"on_cpu": 1.7, "on_gpu": 2.1}},
        runs="runs",
        runs_writable=True,
        disk_free_gb=50.0,
        bucket="s3://team/runs",
        bucket_state="ok",
        packaged={"packaged:minilm": "ok"},
        hub=Hub("cache", offline=False, models=[]),
        too_large={},
        mlflow="sqlite:///runs/mlflow.db",
        ray=None,
    )


def test_it_says_what_is_here(ptune):
    content = json.loads(ptune("doctor", "--json").out)
    assert content["packaged"] == {"packaged:minilm": "ok"}
    assert content["cores"] >= 1
    assert 0 < content["engine_gb"]["packaged:minilm"]["on_cpu"] < 4
    assert content["versions"]["torch"].startswith("2.")
    assert content["mlflow"].endswith("ptune_runs/mlflow.db")
    text = ptune("doctor").out
    assert "packaged:minilm: ok" in text
    assert "ptune search JOB" in text


def test_a_healthy_machine_has_no_problems(healthy):
    assert list(problems(healthy)) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"versions": {"python": "3.10.2"}}, "Python 3.10.2 is too old"),
        ({"versions": {"python": "3.12.0", "ray": "not installed"}}, "ray is not installed: pip install"),
        ({"packaged": {"packaged:minilm": "needs an extra"}}, "needs an extra"),
        ({"runs_writable": False}, "set PTUNE_RUNS"),
        ({"bucket_state": "s3://team/runs: Access Denied"}, "PTUNE_RUNS: s3://team/runs: Access Denied"),
        ({"disk_free_gb": 0.5}, "make room"),
        ({"memory_free_gb": 0.5}, "memory free, and an engine takes 1.7"),
        ({"gpus": [Gpu("a small GPU", 2.0)]}, "a small GPU has 2.0 GB of memory, and an engine takes 2.1"),
        ({"mlflow": "not usable: MLFLOW_TRACKING_URI must be a server"}, "MLFLOW_TRACKING_URI"),
    ],
)
def test_a_problem_comes_with_its_cure(healthy, change, problem):
    (found,) = problems(replace(healthy, **change))
    assert problem in found


def test_a_model_that_no_gpu_holds_comes_with_what_makes_it_fit(tiny_backbone):
    folder = str(tiny_backbone("llama"))
    room = needs(plain_job(folder), read_profile(Path(folder)).dimensions, "cuda").least / GIB
    assert too_large([folder, "no/such-model"], [Gpu("large", room + 0.1)]) == {}
    assert too_large([folder], []) == {}
    assert "take larger ones" in too_large([folder], [Gpu("tiny", 0.1)] * 2)[folder]


def test_8_bits_or_more_gpus_make_a_large_backbone_fit(tiny_backbone):
    job, tiny = plain_job("large"), read_profile(tiny_backbone("llama")).dimensions
    sizes = replace(tiny, layers=32, hidden=4_096, inner=11_008, vocabulary=32_000, embedding=4_096,
                    parameters=6_700_000_000, matrices=6_400_000_000)  # fmt: skip

    def fits(gb, gpus):
        return settings_that_fit(job, sizes, int(gb * GIB), gpus)

    int8, two = {"backbone.quantization": "int8"}, {"resources.gpus_per_engine": 2}
    assert fits(24, 8) == []
    assert fits(14, 1) == [int8]
    assert fits(14, 2) == [two, int8]
    assert fits(7.5, 2) == [int8 | two]
    assert fits(2, 1) is None
    for gb, ways in ((14, fits(14, 2)), (7.5, fits(7.5, 2))):
        for way in ways:
            tables = {"backbone": {}, "resources": {}}
            for key, value in way.items():
                tables[key.split(".")[0]][key.split(".")[1]] = value
            assert needs(changed(job, **tables), sizes, "cuda").least <= gb * GIB


def test_an_unusable_tracking_uri_is_no_crash(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "ftp://somewhere")
    monkeypatch.setenv("PTUNE_RUNS", str(tmp_path / "not" / "yet"))
    facts = examine()
    assert facts.mlflow.startswith("not usable")
    assert facts.runs_writable


def test_an_unknown_backbone_is_described():
    assert "is not packaged" in backbone_state("packaged:other")


def test_the_hub_cache_follows_the_environment(tmp_path):
    (tmp_path / "hub" / "models--org--name").mkdir(parents=True)
    facts = hub({"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"})
    assert facts == Hub(str(tmp_path / "hub"), offline=True, models=["org/name"])


def test_the_plan_names_devices_and_clusters(healthy):
    assert "engines on the CPU, one per core" in plan(healthy)[0]
    gpu = Gpu("a GPU", 80.0)
    assert "2 engines, one per GPU" in plan(replace(healthy, gpus=[gpu, gpu]))[0]
    assert "Ray cluster at head:6379" in plan(replace(healthy, ray="head:6379"))[0]
