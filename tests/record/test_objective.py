"""Which of two results is better, and which epoch is kept."""

import math

import pytest

from ptune.record.objective import Objective
from ptune.spec.task import Classification

MORE, LESS = Objective("accuracy"), Objective.in_metric("loss")


def reports(objective, *values):
    return [{objective.metric: value} for value in values]


def test_the_task_says_what_is_improved_and_which_of_equal_epochs_is_kept():
    task = Classification(data={"source": "builtin:moods"}, metric="loss", selection="last")
    assert Objective.of(task) == Objective("loss", "minimize", "last")
    assert Objective.in_metric("accuracy+macro_f1") == Objective("accuracy+macro_f1", "maximize", "first")


def test_more_of_a_score_and_less_of_a_loss_is_better():
    assert (MORE.is_better(0.6, 0.5), MORE.is_better(0.5, 0.5), MORE.is_better(0.4, 0.5)) == (True, False, False)
    assert (LESS.is_better(0.6, 0.5), LESS.is_better(0.5, 0.5), LESS.is_better(0.4, 0.5)) == (False, False, True)


def test_more_utility_is_better_whatever_the_direction():
    assert [MORE.utility(value) for value in (0.25, 0.5)] == [0.25, 0.5]
    assert [LESS.utility(value) for value in (0.25, 0.5)] == [-0.25, -0.5]


@pytest.mark.parametrize(
    ("objective", "values", "best"),
    [
        (MORE, [0.5, 0.7, 0.6], 0.7),
        (LESS, [0.5, 0.7, 0.6], 0.5),
        (MORE, [math.nan, 0.5, math.inf], 0.5),
        (LESS, [math.nan, 0.5, -math.inf], 0.5),
        (LESS, [], None),
    ],
)
def test_the_best_value_is_finite(objective, values, best):
    assert objective.best(values) == best


@pytest.mark.parametrize(
    ("metric", "values"), [("accuracy", (0.5, 0.8, 0.7, 0.8)), ("loss", (0.5, 0.2, 0.3, 0.2))], ids=["more", "less"]
)
@pytest.mark.parametrize(("selection", "index"), [("first", 1), ("last", 3)])
def test_of_equal_epochs_the_selected_one_is_kept_as_it_happens_and_afterwards(metric, values, selection, index):
    objective = Objective.in_metric(metric, selection)
    assert objective.best_index(reports(objective, *values)) == index
    kept = [
        number
        for number, value in enumerate(values)
        if all(objective.keeps(value, earlier) for earlier in values[:number])
    ]
    assert kept[-1] == index
