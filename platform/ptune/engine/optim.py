"""How a learner's parameters move: Adam under a schedule over the whole horizon, gradients clipped per trial."""

from __future__ import annotations

from typing import Any

import torch

from ptune.prompts.learner import Learner
from ptune.spec.trial import Recipe


def rate_share(recipe: Recipe, step: int, steps_per_epoch: int, epochs: int) -> float:
    """The share of the peak learning rate that optimiser step `step` (from 0) uses in a horizon of `epochs` epochs."""
    total = epochs * steps_per_epoch
    warm = recipe.warmup * total
    if step < warm:
        return (step + 1) / (warm + 1)
    match recipe.schedule:
        case "constant":
            return 1.0
        case "exponential":
            return float(recipe.gamma ** (step // steps_per_epoch))
        case "linear":
            return max(0.0, (total - step) / max(1.0, total - warm))


def build_optimizer(learner: Learner, recipe: Recipe) -> torch.optim.Optimizer | None:
    """The recipe's optimiser over all that trains; None if nothing does.

    Prompt, head and backbone have groups of their own, each with its peak rate as `peak` and its own weight decay; of a
    tuned backbone only matrices decay.
    """
    head_lr = recipe.lr if recipe.head_lr is None else recipe.head_lr
    head_decay = recipe.weight_decay if recipe.head_weight_decay is None else recipe.head_weight_decay
    groups = [
        _group(learner.prompt_parameters, recipe.lr, recipe.weight_decay),
        _group(learner.head_parameters, head_lr, head_decay),
    ]
    if recipe.backbone_lr is not None:
        body = [parameter for _, parameter in learner.body_parameters]
        matrices = [parameter for parameter in body if parameter.dim() > 1]
        others = [parameter for parameter in body if parameter.dim() <= 1]
        groups.append(_group(matrices, recipe.backbone_lr, recipe.backbone_weight_decay))
        groups.append(_group(others, recipe.backbone_lr, 0.0))
    used = [group for group in groups if group["params"]]
    if not used:
        return None
    return torch.optim.AdamW(used) if recipe.optimizer == "adamw" else torch.optim.Adam(used)


def take_step(learner: Learner, optimizer: torch.optim.Optimizer, recipe: Recipe, share: float) -> None:
    """Clip the learner's gradients jointly, set the rate of this step, move the parameters, clear the gradients."""
    for group in optimizer.param_groups:
        group["lr"] = share * group["peak"]
    if recipe.clip is not None:
        torch.nn.utils.clip_grad_norm_(learner.parameters(), recipe.clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _group(parameters: list[torch.nn.Parameter], lr: float, decay: float) -> dict[str, Any]:
    return {"params": parameters, "lr": lr, "peak": lr, "weight_decay": decay}
