"""A job's backbone, loaded with its share of this node's cache where the device has room, and the passes it takes."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Literal

import psutil
import torch

from ptune.backbone.backbone import Backbone
from ptune.backbone.budget import dimensions, free_bytes, token_budget
from ptune.backbone.compiled import compile_layers
from ptune.backbone.graphs import replay_layers
from ptune.backbone.load import best_device, chosen_type, load_backbone
from ptune.backbone.locate import locate
from ptune.backbone.profile import read_profile
from ptune.backbone.varlen import attend_to_tokens
from ptune.checks.memory import Device, memory_problems, needs
from ptune.engine.fused import Engine
from ptune.spec.job import Job
from ptune.spec.problem import Problem, dotted, refuse
from ptune.spec.resources import Resources

_LOG = logging.getLogger(__name__)
_WEIGHTS_SHARE = 0.25  # of the cache; hidden states need more than weights


def load_job_backbone(job: Job, device: str | None = None) -> Backbone:
    """Load a job's backbone; hidden states and converted weights each get their share of this node's cache.

    Args:
        job: the job.
        device: `cpu` or `cuda`; None is the device that the job asks for.

    Raises:
        BackboneError: it is not there or cannot take a prompt.
        SpecError: the device's memory cannot hold an engine of the job, or there are fewer GPUs than it asks for.
    """
    if device is None:
        device = chosen_device(job.resources.device)
    gpus = job.resources.gpus_per_engine
    refuse(gpu_problems(gpus, device))
    check_room(job, "cuda" if device == "cuda" else "cpu")
    choice = job.backbone
    cache_bytes = int(job.resources.cache_gb * 2**30)
    weights = int(cache_bytes * _WEIGHTS_SHARE)
    backbone = load_backbone(
        choice.id,
        choice.revision,
        choice.dtype,
        device,
        lm=job.task.language,
        shared=weights,
        quantization=choice.quantization,
        gpus=gpus,
        trust=choice.trust_remote_code,
    )
    backbone = _faster(backbone, job.resources)
    return replace(backbone.with_cache(cache_bytes - weights), checkpointing=job.resources.checkpointing)


def _faster(backbone: Backbone, resources: Resources) -> Backbone:
    """The backbone with the fast paths that a job switches on."""
    if resources.compile:
        backbone = compile_layers(backbone)
    if resources.cuda_graphs and backbone.device.type == "cuda":
        backbone = replay_layers(backbone)
    if resources.unpadded_attention and backbone.device.type == "cuda":
        return attend_to_tokens(backbone)
    return replace(backbone, unpadded=resources.unpadded)


def chosen_device(device: Literal["auto", "cpu", "cuda"]) -> Device:
    """The device of this machine that a job's `resources.device` stands for."""
    return "cuda" if (best_device() if device == "auto" else device) == "cuda" else "cpu"


def gpu_problems(gpus: int, device: str) -> list[Problem]:
    """The law that this process sees as many GPUs as an engine takes, of a device, `cpu` or `cuda`."""
    seen = torch.cuda.device_count() if device == "cuda" else 0
    if gpus > max(1, seen):
        text = f"resources.gpus_per_engine <= {max(1, seen)} must hold, as many GPUs as are here, got {gpus}"
        return [Problem(("resources", "gpus_per_engine"), text)]
    if device == "cuda" and not seen:
        text = "resources.device is 'cuda', but PyTorch finds no GPU here; 'auto' and 'cpu' need none"
        return [Problem(("resources", "device"), text)]
    return []


def check_gpus(resources: Resources) -> None:
    """Refuse resources that ask for more GPUs than this machine has.

    Raises:
        SpecError: PyTorch finds fewer of them than one engine takes.
    """
    refuse(gpu_problems(resources.gpus_per_engine, chosen_device(resources.device)))


def check_room(job: Job, device: Device) -> None:
    """Refuse a job whose engine a device's memory cannot hold; warn of passes that have to be smaller than stated.

    Of a GPU, what is free counts. Of a CPU, all memory does, because other programs come and go.

    Raises:
        BackboneError: the backbone is not there.
        SpecError: the memory is too small; the message says what to change.
    """
    choice = job.backbone
    folder = locate(choice.id, choice.revision, code=bool(choice.trust_remote_code))
    sizes = read_profile(folder, choice.id, trust=choice.trust_remote_code).dimensions
    needed = needs(job, sizes, device, chosen_type(choice.dtype, device).itemsize)
    room = room_of(device, job.resources.gpus_per_engine)
    problems = memory_problems(needed, room, job.task)
    refuse(replace(problem, text=f"{dotted(problem.place)}: {problem.text}") for problem in problems)
    if isinstance(job.resources.token_budget, int) and needed.tokens_in(room) < needed.tokens:
        _LOG.warning("ptune: passes of %d tokens may not fit into memory; smaller ones are taken then", needed.tokens)


def room_of(device: Device, gpus: int = 1) -> int:
    """Bytes of this machine's memory, or of what is free on each of an engine's GPUs, that an engine may take."""
    if device == "cpu":
        return int(psutil.virtual_memory().total)
    return min(free_bytes(torch.device(f"cuda:{number}")) for number in range(gpus))


def make_engine(job: Job, backbone: Backbone) -> Engine:
    """An engine of a job on its backbone, which holds no trial yet."""
    return Engine(backbone, pass_tokens(job, backbone), flat_gradients=job.resources.flat_gradients)


def pass_tokens(job: Job, backbone: Backbone) -> int:
    """Most tokens of a pass of a job's engine, beside all of its slots; see `ptune.backbone.budget.token_budget`."""
    device: Device = "cuda" if backbone.device.type == "cuda" else "cpu"
    needed = needs(job, dimensions(backbone), device, backbone.dtype.itemsize)
    return token_budget(backbone, job.resources.token_budget, needed.passes, needed.held)
