"""Clipping the gradients of many learners in one flat tensor, in which they lie end to end.

Clipped for itself, each learner takes about ten kernels on a GPU, whose launches take longer than what they compute.
Here, there are about twenty for all learners, and nothing waits for the device. Parameters and moments stay as they
are: operations over lists of tensors, which move them, take hundreds in a launch, so that gathering and writing back
would launch more kernels than it saves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor, nn

from ptune.backbone.footprint import MOST_FLAT
from ptune.backbone.transfer import to_device


@dataclass(frozen=True)
class Clipped:
    """A learner whose gradients are clipped jointly.

    Attributes:
        parameters: those that have a gradient.
        limit: the largest joint norm of their gradients.
    """

    parameters: Sequence[nn.Parameter]
    limit: float

    @property
    def numbers(self) -> int:
        """How many numbers its gradients have."""
        return sum(parameter.numel() for parameter in self.parameters)

    @property
    def is_small(self) -> bool:
        """Whether its gradients, in float32, go into a flat tensor."""
        single = all(parameter.dtype == torch.float32 for parameter in self.parameters)
        return single and 0 < self.numbers <= MOST_FLAT


def clip_together(learners: Sequence[Clipped]) -> None:
    """Clip as `torch.nn.utils.clip_grad_norm_` does for each learner; the gradients become views of one flat tensor.

    A learner's norm may differ from torch's in the last bits, because the norms of its tensors add up in another order.

    Args:
        learners: small ones, all on one device. Whatever needs memory is made before any of them is clipped.
    """
    if not learners:
        return
    parameters = list(chain.from_iterable(learner.parameters for learner in learners))
    flat = torch.cat([parameter.grad.flatten() for parameter in parameters if parameter.grad is not None])
    parts = list(torch.split(flat, [parameter.numel() for parameter in parameters]))
    for parameter, part in zip(parameters, parts, strict=True):
        parameter.grad = part.view_as(parameter)  # which lets its memory go
    sizes = [learner.numbers for learner in learners]
    owners = torch.repeat_interleave(_there(sizes, torch.int32, flat.device), output_size=sum(sizes))
    flat.mul_(_factors(parts, learners).index_select(0, owners))


def _factors(gradients: list[Tensor], learners: Sequence[Clipped]) -> Tensor:
    """What each learner's gradients are multiplied by, [learners]; `gradients` holds those of all, in order."""
    device = gradients[0].device
    norms = torch.stack(torch._foreach_norm(gradients))  # noqa: SLF001 - as torch's own clipping takes them
    counts = _there([len(learner.parameters) for learner in learners], torch.int64, device)
    # A check of the counts would wait for the device, so it is left out (unsafe).
    joint = torch.segment_reduce(norms.square(), "sum", lengths=counts, unsafe=True).sqrt()
    limits = _there([learner.limit for learner in learners], torch.float32, device)
    return (limits / (joint + 1e-6)).clamp(max=1.0)


def _there(numbers: Sequence[float], dtype: torch.dtype, device: torch.device) -> Tensor:
    return to_device(torch.tensor(numbers, dtype=dtype), device)
