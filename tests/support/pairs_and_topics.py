"""Small tasks that need no single label: how alike the sentences of a made pair are, and the topics of a made text."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ptune.spec.job import Job
from support import families

FAMILIAR, FOREIGN = families.WORDS[:6], families.WORDS[6:]
LENGTH = 5
TOPICS = dict(zip(families.WORDS[::5], ("colour", "taste", "age"), strict=False))
SIZES = {"train": (160, 1), "dev": (48, 2), "test": (48, 3)}
CONFIG = {"method": "v2", "length": 4, "lr": 0.1, "backbone_lr": 3e-3, "batch_size": 8}


def alike(count: int, seed: int) -> list[dict[str, Any]]:
    """Pairs as STS-B has them: from 0 to 5, how much of a sentence its partner keeps, to a fifth of a word.

    What is not kept is replaced by words that first sentences never have.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        words = list(map(str, rng.choice(FAMILIAR, LENGTH)))
        kept = rng.random(LENGTH) < rng.random()
        partner = [word if keep else str(rng.choice(FOREIGN)) for word, keep in zip(words, kept, strict=True)]
        score = float(np.clip(round(kept.sum() + rng.choice([-0.2, 0.0, 0.2]), 1), 0, 5))
        rows.append({"sentence1": " ".join(words), "sentence2": " ".join(partner), "score": score})
    return rows


def topical(count: int, seed: int) -> list[dict[str, Any]]:
    """Texts of 3 to 7 words; each of three words stands for a topic, and a text may be of any number of them."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        words = list(map(str, rng.choice(families.WORDS, rng.integers(3, 8))))
        rows.append({"text": " ".join(words), "labels": [topic for word, topic in TOPICS.items() if word in words]})
    return rows


MAKERS: dict[str, tuple[Callable[[int, int], list[dict[str, Any]]], dict[str, Any]]] = {
    "regression": (alike, {"text": ["sentence1", "sentence2"], "label": "score"}),
    "multilabel": (topical, {}),
}
KINDS = tuple(MAKERS)


def data_for(kind: str, folder: Path, **options: Any) -> dict[str, Any]:
    """Data of a kind, written into `folder`, as a job states it."""
    make, columns = MAKERS[kind]
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for role, (count, seed) in SIZES.items():
        path = folder / f"{kind}-{role}.jsonl"
        path.write_text("\n".join(map(json.dumps, make(count, seed))), encoding="utf-8")
        files[role] = str(path)
    return {**files, **columns, "max_length": 32, **options}


def job_for(kind: str, backbone: str, folder: Path, metric: str | None = None, **options: Any) -> Job:
    """A job of one trial of a kind; `options` are of its data."""
    stated = {} if metric is None else {"metric": metric}
    parameters = {name: {"value": value} for name, value in CONFIG.items()}
    return Job.model_validate(
        {
            "name": kind,
            "seed": 5,
            "backbone": {"id": backbone, "dtype": "float32"},
            "task": {"kind": kind, **stated, "data": data_for(kind, folder / "data", **options)},
            "space": {"parameters": parameters},
            "budget": {"trials": 1, "epochs": 8, "stopping": {"type": "none"}},
            "tracking": {"type": "none"},
        }
    )
