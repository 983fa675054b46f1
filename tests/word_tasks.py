"""Small tasks whose answers are words: facts of two relations, and candidates, on tiny language models."""

from pathlib import Path
from typing import Any

import numpy as np

from families import WORDS
from ptune.backbone.load import Backbone
from ptune.data.sources import Split, Splits
from ptune.engine.slots import Plan
from ptune.prompts.learner import Learner
from ptune.run.trials import TrialFactory
from ptune.spec.job import Job

FACT = "{sub_label} is [MASK]"
STORY = "{premise} so {choice}"


def facts(count: int, seed: int) -> Split:
    """Subjects of one to three words, and objects among five."""
    rng = np.random.default_rng(seed)
    texts = [(" ".join(rng.choice(WORDS, rng.integers(1, 4))),) for _ in range(count)]
    return Split(texts, rng.choice(WORDS[:5], count).tolist(), f"facts:{seed}", str(seed))


def stories(count: int, seed: int) -> Split:
    """A premise and two candidates of one to four words."""
    rng = np.random.default_rng(seed)
    texts = [tuple(" ".join(rng.choice(WORDS, rng.integers(1, 5))) for _ in range(3)) for _ in range(count)]
    return Split(texts, rng.integers(0, 2, count).tolist(), f"stories:{seed}", str(seed))


def made_trial(
    task: dict[str, Any], splits: list[Splits], backbone: Backbone, folder: Path, number: int, config: dict[str, Any]
) -> tuple[Plan, Learner]:
    """A trial on data that no file holds."""
    job = Job.model_validate(
        {
            "name": "words",
            "seed": 7,
            "backbone": {"id": backbone.id},
            "task": task,
            "space": {"parameters": {"method": {"value": "v2"}}},
            "budget": {"trials": 1, "epochs": 3},
        }
    )
    return TrialFactory(job, splits, backbone, folder).make(number, config)


def cloze_trial(
    backbone: Backbone, folder: Path, number: int = 0, base: str = FACT, **config: Any
) -> tuple[Plan, Learner]:
    """A trial on two relations of unequal size."""
    files = {"train": "{relation}.jsonl", "dev": "{relation}.jsonl"}
    data = {**files, "relations": ["home", "food"], "template": base, "max_length": 24}
    splits = [Splits(facts(n, n), facts(n - 5, n + 1), None, WORDS[:8]) for n in (14, 11)]
    return made_trial({"kind": "cloze", "data": data}, splits, backbone, folder, number, config)


def choice_trial(
    backbone: Backbone, folder: Path, number: int = 0, base: str = STORY, task: dict | None = None, **config: Any
) -> tuple[Plan, Learner]:
    """A trial on premises with two candidates each."""
    data = {"train": "a.jsonl", "dev": "a.jsonl", "text": ["premise"], "template": base, "max_length": 32}
    splits = [Splits(stories(12, 1), stories(9, 2), None, ["choice1", "choice2"])]
    return made_trial({"kind": "choice", "data": data, **(task or {})}, splits, backbone, folder, number, config)
