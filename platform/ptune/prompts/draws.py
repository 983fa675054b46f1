"""The random numbers that a learner's dropout takes in one optimiser step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Draws:
    """Streams of one step: a stream for each place, so that the parts of a mini-batch draw what the whole of it does.

    Attributes:
        body: for the prompt's keys and values, and for the backbone's own dropout.
        head: for the features that a head reads.
    """

    body: torch.Generator
    head: torch.Generator

    @classmethod
    def of_step(cls, stream: torch.Generator) -> Self:
        """The next step's streams, from seeds that the learner's own stream gives."""
        body, head = torch.randint(2**62, (2,), generator=stream).tolist()
        return cls(torch.Generator().manual_seed(body), torch.Generator().manual_seed(head))

    def state(self) -> tuple[Tensor, Tensor]:
        """How far the streams are."""
        return self.body.get_state(), self.head.get_state()

    def set_state(self, state: tuple[Tensor, Tensor]) -> None:
        """Take the streams back to a `state`."""
        for stream, was in zip((self.body, self.head), state, strict=True):
            stream.set_state(was)
