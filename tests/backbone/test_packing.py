"""Rows become tokens without padding and rows again."""

import pytest
import torch

from ptune.backbone.packing import Packing

LENGTHS = (3, 1, 4, 2)
CPU = torch.device("cpu")


@pytest.fixture
def packing():
    return Packing.of(LENGTHS, max(LENGTHS), CPU)


@pytest.fixture
def states():
    return torch.arange(4 * 4 * 2, dtype=torch.float64).view(4, 4, 2) + 1


@pytest.fixture
def visible():
    return torch.arange(4) < torch.tensor(LENGTHS)[:, None]


def test_tokens_are_those_of_the_rows_in_order(packing, states, visible):
    tokens = packing.pack(states)
    assert torch.equal(tokens, states[visible][None])
    assert torch.equal(packing.unpack(tokens), states * visible[:, :, None])


def test_a_position_of_each_row_is_found_among_the_tokens(packing, states):
    read = torch.tensor([2, 0, 1, 1])
    assert torch.equal(packing.at(packing.pack(states), read), states[torch.arange(4), read][:, None])


@pytest.mark.parametrize("rows", [1, 3, 4])
def test_the_first_and_the_last_rows_have_packings_of_their_own(packing, states, visible, rows):
    assert torch.equal(packing.first(rows).pack(states[:rows]), states[:rows][visible[:rows]][None])
    last, tokens = packing.last(rows), states[-rows:][visible[-rows:]][None]
    assert torch.equal(last.pack(states[-rows:]), tokens)
    assert torch.equal(last.at(tokens, torch.zeros(rows, dtype=torch.long)), states[-rows:, :1])


def test_gradients_go_back_to_their_places(packing, states):
    tokens = packing.pack(states).requires_grad_()
    assert torch.autograd.gradcheck(packing.pack, states.requires_grad_())
    assert torch.autograd.gradcheck(packing.unpack, tokens)
