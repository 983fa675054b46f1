"""One pass over trials of several kinds, with everything that it computes."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ptune.prompts.draws import Draws
from ptune.prompts.forward import MiniBatch, forward
from support.worlds import CONFIGS


def pass_over(world, names: Sequence[str]) -> tuple[list[Tensor], list[Tensor]]:
    """Scores and gradients of one pass over the trials of some names, where they are computed."""
    trials = [world.trial(number, CONFIGS[name]) for number, name in enumerate(names)]
    groups = [
        MiniBatch(
            learner, plan.train, np.arange(4), plan.recipe.head_dropout, Draws.of_step(torch.Generator().manual_seed(5))
        )
        for plan, learner in trials
    ]
    scored = [one.scores for one in forward(world.backbone, groups)]
    torch.stack([scores.square().sum() for scores in scored]).sum().backward()
    gradients = [parameter.grad for _, learner in trials for parameter in learner.parameters()]
    return scored, [gradient for gradient in gradients if gradient is not None]


def on_cpu(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Tensors without their history, brought to the CPU."""
    return [tensor.detach().cpu() for tensor in tensors]
