"""Rows become tokens without padding and rows again."""

import pytest
import torch

from ptune.backbone.unpadding import Unpadding

LENGTHS = (3, 1, 4, 2)
CPU = torch.device("cpu")


@pytest.fixture
def unpadding():
    return Unpadding.of(LENGTHS, max(LENGTHS), CPU)


@pytest.fixture
def states():
    return torch.arange(4 * 4 * 2, dtype=torch.float64).view(4, 4, 2) + 1


@pytest.fixture
def visible():
    return torch.arange(4) < torch.tensor(LENGTHS)[:, None]


def test_tokens_are_those_of_the_rows_in_order(unpadding, states, visible):
    tokens = unpadding.unpad(states)
    assert torch.equal(tokens, states[visible][None])
    assert torch.equal(unpadding.pad(tokens), states * visible[:, :, None])


def test_a_position_of_each_row_is_found_among_the_tokens(unpadding, states):
    read = torch.tensor([2, 0, 1, 1])
    assert torch.equal(unpadding.at(unpadding.unpad(states), read), states[torch.arange(4), read][:, None])


@pytest.mark.parametrize("rows", [1, 3, 4])
def test_the_first_and_the_last_rows_are_unpadded_by_themselves(unpadding, states, visible, rows):
    assert torch.equal(unpadding.first(rows).unpad(states[:rows]), states[:rows][visible[:rows]][None])
    last, tokens = unpadding.last(rows), states[-rows:][visible[-rows:]][None]
    assert torch.equal(last.unpad(states[-rows:]), tokens)
    assert torch.equal(last.at(tokens, torch.zeros(rows, dtype=torch.long)), states[-rows:, :1])


def test_gradients_go_back_to_their_places(unpadding, states):
    tokens = unpadding.unpad(states).requires_grad_()
    assert torch.autograd.gradcheck(unpadding.unpad, states.requires_grad_())
    assert torch.autograd.gradcheck(unpadding.pad, tokens)
