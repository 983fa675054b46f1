"""Lists in one flat array: what goes in comes out, in any order, padded or not."""

import numpy as np
import pytest

from ptune.data.ragged import Ragged, ranges

LISTS = [[1, -2, 3], [], [4], [5, 6]]


def test_lists_come_back():
    made = Ragged.of(LISTS)
    assert [made[number] for number in range(len(made))] == LISTS
    assert made.lengths.tolist() == [3, 0, 1, 2]


@pytest.mark.parametrize("numbers", [[3, 0], [1], [0, 0, 2], []])
def test_some_are_picked_in_the_order_given(numbers):
    picked = Ragged.of(LISTS).pick(np.array(numbers, dtype=np.int64))
    assert [picked[place] for place in range(len(picked))] == [LISTS[number] for number in numbers]


def test_joined_is_one_behind_the_other():
    joined = Ragged.joined([Ragged.of(LISTS), Ragged.of([[7, 8]]), Ragged.of([])])
    assert [joined[number] for number in range(len(joined))] == [*LISTS, [7, 8]]


def test_padding_is_zeros_and_known():
    values, inside = Ragged.of(LISTS).padded()
    assert values.tolist() == [[1, -2, 3], [0, 0, 0], [4, 0, 0], [5, 6, 0]]
    assert inside.sum(axis=1).tolist() == [3, 0, 1, 2]


def test_ranges_follow_one_another():
    assert ranges(np.array([5, 0, 2]), np.array([2, 0, 3])).tolist() == [5, 6, 2, 3, 4]
