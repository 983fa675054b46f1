"""What parameters can hold together: the same answers as trying every combination, in spaces too large for that."""

import random
from itertools import combinations

import pytest
from pydantic import ValidationError

from ptune.spec.parameter import Parameter
from ptune.spec.reach import ABSENT, Reach, both, conditions
from ptune.spec.space import Space
from support.steps import steps

VALUES = (1, 2, 3)


def random_definitions(rng):
    """Up to three definitions of each of four parameters, conditioned on those before them."""
    names, ordered = "abcd", []
    for rank, name in enumerate(names):
        for _ in range(rng.randint(1, 3)):
            keys = rng.sample(names[:rank], k=rng.randint(0, min(rank, 2)))
            when = {key: rng.sample(VALUES, k=rng.randint(1, 2)) for key in keys}
            choices = rng.sample(VALUES, k=rng.randint(1, 3))
            ordered.append((name, Parameter(choices=choices, when=when)))
    return ordered


def every_combination(ordered):
    """What the parameters hold in each combination; of definitions that hold at once, the last one counts."""
    branches = [{}]
    for name, definition in ordered:
        branches = [
            {**branch, **choice}
            for branch in branches
            for choice in ([{name: v} for v in definition.choices] if definition.applies(branch) else [{}])
        ]
    return branches


def holds(branch, wants):
    return all(branch.get(name, ABSENT) in values for name, values in wants.items())


@pytest.mark.parametrize("seed", range(60))
def test_the_answers_are_those_of_trying_every_combination(seed):
    rng = random.Random(seed)
    ordered = random_definitions(rng)
    reach, branches = Reach(ordered), every_combination(ordered)
    wants = [
        {name: frozenset(rng.sample([*VALUES, ABSENT], k=rng.randint(1, 2))) for name in rng.sample("abcd", k=2)}
        for _ in range(20)
    ]
    wants += [both(conditions(one), conditions(other)) for (_, one), (_, other) in combinations(ordered, 2)]
    for want in wants:
        assert reach.is_met(want) == (want is not None and any(holds(branch, want) for branch in branches))
        example = None if want is None else reach.example(want)
        if example is not None:
            assert any(example.items() <= branch.items() and holds(branch, want) for branch in branches)


def many_choices(parameters, choices):
    """A space in which many parameters of many choices decide whether others exist."""
    names = ["batch_size", "passes", "length", "hidden", "split", "repeat"][:parameters]
    stated = {name: {"choices": list(range(1, choices + 1))} for name in names}
    last = {"low": 1e-4, "high": 1e-1, "when": {name: [1, 2] for name in names}}
    first = {"low": 1e-3, "high": 1e-1, "when": dict.fromkeys(names, 3)}
    return {**stated, "method": {"value": "v1"}, "lr": [last, first]}


@pytest.mark.parametrize(("parameters", "choices"), [(5, 8), (4, 40), (6, 200)])
def test_conditions_with_many_choices_need_little_more_work(parameters, choices):
    few = steps(lambda: Space(parameters=many_choices(2, 4)))
    many = steps(lambda: Space(parameters=many_choices(parameters, choices)))
    assert many < 50 * few


def test_definitions_that_hold_at_once_are_told_with_what_they_depend_on():
    parameters = many_choices(4, 40)
    parameters["lr"][1]["when"] = {"batch_size": 2}
    with pytest.raises(ValidationError, match="hold at once under batch_size = 2, passes = 1, length = 1, hidden = 1"):
        Space(parameters=parameters)
