"""How near float32 comes to itself when it adds the same terms in another order, as another batch or processor does."""

from typing import Any

import pytest
import torch
from torch import Tensor

SHARE = 2e-5
"""Some 170 roundings of float32: more than any sum here gathers, far less than any mistake makes."""


def close(ours: Tensor, theirs: Tensor) -> None:
    """Assert that tensors agree as far as float32 does.

    A sum errs by a share of its terms, and what remains of them may be small; so the tolerance follows the largest
    value, not each value alone.
    """
    largest = max(1.0, float(theirs.detach().abs().max()))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=SHARE * largest)


def close_gradients(ours: Tensor, theirs: Tensor, name: str = "") -> None:
    """Assert that gradients agree: as `close`, for values much smaller than 1, down to what rounding alone leaves."""
    largest = max(1e-3, float(theirs.abs().max()))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=5 * SHARE * largest, msg=lambda text: f"{name}: {text}")


def near(expected: Any) -> Any:
    """What equals numbers that agree with `expected` as far as float32 does: a number, a list or a dictionary."""
    return pytest.approx(expected, rel=SHARE, abs=SHARE)


def same_answers(ours: list[dict], theirs: list[dict]) -> None:
    """Assert that classifications name the same labels, with probabilities that agree as far as float32 does."""
    for answer, expected in zip(ours, theirs, strict=True):
        assert answer == {**expected, "probabilities": near(expected["probabilities"])}
