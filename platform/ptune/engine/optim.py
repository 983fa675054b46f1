"""How a learner's parameters move: AdamW under a schedule over the whole horizon, gradients clipped per trial."""

from __future__ import annotations

import torch

from ptune.prompts.learner import Learner
from ptune.spec.trial import Recipe


def rate_share(recipe: Recipe, step: int, total: int) -> float:
    """The share of the peak learning rate that optimiser step `step` (from 0) of `total` uses."""
    warm = recipe.warmup * total
    if step < warm:
        return (step + 1) / (warm + 1)
    if recipe.schedule == "constant":
        return 1.0
    return max(0.0, (total - step) / max(1.0, total - warm))


def adamw(learner: Learner, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW with one parameter group for the prompt and one for the head; each remembers its peak rate as `peak`."""
    head_lr = recipe.lr if recipe.head_lr is None else recipe.head_lr
    groups = [
        {"params": learner.prompt_parameters, "lr": recipe.lr, "peak": recipe.lr},
        {"params": list(learner.head.parameters()), "lr": head_lr, "peak": head_lr},
    ]
    used = [group for group in groups if group["params"]]
    return torch.optim.AdamW(used, weight_decay=recipe.weight_decay)


def take_step(learner: Learner, optimizer: torch.optim.AdamW, recipe: Recipe, step: int, total: int) -> None:
    """Clip the learner's gradients jointly, set the rate of this step, move the parameters, clear the gradients."""
    share = rate_share(recipe, step, total)
    for group in optimizer.param_groups:
        group["lr"] = share * group["peak"]
    if recipe.clip is not None:
        torch.nn.utils.clip_grad_norm_(learner.parameters(), recipe.clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
