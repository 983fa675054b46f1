"""What every conformance test needs: the families, encoded sentences, learners, and one forward pass."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from ptune.backbone.backbone import Backbone
from ptune.backbone.families import FAMILIES
from ptune.data.sources import unlabelled
from ptune.prompts.build import build_learner
from ptune.prompts.forward import MiniBatch, forward
from ptune.prompts.heads import Linear
from ptune.prompts.layout import bind
from ptune.prompts.learner import Learner
from ptune.prompts.rows import Examples, Stack, stack
from ptune.spec.layout import input_parts
from ptune.spec.trial import TrialSpec
from ptune.tasks.classification import ClassificationKind

every_family = pytest.mark.parametrize("family", sorted(FAMILIES))
SENTENCES = [
    ("red green", "old"),
    ("a loud, bitter afternoon and a quiet night", "not quiet"),
    ("warm", "long short flat round plain"),
]
PAIR = ["a", "b"]
CLASSES = 3


def learner_for(backbone: Backbone, seed: int = 1, **config) -> Learner:
    """An untrained learner for a flat configuration, its weights scaled up so that effects are measurable."""
    spec = TrialSpec.from_config(config).prompt
    learner = build_learner(spec, backbone, [Linear(CLASSES, pooled=True)], seed)
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter.mul_(20.0 if parameter.std() < 0.1 else 1.0)
    return learner


def examples_for(backbone: Backbone, texts: Sequence[Sequence[str]] = SENTENCES, **config) -> Examples:
    """The texts as a configuration's learner sees them; pairs unless texts say otherwise."""
    fields = PAIR[: len(texts[0])]
    parts = input_parts(TrialSpec.from_config(config).prompt, fields)
    kind = ClassificationKind(fields, ["x", "y", "z"])
    return kind.encode(unlabelled(texts), bind(parts, backbone, fields, 48), backbone, training=False)


def stacked(backbone: Backbone, texts: Sequence[Sequence[str]] = SENTENCES, **config) -> Stack:
    """The texts as one batch."""
    return stack(examples_for(backbone, texts, **config).rows, backbone.device)


def group_for(backbone: Backbone, seed: int = 1, rows: Sequence[int] = (0, 1, 2), **config) -> MiniBatch:
    """Some sentences with a learner of their own."""
    examples = examples_for(backbone, **config)
    return MiniBatch(learner_for(backbone, seed, **config), examples, torch.tensor(list(rows)).numpy())


def scores_of(backbone: Backbone, *groups: MiniBatch) -> list[Tensor]:
    """The class scores of each group, from one pass."""
    return [scored.scores for scored in forward(backbone, groups)]
