"""How much memory an engine may take on CPUs, estimated before it is there. Knows no cluster, and imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ptune.backbone.locate import read_config
from ptune.spec.job import Job

_PROCESS = 2**30  # an interpreter with torch and transformers, and the data
_CLIENT = 120 * 2**20  # of a trial's client: Ray and Tune without torch
_TOKENS = 2_048  # of a pass on a CPU, unless stated
_SAVED_PER_NUMBER = 40  # bytes that a layer saves for each number of a hidden state (BERT in float32: 38)
_WIDTHS, _WIDE = ("hidden_size", "d_model", "n_embd", "dim", "emb_dim"), 4_096  # where settings say it; else assumed
_TRAINED_COPIES = 4  # of a tuned backbone: weights, gradients, two moments


def engine_bytes(job: Job, folder: Path, layers: int) -> int:
    """Bytes: process and clients, weights in float32, what the largest pass saves, each slot's own tuned backbone.

    Args:
        job: the job.
        folder: its backbone's.
        layers: layers of its backbone.
    """
    config: dict[str, Any] = read_config(folder)
    weights = _float32_bytes(folder, config)
    width = next((config[name] for name in _WIDTHS if name in config), _WIDE)
    stated = job.resources.token_budget
    batch, longest = int(_largest(job, "batch_size", 32)), max(data.max_length for data in job.task.sets)
    tokens = max(_TOKENS if stated == "auto" else stated, batch * longest)
    saved = tokens * layers * int(width) * _SAVED_PER_NUMBER
    tuned = job.resources.slots * _TRAINED_COPIES * weights if "backbone_lr" in job.space.parameters else 0
    return int(_PROCESS + job.resources.slots * _CLIENT + weights + saved + tuned)


def _largest(job: Job, name: str, default: float) -> float:
    """The largest value of a parameter that is a number."""
    stated: list[Any] = []
    for one in job.space.parameters.get(name, []):
        stated += [one.high, one.value, *(one.choices or [])]
    return max((value for value in stated if isinstance(value, int | float)), default=default)


def _float32_bytes(folder: Path, config: Mapping[str, Any]) -> int:
    """Weights as float32; settings that name no type mean float32."""
    halved = str(config.get("dtype") or config.get("torch_dtype")) in ("bfloat16", "float16")
    return sum(path.stat().st_size for path in folder.glob("*.safetensors")) * (2 if halved else 1)
