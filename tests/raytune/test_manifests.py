"""The files for clusters: what is committed is what is made, and each is what its reader takes."""

import json
import subprocess
from pathlib import Path

import jsonschema
import pytest
import ray
import yaml

from ptune.errors import ClusterError
from ptune.raytune.manifests import FILES, KINDS, Site, kubernetes_name, render
from ptune.spec.load import load_job
from support.repository import ROOT
from support.small_search import small_job

QUICKSTART = "jobs/quickstart.toml"
RAY_FIELDS = {
    "RayJob": {
        "entrypoint", "submissionMode", "suspend", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished",
        "backoffLimit", "rayClusterSpec",
    },
    "RayCluster": {
        "rayVersion", "authOptions", "enableInTreeAutoscaling", "autoscalerOptions", "headGroupSpec", "workerGroupSpecs"
    },
}  # fmt: skip
"""What `spec` may hold here, of KubeRay's API ray.io/v1 (ray-operator/apis/ray/v1/*_types.go)."""


@pytest.fixture(scope="module")
def job():
    return load_job(ROOT / QUICKSTART)


def objects(job, kind, **site):
    return [content for content in yaml.safe_load_all(render(kind, job, QUICKSTART, Site(**site))) if content]


def of_kind(found, kind):
    (content,) = [content for content in found if content["kind"] == kind]
    return content


@pytest.mark.parametrize("kind", KINDS)
def test_the_committed_file_is_what_render_makes(job, kind):
    made = render(kind, job, QUICKSTART, Site())
    assert (ROOT / "jobs" / "cluster" / FILES[kind]).read_text(encoding="utf-8") == made
    assert "@{" not in made


@pytest.mark.parametrize("kind", ["kuberay", "kueue"])
def test_a_search_on_kubernetes_may_be_evicted_and_started_again(job, kind, tmp_path):
    found = objects(job, kind, workers=3, gpus=2)
    spec = of_kind(found, "RayJob")["spec"]
    assert spec.keys() <= RAY_FIELDS["RayJob"]
    assert spec["rayClusterSpec"].keys() <= RAY_FIELDS["RayCluster"]
    assert spec["entrypoint"].startswith("ptune search /job/job.toml --resume-if-exists")
    assert (spec["suspend"], spec["shutdownAfterJobFinishes"]) == (kind == "kueue", True)
    assert spec["rayClusterSpec"]["authOptions"] == {"mode": "token", "secretName": "quickstart-token"}
    (workers,) = spec["rayClusterSpec"]["workerGroupSpecs"]
    assert (workers["minReplicas"], workers["maxReplicas"]) == ((3, 3) if kind == "kueue" else (0, 3))
    assert workers["template"]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "2"
    (tmp_path / "job.toml").write_text(of_kind(found, "ConfigMap")["data"]["job.toml"], encoding="utf-8")
    assert load_job(tmp_path / "job.toml") == job


def test_an_object_store_needs_no_volume_and_a_secret_comes_from_kubernetes(job):
    keyed = type(job).model_validate({**job.model_dump(mode="json"), "cluster": {"secrets": ["HF_TOKEN"]}})
    found = objects(keyed, "kuberay-cluster", runs="s3://bucket/runs", mlflow=None)
    assert [content["kind"] for content in found] == ["ConfigMap", "RayCluster"]
    head = of_kind(found, "RayCluster")["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    assert head["env"] == [
        {"name": "PTUNE_RUNS", "value": "s3://bucket/runs"},
        {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "quickstart-secrets", "key": "HF_TOKEN"}}},
    ]


def test_ray_up_and_slurm_take_their_files(job):
    schema = json.loads((Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(yaml.safe_load(render("ray-up", job, QUICKSTART, Site())), schema)
    script = render("slurm", job, QUICKSTART, Site())
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    assert f"-- ptune search {QUICKSTART} --resume-if-exists" in script
    assert "#SBATCH --signal=B:USR1@120\n" in script


def test_files_of_this_machine_are_refused_by_name(tiny_backbone, tmp_path):
    local = small_job(tmp_path, tiny_backbone("bert"))
    with pytest.raises(ClusterError, match=r"task.data.train: .*train.tsv; .*backbone.id: .*cluster.shared"):
        render("kuberay", local, "job.toml", Site())


def test_a_name_is_made_fit_for_kubernetes():
    assert kubernetes_name("My_Search.1") == "my-search-1"
    assert len(kubernetes_name("a" * 80)) == 40
