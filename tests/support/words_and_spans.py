"""Small tasks over words, spans and entities: made sentences, contexts and passages, and jobs over them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ptune.backbone.backbone import Backbone
from ptune.engine.slots import Plan
from ptune.prompts.learner import Learner
from ptune.run.prepare import prepare
from ptune.run.trials import TrialFactory
from ptune.spec.job import Job
from support import families

WORDS = families.WORDS
COLOURS, AGES = WORDS[:3], ("old", "new")
SIZES = {"train": (28, 1), "dev": (18, 2), "test": (18, 3)}
KINDS = ("tokens", "span", "entity")

SPACE = {
    "parameters": {
        "method": {"choices": ["v2", "head"]},
        "length": {"value": 3, "when": {"method": "v2"}},
        "lr": {"low": 1e-3, "high": 1e-1, "log": True},
        "batch_size": {"value": 8},
    },
    "baseline": [{"method": "v2", "lr": 0.03}],
}


def tagged(count: int, seed: int) -> list[dict[str, Any]]:
    """Sentences of 2 to 9 words, some of two tokens; colours are entities, and so are ages right behind them."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        words = [*rng.choice([*WORDS, *AGES, "x-y"], size=rng.integers(1, 9)), "blue"]
        tags: list[str] = []
        for word in words:
            follows = bool(tags) and tags[-1] != "O"
            tags.append("B-col" if word in COLOURS else "I-col" if word in AGES and follows else "O")
        rows.append({"words": list(map(str, words)), "tags": tags})
    return rows


def asked(count: int, seed: int) -> list[dict[str, Any]]:
    """Which words stand behind a colour? Contexts of 6 to 40 words; a third of the questions has no answer."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        words = list(map(str, rng.choice(WORDS[3:], size=rng.integers(6, 41))))
        answers: dict[str, list[Any]] = {"text": [], "answer_start": []}
        if number % 3:
            place = int(rng.integers(0, len(words) - 1))
            words[place] = str(rng.choice(COLOURS))
            start = len(" ".join([*words[: place + 1], ""]))
            answers = {"text": [words[place + 1]], "answer_start": [start]}
        rows.append({"question": "which word", "context": " ".join(words), "answers": answers})
    return rows


def recorded(count: int, seed: int) -> list[dict[str, Any]]:
    """Which entity fits? Passages of 5 to 12 words, 2 or 3 of them entities, of which the only colour is the answer."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        words = list(map(str, rng.choice(WORDS[3:], size=rng.integers(5, 13), replace=False)))
        places = sorted(rng.choice(len(words), size=rng.integers(2, 4), replace=False).tolist())
        words[places[int(rng.integers(len(places)))]] = colour = str(rng.choice(COLOURS))
        starts = [len(" ".join([*words[:place], ""])) if place else 0 for place in places]
        entities = [
            {"start": start, "end": start + len(words[place]) - 1} for place, start in zip(places, starts, strict=True)
        ]
        passage = " ".join(words)
        rows.append(
            {"passage": passage, "query": "it is @placeholder", "entities": entities, "answers": [{"text": colour}]}
        )
    return rows


def data_for(kind: str, folder: Path, **options: Any) -> dict[str, Any]:
    """Data of a kind, written into `folder`, as a job states it."""
    folder.mkdir(parents=True, exist_ok=True)
    make = {"tokens": tagged, "span": asked, "entity": recorded}[kind]
    files = {}
    for role, (count, seed) in SIZES.items():
        path = folder / f"{kind}-{role}.jsonl"
        path.write_text("\n".join(map(json.dumps, make(count, seed))), encoding="utf-8")
        files[role] = str(path)
    limits = {"max_length": 24, "stride": 6, "max_answer": 4} if kind == "span" else {"max_length": 30}
    return {**files, **limits, **options}


def job_for(kind: str, backbone: str, folder: Path, **options: Any) -> Job:
    """A job of four trials of a kind; `options` are of its data."""
    return Job.model_validate(
        {
            "name": kind,
            "seed": 5,
            "backbone": {"id": backbone},
            "task": {"kind": kind, "data": data_for(kind, folder / "data", **options)},
            "space": SPACE,
            "budget": {"trials": 4, "epochs": 3},
            "resources": {"slots": 2},
        }
    )


def trials_of(job: Job, backbone: Backbone, folder: Path, configs: list[dict]) -> list[tuple[Plan, Learner]]:
    """Trials of a job, ready to train."""
    factory = TrialFactory(job, prepare(job).splits, backbone, folder)
    return [factory.make(number, config) for number, config in enumerate(configs)]
