"""The front, the order behind it and the knee, against what is said of them, worked out one by one."""

import itertools
import math
import random

import pytest

from ptune.record.front import Standing, by_spread, fronts, knee


def standings(seed, count=24, objectives=2, levels=6, bounds=True):
    """Random standings on a coarse grid, so that many are alike in something, and some in everything."""
    draw = random.Random(seed)
    return {
        number: Standing(
            tuple(float(draw.randrange(levels)) for _ in range(objectives)),
            draw.choice([0.0, 0.0, 0.0, 0.5, 1.5]) if bounds else 0.0,
        )
        for number in draw.sample(range(100), count)
    }


def beats(one, other, of):
    """Whether one number beats another one, said in the longest way."""
    first, second = of[one], of[other]
    if first.violation != second.violation:
        return first.violation < second.violation
    if first.utilities == second.utilities:
        return one < other
    if first.violation:
        return first.utilities > second.utilities
    return all(a >= b for a, b in zip(first.utilities, second.utilities, strict=True))


def peeled(of):
    """Layer by layer: those that none of the rest beats, taken away until none is left."""
    rest, layers = set(of), []
    while rest:
        layer = {one for one in rest if not any(beats(other, one, of) for other in rest)}
        layers.append(layer)
        rest -= layer
    return layers


@pytest.mark.parametrize(("seed", "objectives"), [*itertools.product(range(20), (1, 2, 3, 4))])
def test_layers_are_those_that_peeling_gives(seed, objectives):
    of = standings(seed, objectives=objectives)
    assert [set(layer) for layer in fronts(of)] == peeled(of)


@pytest.mark.parametrize("seed", range(10))
def test_a_layer_begins_with_the_best_in_the_metric(seed):
    of = standings(seed, objectives=3, bounds=False)
    for layer in fronts(of):
        assert of[layer[0]].utilities[0] == max(of[number].utilities[0] for number in layer)


def test_of_what_stands_alike_the_first_stands_for_all():
    alike = Standing((0.5, -3.0))
    assert fronts({4: alike, 2: alike, 9: Standing((0.4, -3.0))}) == [[2], [4], [9]]


def test_what_breaks_a_bound_comes_behind_the_nearer_the_earlier():
    of = {0: Standing((0.9, 0.0), 2.0), 1: Standing((0.1, -9.0)), 2: Standing((0.8, 0.0), 0.1)}
    assert fronts(of) == [[1], [2], [0]]


@pytest.mark.parametrize("seed", range(10))
def test_an_order_by_spread_takes_what_is_farthest_from_all_before(seed):
    of = standings(seed, objectives=2, levels=40, bounds=False)
    order = by_spread(of)
    assert [{*order[: len(layer)]} for layer in fronts(of)[:1]] == [{*fronts(of)[0]}]
    front = order[: len(fronts(of)[0])]
    ends = [sorted(of[number].utilities[axis] for number in front) for axis in (0, 1)]
    spans = [max(end[-1] - end[0], 1e-12) for end in ends]

    def apart(one, other):
        return math.hypot(*((of[one].utilities[axis] - of[other].utilities[axis]) / spans[axis] for axis in (0, 1)))

    for taken in range(1, len(front)):
        nearest = {left: min(apart(left, other) for other in front[:taken]) for left in front[taken:]}
        assert nearest[front[taken]] == pytest.approx(max(nearest.values()))


def test_both_ends_of_a_front_come_first():
    of = {number: Standing((float(number), -float(number**2))) for number in range(10)}
    assert by_spread(of)[:2] == [9, 0]


@pytest.mark.parametrize("seed", range(20))
def test_a_knee_lies_farthest_above_the_line_between_the_ends(seed):
    of = standings(seed, count=60, levels=50, bounds=False)
    front = fronts(of)[0]
    xs, ys = zip(*(of[number].utilities for number in front), strict=True)
    (x0, y0), (x1, y1) = (max(xs), min(ys)), (min(xs), max(ys))

    def above(number):
        x, y = of[number].utilities
        return ((y - y0) * (x1 - x0) - (x - x0) * (y1 - y0)) / (-(math.hypot(x1 - x0, y1 - y0) or 1.0))

    found = knee(front, of)
    assert above(found) == pytest.approx(max(above(number) for number in front))


def test_of_two_ends_alone_the_knee_is_the_best_in_the_metric():
    of = {3: Standing((0.9, -100.0)), 1: Standing((0.7, -1.0))}
    assert knee(fronts(of)[0], of) == 3
    assert knee([], {}) is None


def test_what_was_never_measured_is_worse_than_any():
    of = {0: Standing((0.5, -math.inf)), 1: Standing((0.5, -1e9)), 2: Standing((0.4, -5.0))}
    assert fronts(of) == [[1, 2], [0]]
    assert by_spread(of) == [1, 2, 0]
