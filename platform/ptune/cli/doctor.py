"""`ptune doctor`: what this machine has, what would run where, and what to mend."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from ptune.cli.faults import print_faults
from ptune.cli.fitting import Gpu, plain_job, too_large
from ptune.report.said import say_json

LOW_DISK_GB = 5.0
_UNUSABLE = "not usable: "
_OLDEST_PYTHON = (3, 11)


@click.command(short_help="Check this machine: versions, devices, memory.")
@click.option(
    "--address",
    help="Ray cluster to check instead: HOST:PORT from one of its nodes, or its dashboard, http://HOST:8265.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(address: str | None, as_json: bool) -> int:
    """Check this machine: versions, devices, memory, the packaged backbone, caches, Ray and MLflow.

    With --address, it checks the nodes of a cluster: their versions, their GPUs, and whether $PTUNE_RUNS is shared by
    all of them and can be written. The exit code is 1 if a search needs something that is missing.

    \b
    ptune doctor
    ptune doctor --json
    ptune doctor --address http://head:8265
    """
    if address is not None:
        from ptune.cli.cluster_doctor import examine_cluster

        return examine_cluster(address, as_json=as_json)
    facts = examine()
    faults = list(problems(facts))
    if as_json:
        say_json(asdict(facts) | {"problems": faults})
    else:
        _print(facts, faults)
    return 1 if faults else 0


@dataclass(frozen=True)
class Hub:
    """The cache of the Hugging Face Hub."""

    cache: str
    """Its folder."""
    offline: bool
    """Whether the network may not be asked."""
    models: list[str]
    """Ids of the models in it."""


@dataclass(frozen=True)
class Facts:
    """What a machine has; the fields are the keys of the JSON. A GB is 2^30 bytes."""

    versions: dict[str, str]
    """By package, and of Python."""
    python: str
    """The interpreter's path."""
    cores: int | None
    memory_gb: float
    memory_free_gb: float
    gpus: list[Gpu]
    engine_gb: dict[str, dict[str, float]]
    """What an engine with a job's defaults takes `on_cpu` and `on_gpu`, by packaged backbone."""
    runs: str
    """The folder of the searches."""
    runs_writable: bool
    disk_free_gb: float
    """On the disk of `runs`."""
    bucket: str | None
    """The URL of which `runs` is the copy on this machine; None for a folder."""
    bucket_state: str | None
    """`ok`, or why runs cannot be kept there."""
    packaged: dict[str, str]
    """Each packaged backbone's state, see `backbone_state`."""
    hub: Hub
    too_large: dict[str, str]
    """What makes a model of the Hub's cache fit that none of the GPUs holds with a job's defaults, by its id."""
    mlflow: str
    """The tracking URI, or why it is not usable."""
    ray: str | None
    """Address of the Ray cluster that the environment names."""


def examine() -> Facts:
    """Everything that is looked at."""
    import psutil

    from ptune.backbone.locate import PACKAGED
    from ptune.errors import SpecError
    from ptune.run.folders import runs_folder
    from ptune.run.prepare import versions
    from ptune.storage.local_copy import url_of
    from ptune.tracking.location import resolve_uri

    runs = runs_folder()
    url = url_of(runs)
    try:
        uri = resolve_uri(None, runs)
    except SpecError as error:
        uri = f"{_UNUSABLE}{error}"
    found, models = gpus(), hub(os.environ)
    existing = next(folder for folder in (runs, *runs.parents) if folder.is_dir())
    return Facts(
        versions=versions(),
        python=sys.executable,
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        memory_gb=round(psutil.virtual_memory().total / 2**30, 1),
        memory_free_gb=round(psutil.virtual_memory().available / 2**30, 1),
        gpus=found,
        engine_gb={name: memory for name in PACKAGED if (memory := engine_memory(name)) is not None},
        runs=str(runs),
        runs_writable=os.access(existing, os.W_OK),
        disk_free_gb=round(shutil.disk_usage(existing).free / 2**30, 1),
        bucket=url,
        bucket_state=None if url is None else bucket_state(url),
        packaged={name: backbone_state(name) for name in PACKAGED},
        hub=models,
        too_large=too_large(models.models, found),
        mlflow=uri,
        ray=os.environ.get("RAY_ADDRESS"),
    )


def bucket_state(url: str) -> str:
    """`ok`, or why runs cannot be kept in a bucket."""
    from ptune.errors import PtuneError
    from ptune.storage.bucket import Bucket

    try:
        return "ok" if Bucket(url).check() else f"{url}: of two processes that run one search, it stops neither"
    except PtuneError as error:
        return str(error)


def gpus() -> list[Gpu]:
    """The CUDA devices that torch sees; none if torch cannot be imported."""
    if importlib.util.find_spec("torch") is None:
        return []
    import torch

    properties = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    return [Gpu(device.name, round(device.total_memory / 2**30, 1)) for device in properties]


def engine_memory(name: str) -> dict[str, float] | None:
    """GB that an engine takes on a CPU and on a GPU, with a job's defaults; None if the backbone is not there."""
    from ptune.backbone.locate import locate
    from ptune.backbone.profile import read_profile
    from ptune.checks.memory import GIB, needs
    from ptune.errors import BackboneError

    try:
        sizes = read_profile(locate(name), name).dimensions
    except BackboneError:
        return None
    job = plain_job(name)
    return {
        "on_cpu": round(needs(job, sizes, "cpu").total / GIB, 1),
        "on_gpu": round(needs(job, sizes, "cuda").total / GIB, 1),
    }


