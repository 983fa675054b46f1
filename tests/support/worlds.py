"""A small world for engines: a tiny random backbone, encoded sentences, and trials of every kind."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ptune.backbone.backbone import Backbone
from ptune.data.sources import Split, Splits
from ptune.engine.fused import Engine, Failure, Report
from ptune.engine.reference import predict_alone, train_alone
from ptune.engine.slots import Plan
from ptune.prompts.learner import Learner
from ptune.run.trials import TrialFactory
from ptune.spec.job import Job
from support import families
from support.closeness import near

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
    "v2 named layers": {"method": "v2", "length": 4, "layers": "1,3", "schedule": "exponential", "gamma": 0.5},
    "v2 lengths": {"method": "v2", "length": 6, "lengths": "2,6,3", "lr": 0.02, "batch_size": 8, "dropout": 0.2},
    "prompt tuning, words": {"method": "prompt_tuning", "length": 4, "schedule": "constant", "batch_size": 8},
    "prompt tuning, text": {
        "method": "prompt_tuning",
        "length": 3,
        "init": "text: red cold",
        "optimizer": "adam",
        "weight_decay": 0.1,
        "head_weight_decay": 0.01,
    },
    "v1 passes": {"method": "v1", "length": 3, "encoder": "embedding", "init": "vocabulary", "passes": 2},
    "v2 labels, frozen": {"method": "v2", "length": 5, "init": "text", "frozen": 2, "weight_decay": 0.1},
    "v2 mlp, words": {"method": "v2", "length": 4, "encoder": "mlp", "hidden": 8, "init": "vocabulary"},
}
TUNED = {
    "fine-tuned": {"method": "head", "lr": 0.01, "backbone_lr": 1e-3, "backbone_weight_decay": 0.1, "batch_size": 8},
    "v1 tuned": {"method": "v1", "length": 3, "encoder": "mlp", "backbone_lr": 1e-3, "head_dropout": 0.1},
    "v2 tuned": {"method": "v2", "length": 4, "depth": 2, "backbone_lr": 1e-3, "batch_size": 8, "dropout": 0.1},
}
"""The backbone trains, too."""
WORDED = {
    "v1": {"method": "v1", "length": 4, "encoder": "lstm", "template": "[P] {text} It was [P] [MASK]", "batch_size": 8},
    "v1 before": {"method": "v1", "length": 3, "encoder": "embedding", "template": "before", "batch_size": 8},
    "v2": {"method": "v2", "length": 5, "batch_size": 8, "dropout": 0.2},
    "prompt tuning": {"method": "prompt_tuning", "length": 3, "batch_size": 8},
}
"""The language head names a word."""


def sentences(count: int, seed: int) -> Split:
    """Sentences of 2 to 12 words; the label says whether a word of the first half of `WORDS` comes first."""
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, size=rng.integers(2, 13))) for _ in range(count)]
    labels = [int(WORDS.index(text.split()[0]) < len(WORDS) // 2) for text in texts]
    return Split([(text,) for text in texts], labels, source=f"made:{seed}", digest=str(seed))


@dataclass(frozen=True)
class World:
    """A backbone and data on which trials can be made.

    Attributes:
        more: further data sets.
        data: what a job says of the first data set.
        budget: what it says of the budget beside its horizon.
    """

    backbone: Backbone
    splits: Splits
    folder: Path
    horizon: int = 4
    more: Sequence[Splits] = ()
    data: dict[str, Any] = field(default_factory=dict)
    budget: dict[str, Any] = field(default_factory=dict)

    def trial(self, number: int, config: dict) -> tuple[Plan, Learner]:
        self.folder.mkdir(parents=True, exist_ok=True)  # states are saved into a folder that is there
        trials = TrialFactory(self._job(), [self.splits, *self.more], self.backbone, self.folder)
        plan, learner = trials.make(number, config)
        return plan, learner.to(self.backbone.device)

    def _job(self) -> Job:
        data = {"source": "builtin:none", "max_length": 32}
        return Job.model_validate(
            {
                "name": "world",
                "seed": 7,
                "backbone": {"id": self.backbone.id},
                "task": {"data": {**data, **self.data}, "more": [data] * len(self.more)},
                "space": {"parameters": {"method": {"value": "v2"}}},
                "budget": {"trials": 1, "epochs": self.horizon, **self.budget},
            }
        )


def trained_together(world: World, names: Sequence[str], epochs: int) -> tuple[list[Learner], dict[int, Any]]:
    """Train some of `CONFIGS` on one engine: their learners, and the metrics of their last epochs by number."""
    engine, learners = Engine(world.backbone, token_budget=2_000), []
    for number, name in enumerate(names):
        plan, learner = world.trial(number, CONFIGS[name])
        engine.join(plan, learner)
        learners.append(learner)
        engine.advance(number, epochs)
    return learners, {report.trial: report.metrics for report in finish(engine) if report.epoch == epochs}


def trained_alone(world: World, number: int, name: str, epochs: int) -> tuple[Learner, float, float]:
    """Train one of `CONFIGS` by the reference: its learner, the mean loss of its last epoch, and its loss on dev."""
    plan, learner = world.trial(number, CONFIGS[name])
    losses = train_alone(world.backbone, learner, plan, epochs)
    last = losses[-len(losses) // epochs :]
    metrics = plan.task.measure(predict_alone(world.backbone, learner, plan, plan.dev), plan.dev)
    return learner, sum(last) / len(last), metrics["loss"]


def assert_together_as_alone(shared: World, plain: World, names: Sequence[str], epochs: int) -> None:
    """Some of `CONFIGS` that train together in one world come to the losses of each alone in another."""
    _, final = trained_together(shared, names, epochs)
    for number, name in enumerate(names):
        _, train_loss, loss = trained_alone(plain, number, name, epochs)
        assert final[number]["train_loss"] == near(train_loss), name
        assert final[number]["loss"] == near(loss), name


def finish(engine: Engine) -> list[Report | Failure]:
    """Run an engine until its trials have come to where they were advanced to; everything that came to an end."""
    outcomes = []
    while engine.busy:
        outcomes += engine.step()
    return outcomes
