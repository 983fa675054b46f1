"""Artifacts made from a backbone, as a search would leave them: a random prompt with an effect worth measuring."""

import torch

from ptune.artifacts.artifact import Artifact, Origin, describe
from ptune.backbone.load import Backbone
from ptune.prompts.build import build_learner
from ptune.spec.trial import TrialSpec

PAIR = ["premise", "hypothesis"]


def make_artifact(backbone: Backbone, fields=("text",), labels=("no", "yes"), max_length=32, **config) -> Artifact:
    """An artifact for `config`, its tensors drawn large enough to move every score."""
    prompt = TrialSpec.from_config(config).prompt
    pooled = backbone.pooler is not None
    learner = build_learner(prompt, backbone.shape, backbone.family, len(labels), pooled, seed=3)
    generator = torch.Generator().manual_seed(4)
    tensors = {
        name: tensor + 0.5 * torch.randn(tensor.shape, generator=generator)
        for name, tensor in learner.collapsed().items()
    }
    about = describe(
        prompt,
        Origin.of(backbone, revision=None),
        fields=fields,
        labels=labels,
        max_length=max_length,
        versions={"ptune": "0.1.0"},
        scores={"dev": {"accuracy": 0.75}},
        search="made",
        trial=7,
        seed=11,
    )
    return Artifact(about, tensors)
