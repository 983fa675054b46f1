"""How far a trial's prompt has come from where it started, as the backbone sees it.

Measured in what the encoder produces, vectors or keys and values, and not in the encoder's weights: only the former
reach the backbone, and an artifact holds nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ptune.prompts.encoders import INIT_STD
from ptune.prompts.learner import Learner


class Movement:
    """The start of a learner's prompts, with which later ones are compared.

    Args:
        learner: as it starts: fresh from its seed, or from the artifact that its job starts from.
    """

    def __init__(self, learner: Learner) -> None:
        self._start = [table.clone() for table in _tables(learner)]

    def of(self, learner: Learner) -> float | None:
        """The distance of the learner's prompts from their start, in lengths of that start; None without a prompt.

        Distance and length are Euclidean norms over all elements of all prompts. A start shorter than prompts usually
        are, N(0, 0.02) in each element, counts as long as these: that of a bottleneck is nearly zero.
        """
        if not self._start:
            return None
        steps = [now.double() - before.double() for now, before in zip(_tables(learner), self._start, strict=True)]
        usual = INIT_STD * math.sqrt(sum(table.numel() for table in self._start))
        return _norm(steps) / max(usual, _norm(self._start))


@torch.no_grad()
def _tables(learner: Learner) -> list[Tensor]:
    """What the encoders produce, in float32 on the CPU."""
    return [table.detach().float().cpu() for table in learner.prompt_tables()]


def _norm(tables: Sequence[Tensor]) -> float:
    return math.hypot(*(float(torch.linalg.vector_norm(table.double())) for table in tables))
