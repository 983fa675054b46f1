"""Files that bring a job's search to a cluster: manifests of KubeRay and Kueue, a script of Slurm, a file of `ray up`.

Each kind is a template beside this module. In a template, `@{name}` stands for a value, and a line that begins with
`[word]` is there only where `word` holds of the site.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Literal, get_args

from ptune.errors import ClusterError
from ptune.raytune.package import is_only_here
from ptune.spec.files import named_files
from ptune.spec.job import Job
from ptune.spec.problem import dotted
from ptune.spec.write import job_toml

Kind = Literal["kuberay", "kuberay-cluster", "kueue", "mlflow", "slurm", "ray-up", "image"]
KINDS: tuple[Kind, ...] = get_args(Kind)
FILES: Mapping[Kind, str] = {
    "kuberay": "kuberay.yaml",
    "kuberay-cluster": "kuberay-cluster.yaml",
    "kueue": "kueue.yaml",
    "mlflow": "mlflow.yaml",
    "slurm": "slurm.sbatch",
    "ray-up": "ray-up.yaml",
    "image": "Dockerfile",
}
"""The template of each kind, and the usual name of what it makes."""
JOB_IN_POD = "/job/job.toml"
_TEMPLATES = Path(__file__).with_name("templates")
_LONGEST_NAME = 40  # KubeRay adds to a RayJob's name, and Kubernetes takes 63 characters
_FLAG = re.compile(r"^\[(\w+)\] ?")


@dataclass(frozen=True)
class Site:
    """The cluster that a file is for.

    Attributes:
        runs: the runs folder, as the nodes have it: a path, or a URL.
        image: container image of the nodes; it holds ptune and its libraries.
        workers: most nodes that train.
        gpus: GPUs of each.
        cpus: cores of each.
        memory_gb: memory of each, in GiB.
        hours: time limit of a Slurm job.
        namespace: of Kubernetes.
        claim: name of the volume claim that holds the runs folder.
        storage_gb: size of a new claim, in GiB.
        queue: Kueue's queue.
        mlflow: address of the tracking server; None is SQLite in the runs folder.
    """

    runs: str = "/shared/runs"
    image: str = "registry.example.com/ptune:latest"
    workers: int = 4
    gpus: int = 1
    cpus: int = 8
    memory_gb: int = 32
    hours: int = 24
    namespace: str = "default"
    claim: str = "ptune-shared"
    storage_gb: int = 100
    queue: str = "ptune"
    mlflow: str | None = "http://ptune-mlflow:5000"

    @property
    def shared(self) -> bool:
        """Whether the runs folder lies on a volume, and not in an object store."""
        return "://" not in self.runs


class _At(Template):
    """A template whose values are written `@{name}`: `$` belongs to shells."""

    delimiter = "@"


def render(kind: Kind, job: Job, file: str, site: Site) -> str:
    """The file of a kind for a job.

    Args:
        kind: what it is for.
        job: the job, with absolute paths.
        file: the job's file, as it is named in comments and by Slurm.
        site: the cluster.

    Raises:
        ClusterError: the job names files of this machine, which a manifest does not bring along.
    """
    if kind in ("kuberay", "kueue"):
        _refuse_local_files(job)
    secrets = job.cluster.secrets
    name = kubernetes_name(job.name)
    flags = {
        "auto": kind != "kueue",
        "fixed": kind == "kueue",
        "shared": site.shared,
        "mlflow": site.mlflow is not None,
        "secrets": bool(secrets),
    }
    values = {
        **{key: str(value) for key, value in vars(site).items()},
        "name": name,
        "file": file,
        "ray": importlib.metadata.version("ray"),
        "mount": str(Path(site.runs).parent),
        "entrypoint": f"ptune search {JOB_IN_POD} --resume-if-exists --address auto --json",
        "job": _indented(job_toml(job), 4),
        "literals": "".join(f" --from-literal={secret}=..." for secret in secrets),
        "secrets": "\n".join(f"            - {_from_secret(secret, name)}" for secret in secrets),
        "quota_cpus": str(site.workers * site.cpus + 2),
        "quota_memory_gb": str(site.workers * site.memory_gb + 8),
        "quota_gpus": str(site.workers * site.gpus),
    }
    values["cluster_spec"] = _indented(
        _filled("cluster-spec.yaml", values, flags), 2 if kind == "kuberay-cluster" else 4
    )
    values["storage"] = _filled("storage.yaml", values, flags)
    values["preparation"] = _filled("preparation.txt", values, flags)
    return _filled(FILES[kind], values, flags) + "\n"


def kubernetes_name(name: str) -> str:
    """A search's name as Kubernetes takes it: lower case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:_LONGEST_NAME].strip("-")


def _filled(template: str, values: Mapping[str, str], flags: Mapping[str, bool]) -> str:
    """A template with its values, without the lines of flags that do not hold, and without those left empty."""
    lines = []
    for line in (_TEMPLATES / template).read_text(encoding="utf-8").splitlines():
        flag = _FLAG.match(line)
        if flag is None or flags[flag[1]]:
            filled = _At(_FLAG.sub("", line)).substitute(values)
            lines += [filled] if filled or not line else []
    return "\n".join(lines)


def _from_secret(variable: str, name: str) -> str:
    """A pod's variable, from the search's Secret."""
    return f"{{name: {variable}, valueFrom: {{secretKeyRef: {{name: {name}-secrets, key: {variable}}}}}}}"


def _indented(text: str, columns: int) -> str:
    return "\n".join(f"{' ' * columns}{line}" if line else "" for line in text.strip().splitlines())


def _refuse_local_files(job: Job) -> None:
    """Raise an error that names every file of this machine that a job needs."""
    local = [f"{dotted(file.place)}: {file.path}" for file in named_files(job) if is_only_here(file.path, job)]
    if is_only_here(Path(job.backbone.id), job):
        local.append(f"backbone.id: {job.backbone.id}")
    if local:
        raise ClusterError(
            f"the pods cannot reach files of this machine ({'; '.join(local)}); put them on the shared volume and name "
            "its folder in cluster.shared, or start a cluster of kind kuberay-cluster and use `ptune submit`"
        )
