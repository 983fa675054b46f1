"""A small world for engines: a tiny random backbone, encoded sentences, and trials of every kind."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import families
from ptune.backbone.load import Backbone
from ptune.data.sources import Split, Splits
from ptune.engine.slots import Plan
from ptune.prompts.learner import Learner
from ptune.run.trials import TrialFactory
from ptune.spec.job import Job

WORDS = families.WORDS

CONFIGS = {
    "v2 all layers": {"method": "v2", "length": 5, "lr": 0.01, "batch_size": 8},
    "v2 longer, dropout": {"method": "v2", "length": 9, "dropout": 0.3, "lr": 0.02, "batch_size": 5},
    "v2 last layer": {"method": "v2", "length": 3, "depth": 1, "lr": 0.01, "batch_size": 8},
    "v2 first layer, shifted": {"method": "v2", "length": 3, "depth": 1, "side": "first", "positions": "shifted"},
    "v2 mlp": {"method": "v2", "length": 4, "encoder": "mlp", "hidden": 16, "lr": 0.003, "batch_size": 7},
    "v1 lstm before": {"method": "v1", "length": 4, "encoder": "lstm", "lr": 0.005, "batch_size": 6},
    "v1 mlp around": {"method": "v1", "length": 5, "encoder": "mlp", "template": "around", "batch_size": 8},
    "v1 anchors": {"method": "v1", "length": 3, "encoder": "embedding", "template": "[P] {text} cold [P:1]"},
    "head": {"method": "head", "lr": 0.05, "batch_size": 8, "head_dropout": 0.2},
}


def sentences(count: int, seed: int) -> Split:
    """Sentences of 2 to 12 words; the label says whether a word of the first half of `WORDS` comes first."""
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, size=rng.integers(2, 13))) for _ in range(count)]
    labels = [int(WORDS.index(text.split()[0]) < len(WORDS) // 2) for text in texts]
    return Split([(text,) for text in texts], labels, source=f"made:{seed}", digest=str(seed))


@dataclass(frozen=True)
class World:
    """A backbone and data on which trials can be made."""

    backbone: Backbone
    splits: Splits
    folder: Path
    horizon: int = 4

    def trial(self, number: int, config: dict) -> tuple[Plan, Learner]:
        return TrialFactory(self._job(), [self.splits], self.backbone, self.folder).make(number, config)

    def _job(self) -> Job:
        return Job.model_validate(
            {
                "name": "world",
                "seed": 7,
                "backbone": {"id": self.backbone.id},
                "task": {"data": {"source": "builtin:none", "max_length": 32}},
                "space": {"parameters": {"method": {"value": "v2"}}},
                "budget": {"trials": 1, "epochs": self.horizon},
            }
        )
