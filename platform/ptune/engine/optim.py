"""How a learner's parameters move: Adam under a schedule over the whole horizon, gradients clipped per trial."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

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


@dataclass(frozen=True)
class Step:
    """One step of one learner's optimiser.

    Attributes:
        optimizer: Adam or AdamW; it keeps the moments.
        share: the share of its groups' peak rates.
        clip: most that the joint norm of the gradients may be; None clips nothing.
    """

    optimizer: torch.optim.Optimizer
    share: float
    clip: float | None

    def moves(self) -> list[tuple[dict[str, Any], nn.Parameter]]:
        """Each parameter that has a gradient, and its group."""
        groups = self.optimizer.param_groups
        return [(group, parameter) for group in groups for parameter in group["params"] if parameter.grad is not None]


@torch.no_grad()
def step_together(steps: Sequence[Step]) -> None:
    """Clip each learner's gradients jointly, set its rates, move its parameters, clear its gradients.

    The arithmetic is that of torch's Adam (Kingma and Ba 2015, algorithm 1) and AdamW (Loshchilov and Hutter 2019,
    algorithm 2), over the tensors of all learners at once: a prompt is small, and most of a step of its own would be
    calls. Moments stay in each learner's own optimiser. Whatever needs memory comes before whatever moves, so that
    a step for which there is no memory has not happened.
    """
    groups: list[dict[str, Any]] = []
    parameters: list[Tensor] = []
    states: list[dict[str, Any]] = []
    for step in steps:
        for group, parameter in step.moves():
            groups.append({**group, "lr": step.share * group["peak"]})
            parameters.append(parameter)
            states.append(_moments(step.optimizer.state[parameter], parameter))
    if parameters:
        gradients: list[Any] = [parameter.grad for parameter in parameters]
        spare = [torch.empty_like(parameter) for parameter in parameters]
        _clip(steps)
        _move(groups, parameters, gradients, states, spare)
    for step in steps:
        for group in step.optimizer.param_groups:
            group["lr"] = step.share * group["peak"]
        step.optimizer.zero_grad(set_to_none=True)


def _moments(state: dict[str, Any], parameter: Tensor) -> dict[str, Any]:
    """A parameter's moments and the number of its steps, as torch's Adam keeps them."""
    if not state:
        first, second = torch.zeros_like(parameter), torch.zeros_like(parameter)  # both, or memory holds neither
        state.update(step=torch.zeros(()), exp_avg=first, exp_avg_sq=second)
    return state


def _clip(steps: Sequence[Step]) -> None:
    for step in steps:
        if step.clip is not None:
            torch.nn.utils.clip_grad_norm_([parameter for _, parameter in step.moves()], step.clip)


def _move(
    groups: Sequence[dict[str, Any]],
    parameters: list[Tensor],
    gradients: list[Tensor],
    states: Sequence[dict[str, Any]],
    spare: list[Tensor],
) -> None:
    """One step of Adam for each parameter with the constants of its group; `spare` is room to compute in."""
    first, second = ([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq"))
    counts = [state["step"] for state in states]
    torch._foreach_add_(counts, 1)
    numbers = [float(count) for count in counts]
    beta1, beta2 = groups[0]["betas"]
    decoupled = [group["lr"] * group["weight_decay"] if group["decoupled_weight_decay"] else 0.0 for group in groups]
    coupled = [0.0 if group["decoupled_weight_decay"] else group["weight_decay"] for group in groups]
    if any(decoupled):
        torch._foreach_mul_(parameters, [1.0 - share for share in decoupled])
    for parameter, gradient, share in zip(parameters, gradients, coupled, strict=True):
        if share:
            gradient.add_(parameter, alpha=share)
    torch._foreach_lerp_(first, gradients, 1.0 - beta1)
    torch._foreach_mul_(second, beta2)
    torch._foreach_addcmul_(second, gradients, gradients, 1.0 - beta2)
    torch._foreach_copy_(spare, second)
    torch._foreach_sqrt_(spare)
    torch._foreach_div_(spare, [math.sqrt(1.0 - beta2**number) for number in numbers])
    torch._foreach_add_(spare, groups[0]["eps"])
    sizes = [-group["lr"] / (1.0 - beta1**number) for group, number in zip(groups, numbers, strict=True)]
    torch._foreach_addcdiv_(parameters, first, spare, sizes)


def _group(parameters: list[torch.nn.Parameter], lr: float, decay: float) -> dict[str, Any]:
    return {"params": parameters, "lr": lr, "peak": lr, "weight_decay": decay}
