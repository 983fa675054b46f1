"""A small task in writing: the words of a sentence, the other way round or as they are, on tiny language models."""

from pathlib import Path

import numpy as np

from ptune.backbone.backbone import Backbone
from ptune.data.sources import Split, Splits
from ptune.engine.slots import Plan
from ptune.prompts.learner import Learner
from ptune.run.trials import TrialFactory
from ptune.spec.job import Job
from support.families import WORDS, make_backbone

MOST = 7
NAMES = ["Lily", "Tom", "Ben", "Mia", "Sam", "Anna", "Max", "Tim", "Sara", "Jack"]
THINGS = ["ball", "cat", "dog", "car", "box", "hat", "tree", "cake"]


def make_writer(family: str, folder: Path) -> Path:
    """A tiny random language model that does not write the same whatever it reads, as a T5 of usual size would."""
    return make_backbone(family, folder, lm=True, **({"initializer_factor": 3.0} if family.endswith("t5") else {}))


def echoes(count: int, seed: int) -> Split:
    """Two to six words, to be written again; some targets are longer than `MOST` allows."""
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, size=rng.integers(2, 10))) for _ in range(count)]
    return Split([(text,) for text in texts], list(texts), source=f"made:{seed}", digest=str(seed))


def stories() -> Splits:
    """Who saw what, and that they liked it: 60 pairs of a name and a thing to learn from, 20 others to try."""
    pairs = [(name, thing) for name in NAMES for thing in THINGS]
    order = np.random.default_rng(1).permutation(len(pairs)).tolist()

    def split(part: list[int]) -> Split:
        seen = [(f"{pairs[index][0]} saw a big {pairs[index][1]}.",) for index in part]
        return Split(seen, ["{} liked the {}.".format(*pairs[index]) for index in part], "made", "")

    return Splits(split(order[:60]), split(order[60:]), None, [])


def writing_job(backbone: str, data: dict | None = None, **more) -> Job:
    """A job that generates."""
    content = {
        "name": "writing",
        "seed": 7,
        "backbone": {"id": backbone},
        "task": {
            "kind": "generation",
            "data": {"source": "builtin:none", "max_length": 32, "max_target": MOST, **(data or {})},
        },
        "space": {"parameters": {"method": {"value": "v2"}}},
        "budget": {"trials": 1, "epochs": 6},
    }
    return Job.model_validate({**content, **more})


def writing_trial(
    backbone: Backbone, folder: Path, number: int = 0, splits: Splits | None = None, data: dict | None = None, **config
) -> tuple[Plan, Learner]:
    """A trial that learns to write."""
    splits = splits or Splits(echoes(20, 1), echoes(5, 2), None, [])
    return TrialFactory(writing_job(backbone.id, data), [splits], backbone, folder).make(number, config)