def backbone_state(name: str) -> str:
    """`ok`, or why a packaged backbone cannot be used."""
    from ptune.backbone.locate import locate
    from ptune.backbone.tokenizer import check_vocabulary
    from ptune.errors import BackboneError

    try:
        check_vocabulary(locate(name), name)
    except BackboneError as error:
        return str(error)
    return "ok"


def hub(environment: Mapping[str, str]) -> Hub:
    """Where Hub files are kept and whether the network may be asked."""
    home = environment.get("HF_HOME") or str(Path(environment.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    cache = Path(environment.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()
    folders = sorted(path.name for path in cache.glob("models--*")) if cache.is_dir() else []
    offline = environment.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    models = [name.removeprefix("models--").replace("--", "/") for name in folders]
    return Hub(str(cache), offline, models)


def problems(facts: Facts) -> Iterator[str]:
    """What keeps a search from running here, each with how to mend it."""
    running = tuple(int(part) for part in facts.versions["python"].split(".")[:2])
    if running < _OLDEST_PYTHON:
        yield f"Python {facts.versions['python']} is too old: 3.11 or later is needed"
    for name, version in facts.versions.items():
        if version == "not installed" and name != "ptune":
            yield f"{name} is not installed: pip install --constraint constraints.txt --editable '.[minilm]'"
    yield from (state for state in facts.packaged.values() if state != "ok")
    if facts.bucket_state not in (None, "ok"):
        yield f"PTUNE_RUNS: {facts.bucket_state}"
    if not facts.runs_writable:
        yield f"{facts.runs} cannot be written: set PTUNE_RUNS to a folder that can"
    if facts.disk_free_gb < LOW_DISK_GB:
        yield f"{facts.disk_free_gb} GB free for {facts.runs}: make room, or set PTUNE_RUNS to a larger disk"
    yield from _short_of_memory(facts)
    if facts.mlflow.startswith(_UNUSABLE):
        yield facts.mlflow.removeprefix(_UNUSABLE)


def _short_of_memory(facts: Facts) -> Iterator[str]:
    """Devices that do not hold the smallest engine there may be here."""
    cure = "close something, or lower resources.slots and token_budget"
    least = min((one["on_cpu"] for one in facts.engine_gb.values()), default=0.0)
    if facts.memory_free_gb < least:
        yield f"{facts.memory_free_gb} GB of memory free, and an engine takes {least}: {cure}"
    least = min((one["on_gpu"] for one in facts.engine_gb.values()), default=0.0)
    for gpu in facts.gpus:
        if gpu.memory_gb < least:
            yield f"{gpu.name} has {gpu.memory_gb} GB of memory, and an engine takes {least}: {cure}"


def plan(facts: Facts) -> list[str]:
    """What would run where if a search started now."""
    count = len(facts.gpus)
    on_cpus = "engines on the CPU, one per core as far as memory and the number of trials allow"
    engines = f"{count} engines, one per GPU" if count > 1 else "1 engine on the GPU" if count else on_cpus
    on_ray = f"on the Ray cluster at {facts.ray}" if facts.ray else f"on Ray inside the command: {engines}"
    local = f"in one process: 1 engine on the {'GPU' if count else 'CPU'}"
    return [f"ptune search JOB          {on_ray}", f"ptune search JOB --local  {local}"]


def _print(facts: Facts, faults: Sequence[str]) -> None:
    from rich.table import Table

    from ptune.report.console import Terminal

    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(overflow="fold")
    for label, value in _lines(facts):
        rows.add_row(label, value)
    console = Terminal(highlight=False)
    console.print(rows)
    print_faults(console, faults)


def _lines(facts: Facts) -> Iterator[tuple[str, str]]:
    versions = dict(facts.versions)
    yield "python", f"{versions.pop('python')} at {facts.python}"
    yield "versions", ", ".join(f"{name} {version}" for name, version in versions.items())
    devices = ", ".join(f"{gpu.name} ({gpu.memory_gb} GB)" for gpu in facts.gpus) or "no GPU"
    yield "devices", f"{facts.cores} cores, {devices}"
    yield "memory", f"{facts.memory_free_gb} of {facts.memory_gb} GB free"
    for name, memory in facts.engine_gb.items():
        yield "", f"an engine of {name} takes {memory['on_cpu']} GB on CPUs, {memory['on_gpu']} GB on a GPU"
    if facts.bucket is not None:
        yield "bucket", f"{facts.bucket}: {facts.bucket_state}"
    yield "runs", f"{facts.runs} ({facts.disk_free_gb} GB free)"
    for name, state in facts.packaged.items():
        yield "backbone", f"{name}: {state}"
    hub_facts = facts.hub
    models = ", ".join(hub_facts.models) or "no models"
    yield "Hub", f"{models} in {hub_facts.cache}{' (offline)' if hub_facts.offline else ''}"
    for name, cure in facts.too_large.items():
        yield "", f"{name} is too large for a GPU here: {cure}"
    yield "MLflow", facts.mlflow
    first, second = plan(facts)
    yield "would run", first
    yield "", second
