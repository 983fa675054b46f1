"""Artifacts made from a backbone, as a search would leave them: a random prompt with an effect worth measuring."""

from collections.abc import Sequence

import numpy as np
import torch

from ptune.artifacts.artifact import Artifact, Origin, describe
from ptune.artifacts.predict import Predictor
from ptune.backbone.backbone import Backbone
from ptune.prompts.build import build_learner
from ptune.prompts.heads import Linear
from ptune.spec.data import ClassificationData
from ptune.spec.task import Classification
from ptune.spec.trial import TrialSpec

PAIR = ["premise", "hypothesis"]


def make_artifact(backbone: Backbone, fields=("text",), labels=("no", "yes"), max_length=32, **config) -> Artifact:
    """An artifact for `config`, its tensors drawn large enough to move every score."""
    spec = TrialSpec.from_config(config)
    learner = build_learner(spec.prompt, backbone, [Linear(len(labels), pooled=True)], seed=3, recipe=spec.recipe)
    data = ClassificationData(source="made", text=list(fields), labels=list(labels), max_length=max_length)
    generator = torch.Generator().manual_seed(4)
    tensors = {
        name: tensor + 0.5 * torch.randn(tensor.shape, generator=generator)
        for name, tensor in learner.collapsed().items()
    }
    manifest = describe(
        spec,
        Classification(data=data),
        Origin.of(backbone, revision=None),
        labels=[labels],
        versions={"ptune": "0.1.0"},
        scores={"dev": {"accuracy": 0.75}},
        search="made",
        trial=7,
        seed=11,
    )
    return Artifact(manifest, tensors)


def scores_of(predictor: Predictor, texts: Sequence[tuple[str, ...]], token_budget: int = 8_192) -> torch.Tensor:
    """Class scores [texts, labels], from which `predict` makes probabilities."""
    examples = predictor.asked(texts).examples
    return torch.as_tensor(
        np.stack(predictor.task.predict(predictor.backbone, predictor.learner, examples, token_budget))
    )
