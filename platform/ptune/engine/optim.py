"""How a learner's parameters move: Adam under a schedule over the whole horizon, gradients clipped per trial."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypedDict

import torch
from torch import Tensor, nn

from ptune.engine.flat_gradients import Clipped, clip_together
from ptune.prompts.learner import Learner
from ptune.spec.trial import Recipe


def rate_share(recipe: Recipe, step: int, steps_per_epoch: int, epochs: int) -> float:
    """The share of the peak learning rate that optimiser step `step` (from 0) uses in a horizon of `epochs` epochs.

    Warm-up and the linear schedule are those of transformers: the rate rises from zero, over a whole number of steps.
    """
    total = epochs * steps_per_epoch
    warm = math.ceil(total * recipe.warmup)
    if step < warm:
        return step / warm
    match recipe.schedule:
        case "constant":
            return 1.0
        case "exponential":
            return float(recipe.gamma ** (step // steps_per_epoch))
        case "linear":
            return max(0.0, (total - step) / max(1, total - warm))


def build_optimizer(learner: Learner, recipe: Recipe) -> torch.optim.Optimizer | None:
    """The recipe's optimiser over all that trains; None if nothing does.

    Prompt, head and backbone have parameter groups of their own, each with its weight decay, and its peak rate as
    `peak`. Of head and backbone, only matrices decay, as in transformers' Trainer.
    """
    head_lr = recipe.lr if recipe.head_lr is None else recipe.head_lr
    head_decay = recipe.weight_decay if recipe.head_weight_decay is None else recipe.head_weight_decay
    groups = [
        _param_group(learner.prompt_parameters, recipe.lr, recipe.weight_decay),
        # Saved states know parameters by their order, so that of the head's is kept.
        *(
            _param_group(list(members), head_lr, decay)
            for decay, members in groupby(learner.head_parameters, lambda one: head_decay if one.dim() > 1 else 0.0)
        ),
    ]
    if recipe.backbone_lr is not None:
        body = [parameter for _, parameter in learner.body_parameters]
        matrices = [parameter for parameter in body if parameter.dim() > 1]
        vectors = [parameter for parameter in body if parameter.dim() <= 1]  # biases and norms
        groups.append(_param_group(matrices, recipe.backbone_lr, recipe.backbone_weight_decay))
        groups.append(_param_group(vectors, recipe.backbone_lr, 0.0))
    groups = [group for group in groups if group["params"]]
    if not groups:
        return None
    return torch.optim.AdamW(groups) if recipe.optimizer == "adamw" else torch.optim.Adam(groups)


@dataclass(frozen=True)
class Step:
    """One step of one learner's optimiser.

    Attributes:
        optimizer: Adam or AdamW; it keeps the moments.
        share: the share of its groups' peak rates.
        clip: the largest joint norm of the gradients; None clips nothing.
    """

    optimizer: torch.optim.Optimizer
    share: float
    clip: float | None

    def moves(self) -> list[tuple[dict[str, Any], nn.Parameter]]:
        """Each parameter that has a gradient, and its parameter group."""
        groups = self.optimizer.param_groups
        return [(group, parameter) for group in groups for parameter in group["params"] if parameter.grad is not None]


class _Moments(TypedDict):
    """What torch's Adam keeps for a parameter, under torch's names."""

    step: Tensor
    exp_avg: Tensor
    exp_avg_sq: Tensor


@dataclass(frozen=True)
class _Constants:
    """The constants of Adam that one call moves all its parameters with."""

    beta1: float
    beta2: float
    eps: float


@dataclass(frozen=True)
class _Update:
    """One parameter's part in a step.

    Attributes:
        parameter: what moves.
        moments: its moments.
        spare: room for the denominator, of the parameter's shape; None where torch's kernel moves it.
        lr: the learning rate of this step.
        decoupled_decay: the weight decay that shrinks the parameter (AdamW).
        coupled_decay: the weight decay that is added to the gradient (Adam).
    """

    parameter: nn.Parameter
    moments: _Moments
    spare: Tensor | None
    lr: float
    decoupled_decay: float
    coupled_decay: float


@torch.no_grad()
def step_together(steps: Sequence[Step], *, flat_gradients: bool = False) -> None:
    """Clip each learner's gradients jointly, set its rates, move its parameters, clear its gradients.

    The arithmetic is that of torch's Adam (Kingma and Ba 2015, algorithm 1) and AdamW (Loshchilov and Hutter 2019,
    algorithm 2), over the tensors of all learners at once: a prompt is small, and most of the time of a step of its own
    would go into calls. The moments stay in each learner's own optimiser, which saves and restores them.

    Args:
        steps: one of each learner.
        flat_gradients: whether small learners are clipped in the same calls, see `ptune.engine.flat_gradients`.
    """
    updates: dict[_Constants, list[_Update]] = defaultdict(list)
    # Whatever needs memory is made before anything moves: a step for which there is no memory has not happened, and the
    # engine can make it again in a smaller pass.
    for step in steps:
        for group, parameter in step.moves():
            moments = _moments(step.optimizer, parameter)
            beta1, beta2 = group["betas"]
            constants = _Constants(beta1, beta2, group["eps"])
            updates[constants].append(_update(group, parameter, moments, step.share))
    _clip(steps, flat_gradients=flat_gradients)
    for constants, group_updates in updates.items():
        _move(constants, [update for update in group_updates if update.spare is not None])
        _move_by_kernel(constants, [update for update in group_updates if update.spare is None])
    for step in steps:
        for group in step.optimizer.param_groups:
            group["lr"] = step.share * group["peak"]
        step.optimizer.zero_grad(set_to_none=True)


def _clip(steps: Sequence[Step], *, flat_gradients: bool) -> None:
    """Clip each learner's gradients jointly, those of small learners in the same calls where that is asked for."""
    together = []
    for step in steps:
        if step.clip is None:
            continue
        learner = Clipped([parameter for _, parameter in step.moves()], step.clip)
        if flat_gradients and learner.is_small:
            together.append(learner)
        else:
            torch.nn.utils.clip_grad_norm_(learner.parameters, step.clip)
    clip_together(together)


