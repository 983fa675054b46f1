"""`ptune cluster render`: the files that bring a job's search to a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ptune.cli.exits import WRONG_INPUT
from ptune.report.said import say


@click.group(short_help="Make the files that clusters take.")
def cluster() -> None:
    """Make the files that bring a search to KubeRay, Kueue, Slurm or machines of a cloud.

    \b
    ptune cluster render kuberay jobs/quickstart.toml > search.yaml
    """


@cluster.command(short_help="Print a file for a cluster.")
@click.argument("kind", metavar="KIND")
@click.argument("job", type=click.Path(path_type=Path))
@click.option(
    "--set", "overrides", multiple=True, metavar="TABLE.KEY=VALUE", help="Replace a value of the job. May be repeated."
)
@click.option("--image", help="Container image of the nodes. [default: registry.example.com/ptune:latest]")
@click.option(
    "--runs", help="Runs folder as the nodes have it: a path on a shared volume, or a URL.  [default: /shared/runs]"
)
@click.option("--workers", type=click.IntRange(min=1), help="Most nodes that train.  [default: 4]")
@click.option("--gpus", type=click.IntRange(min=1), help="GPUs of each node that trains.  [default: 1]")
@click.option("--cpus", type=click.IntRange(min=1), help="Cores of each node that trains.  [default: 8]")
@click.option("--memory-gb", type=click.IntRange(min=1), help="Memory of each, in GiB.  [default: 32]")
@click.option("--hours", type=click.IntRange(min=1), help="Time limit of a Slurm job.  [default: 24]")
@click.option("--namespace", help="Namespace of Kubernetes.  [default: default]")
@click.option("--claim", help="Volume claim that holds the runs folder.  [default: ptune-shared]")
@click.option("--storage-gb", type=click.IntRange(min=1), help="Size of a new claim, in GiB.  [default: 100]")
@click.option("--queue", help="Queue of Kueue.  [default: ptune]")
@click.option(
    "--mlflow", help="Tracking server, or none for SQLite in the runs folder.  [default: http://ptune-mlflow:5000]"
)
def render(kind: str, job: Path, overrides: tuple[str, ...], image: str | None, mlflow: str | None, **site: Any) -> int:
    """Print a file of one KIND for a job's search.

    \b
    kuberay           a search as a RayJob of KubeRay
    kuberay-cluster   a RayCluster of KubeRay that stays, for many searches
    kueue             a search as a RayJob that Kueue admits and may evict
    mlflow            MLflow on Postgres, for the three above
    slurm             a search as a job of Slurm
    ray-up            machines of a cloud, for `ray up`
    image             the Dockerfile of the nodes' image

    Every file starts its search with a command that goes on with it after an eviction. Its comments say how it is used.
    No file holds a secret.

    \b
    ptune cluster render kuberay jobs/quickstart.toml > search.yaml
    ptune cluster render slurm jobs/quickstart.toml --workers 2 --gpus 4 > search.sbatch
    """
    from ptune.checks.file import checked_job
    from ptune.errors import nearest
    from ptune.raytune.manifests import KINDS, Site
    from ptune.raytune.manifests import render as rendered

    if kind not in KINDS:
        say(f"ptune: {kind!r} is no kind of file{nearest(kind, KINDS)} (kinds: {', '.join(KINDS)})", err=True)
        return WRONG_INPUT
    checked = checked_job(job, overrides)
    chosen = {key: value for key, value in site.items() if value is not None}
    chosen |= {"image": image or Site.image}
    chosen |= {} if mlflow is None else {"mlflow": None if mlflow == "none" else mlflow}
    say(rendered(kind, checked, str(job), Site(**chosen)), nl=False)
    return 0
