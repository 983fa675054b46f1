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
@pytest.mark.parametrize(("selection", "index"), [("first", 1), ("last", 3), ("smoothed", 3)])
def test_the_epoch_that_is_selected_is_kept_as_it_happens_and_afterwards(metric, values, selection, index):
    objective = Objective.in_metric(metric, selection)
    told = reports(objective, *values)
    assert objective.best_index(told) == index
    kept = [number for number in range(len(values)) if objective.keeps_latest(told[: number + 1])]
    assert kept[-1] == index


def test_smoothed_an_epoch_counts_the_mean_of_itself_and_the_two_before_it():
    objective = Objective("accuracy", selection="smoothed")
    told = reports(objective, 0.6, 0.9, 0.6, 0.6, 0.75, 0.75, 0.75, 0.75)
    assert objective.values(told) == pytest.approx([0.6, 0.75, 0.7, 0.7, 0.65, 0.7, 0.75, 0.75])
    assert [list(objective.counted(epoch, told)) for epoch in (1, 2, 5)] == [[1], [1, 2], [3, 4, 5]]
    lucky, steady = reports(objective, 0.6, 0.9, 0.6, 0.6), reports(objective, 0.6, 0.8, 0.8, 0.8)
    assert objective.best_value(lucky) < objective.best_value(steady)
    assert Objective("accuracy").best_value(lucky) > Objective("accuracy").best_value(steady)


def test_equal_reports_make_equal_means_so_that_the_first_of_them_is_kept():
    objective = Objective("accuracy", selection="smoothed")
    assert objective.best_index(reports(objective, *[0.7] * 5)) == 0


def test_an_epoch_to_keep_is_kept_or_the_last_one_before_it():
    objective = Objective("accuracy", selection="smoothed").keeping(3)
    told = reports(objective, 0.9, 0.5, 0.6, 0.8)
    assert [objective.best_index(told[:epochs]) for epochs in range(1, 5)] == [0, 1, 2, 2]
    assert [objective.keeps_latest(told[:epochs]) for epochs in range(1, 5)] == [True, True, True, False]
    assert (objective.best_value(told), objective.best_value(told[:2])) == (0.6, 0.5)