def _moments(optimizer: torch.optim.Optimizer, parameter: nn.Parameter) -> _Moments:
    """A parameter's moments and the number of its steps, as torch's Adam keeps them; zeros before the first step."""
    state = optimizer.state[parameter]
    if not state:
        # Both tensors are made before either is kept: without memory for the second, the state stays empty.
        first, second = torch.zeros_like(parameter), torch.zeros_like(parameter)
        state.update(_Moments(step=torch.zeros(()), exp_avg=first, exp_avg_sq=second))
    return _Moments(step=state["step"], exp_avg=state["exp_avg"], exp_avg_sq=state["exp_avg_sq"])


def _update(group: dict[str, Any], parameter: nn.Parameter, moments: _Moments, share: float) -> _Update:
    decoupled = group["decoupled_weight_decay"]  # torch's flag that tells AdamW from Adam
    has_kernel = _has_kernel(parameter)
    if has_kernel and parameter.grad is not None:
        parameter.grad = parameter.grad.contiguous()  # the kernel takes others wrongly, and a copy needs memory
    return _Update(
        parameter=parameter,
        moments=moments,
        spare=None if has_kernel else torch.empty_like(parameter),
        lr=share * group["peak"],
        decoupled_decay=group["weight_decay"] if decoupled else 0.0,
        coupled_decay=0.0 if decoupled else group["weight_decay"],
    )


def _has_kernel(parameter: nn.Parameter) -> bool:
    """Whether torch's fused kernel moves a parameter: on CPUs, where it has been measured, and in order in memory."""
    return parameter.device.type == "cpu" and parameter.is_contiguous()


def _move_by_kernel(constants: _Constants, updates: Sequence[_Update]) -> None:
    """One step of Adam for all parameters, each of whose numbers is read once.

    A call of the kernel has one rate and one decay, so there is one for each parameter group.
    """
    groups: dict[tuple[float, float, float], list[_Update]] = defaultdict(list)
    for update in updates:
        groups[update.lr, update.decoupled_decay, update.coupled_decay].append(update)
    for (lr, decoupled, coupled), alike in groups.items():
        gradients: list[Any] = [update.parameter.grad for update in alike]
        steps = [update.moments["step"] for update in alike]
        torch._foreach_add_(steps, 1)
        kernel = torch._fused_adam_ if coupled else torch._fused_adamw_
        kernel(
            [update.parameter for update in alike],
            gradients,
            [update.moments["exp_avg"] for update in alike],
            [update.moments["exp_avg_sq"] for update in alike],
            [],
            steps,
            lr=lr,
            beta1=constants.beta1,
            beta2=constants.beta2,
            weight_decay=decoupled + coupled,
            eps=constants.eps,
            amsgrad=False,
            maximize=False,
        )


def _move(constants: _Constants, updates: Sequence[_Update]) -> None:
    """One step of Adam for all parameters, in torch's own order of operations, so that the numbers are torch's."""
    if not updates:
        return
    parameters: list[Tensor] = [update.parameter for update in updates]
    gradients: list[Any] = [update.parameter.grad for update in updates]
    means = [update.moments["exp_avg"] for update in updates]
    squares = [update.moments["exp_avg_sq"] for update in updates]
    steps = [update.moments["step"] for update in updates]
    beta1, beta2 = constants.beta1, constants.beta2
    torch._foreach_add_(steps, 1)
    counts = [float(step) for step in steps]  # learners joined at different times, so each parameter has its own count
    decays = [update.lr * update.decoupled_decay for update in updates]
    if any(decays):
        torch._foreach_mul_(parameters, [1.0 - decay for decay in decays])
    for update, gradient in zip(updates, gradients, strict=True):
        if update.coupled_decay:
            gradient.add_(update.parameter, alpha=update.coupled_decay)
    torch._foreach_lerp_(means, gradients, 1.0 - beta1)
    torch._foreach_mul_(squares, beta2)
    torch._foreach_addcmul_(squares, gradients, gradients, 1.0 - beta2)
    denominators = [update.spare for update in updates if update.spare is not None]
    torch._foreach_copy_(denominators, squares)
    torch._foreach_sqrt_(denominators)
    torch._foreach_div_(denominators, [math.sqrt(1.0 - beta2**count) for count in counts])
    torch._foreach_add_(denominators, constants.eps)
    step_sizes = [-update.lr / (1.0 - beta1**count) for update, count in zip(updates, counts, strict=True)]
    torch._foreach_addcdiv_(parameters, means, denominators, step_sizes)


def _param_group(parameters: list[nn.Parameter], lr: float, decay: float) -> dict[str, Any]:
    return {"params": parameters, "lr": lr, "peak": lr, "weight_decay": decay}
