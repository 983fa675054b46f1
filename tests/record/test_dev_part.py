"""Scores on a part of dev: they count neither beside those on more of it, nor before them."""

import io
import json
import math

import pytest
from rich.console import Console

from ptune.diagnosis.horizon import horizon
from ptune.errors import SpecError
from ptune.record.curve_table import table_of
from ptune.record.dev_part import DEV_EXAMPLES
from ptune.record.front import Standing
from ptune.record.objective import Objective
from ptune.record.optimism import optimism
from ptune.record.standard_error import standard_error
from ptune.report.findings import findings
from ptune.report.leaderboard import PARTLY, as_json, table
from ptune.report.side_by_side.page import page
from ptune.report.side_by_side.printed import printed
from ptune.report.side_by_side.together import side_by_side
from ptune.report.tables import configuration_table, headline
from ptune.run.confirm import confirmation, left_out
from support.made_histories import Made, history_of, report


def text_of(shown):
    """What a terminal of 200 columns shows."""
    console = Console(width=200, file=io.StringIO(), color_system=None)
    console.print(shown)
    return console.file.getvalue()


FIRST, SMOOTHED = Objective("accuracy"), Objective("accuracy", selection="smoothed")
GROWING = {"budget": {"trials": 9, "epochs": 9, "dev_grows": True}}


def reports(*scored):
    """Reports of (accuracy, dev examples); None are all of dev."""
    return [report(value, **({} if examples is None else {DEV_EXAMPLES: examples})) for value, examples in scored]


def grown(*scored, status="stopped", **config):
    return Made({"method": "v2", "lr": 0.01, "length": 16, **config}, reports(*scored), status)


CURVE = (0.95, 100), (0.8, 300), (0.7, 300), (0.6, None), (0.65, None), (0.62, None)


@pytest.mark.parametrize("selection", ["first", "last", "smoothed"])
def test_the_best_epoch_is_one_of_those_on_the_most_of_dev_so_far(selection):
    objective = Objective("accuracy", selection=selection)
    told = reports(*CURVE)
    kept = [1 + objective.best_index(told[:count]) for count in range(1, 7)]
    assert kept[:4] == [1, 2, 2, 4]
    assert [objective.keeps_latest(told[:count]) for count in range(1, 5)] == [True, True, False, True]
    assert objective.best_value(told[:1]) == 0.95
    assert objective.best_value(told) < 0.66


def test_a_mean_of_epochs_is_of_scores_on_one_part():
    told = reports(*CURVE)
    assert SMOOTHED.values(told) == pytest.approx([0.95, 0.8, 0.75, 0.6, 0.625, (0.6 + 0.65 + 0.62) / 3])
    assert [list(SMOOTHED.counted(epoch, told)) for epoch in range(1, 7)] == [[1], [2], [2, 3], [4], [4, 5], [4, 5, 6]]


def test_a_trial_on_more_of_dev_ranks_before_one_on_less_whatever_both_score():
    made = [
        grown((0.9, 100)),
        grown((0.9, 100), (0.8, 300)),
        grown((0.6, 100), (0.6, 300), (0.7, None)),
        grown((0.95, 100)),
    ]
    history = history_of(made, **GROWING)
    assert [trial.number for trial in history.ranked()] == [2, 1, 3, 0]
    assert (history.best_value, history.dev_examples) == (0.7, None)
    assert [trial.dev_examples for trial in history.ranked()] == [None, 300, 100, 100]
    assert [trial.number for trial in history.compared()] == [2]
    assert history.best_result.metrics["accuracy"] == 0.7


def test_a_configuration_counts_those_of_its_trials_that_are_on_the_most_of_dev():
    made = [grown((0.9, 100)), grown((0.9, 100), (0.6, None)), grown((0.95, 100), length=8)]
    first, second = history_of(made, **GROWING).configurations()
    assert [trial.number for trial in first.trials] == [0, 1]
    assert (first.spread.mean, first.spread.n, first.scored_on) == (0.6, 1, math.inf)
    assert first.mean_report["accuracy"] == 0.6
    assert second.scored_on == 100


def test_the_standard_error_is_that_of_the_examples_that_were_scored():
    header = history_of([], rows=900).header
    part, whole = reports((0.8, 100), (0.8, None))
    assert standard_error(header, part) == pytest.approx(3 * standard_error(header, whole), rel=0.02)


def test_always_giving_one_answer_scores_what_it_does_where_the_best_is_scored():
    part, whole = reports((0.9, 100), (0.7, None))
    part["majority_baseline"], whole["majority_baseline"] = 0.58, 0.51
    made = [Made({"lr": 0.1}, [part, whole]), Made({"lr": 0.2}, [part], "stopped")]
    assert history_of(made, **GROWING).majority_baseline == 0.51


def test_the_winner_owes_nothing_to_noise_on_parts():
    """Early scores on a part are wild, those on all of dev steady: the optimism is that of the steady ones."""
    steady = [(0.6 + 0.01 * number, None) for number in range(6)]
    wild = [(0.5 + 0.4 * (number % 2), 100) for number in range(6)]
    history = history_of([grown(*wild, *steady, status="complete"), grown(*wild, length=8)], **GROWING)
    assert optimism(history) < 0.005
    alone = history_of([grown(*wild, status="complete"), grown(*wild, length=8)], **GROWING)
    assert optimism(alone) > 0.05


def test_a_report_without_a_number_is_of_all_of_dev():
    """As every report is that an earlier version wrote."""
    history = history_of([grown((0.7, None)), grown((0.8, None))])
    assert [trial.dev_examples for trial in history.ranked()] == [None, None]
    assert history.ranked()[0].standing == Standing((0.8,))


def test_curves_that_are_scored_on_parts_make_no_table():
    with pytest.raises(SpecError, match=r"budget\.dev_grows"):
        table_of([history_of([grown(*CURVE, status="complete")], **GROWING)])


def test_a_search_on_more_of_dev_stands_before_one_on_less():
    part, whole = (history_of([grown(*scored)], **GROWING) for scored in ([(0.9, 100)], [(0.9, 100), (0.7, None)]))
    compared = side_by_side([(findings(history, {}, [], "complete"), history) for history in (part, whole)])
    assert [side.best_value for side in compared.sides] == [0.7, 0.9]
    said = [text for text in compared.unfair if "is scored on" in text]
    assert said == ["made's best is scored on 100 of dev alone, so it stands behind whatever it scores"]


@pytest.mark.parametrize("value", [0.7, 0.705, 0.69])
def test_searches_on_different_parts_of_dev_are_neither_equal_nor_is_one_ahead(value):
    part, whole = history_of([grown((value, 100))], **GROWING), history_of([grown((0.9, 100), (0.7, None))], **GROWING)
    compared = side_by_side([(findings(history, {}, [], "complete"), history) for history in (part, whole)])
    assert not any("leads" in text or "equal" in text for text in compared.unfair)
    assert any("is scored on 100 of dev alone" in text for text in compared.unfair)


def test_tables_of_configurations_say_of_each_mean_that_it_is_on_a_part():
    made = [grown((0.9, 100)), grown((0.9, 100), (0.6, None)), grown((0.95, 100), length=8)]
    history = history_of(made, **GROWING)
    first, second = json.loads(as_json(history))["groups"]
    assert (first["mean"], first["n"], first["trials"]) == (0.6, 1, [1]), "a mean is of the trials beside it"
    assert (second["mean"], second["trials"], second["dev_examples"]) == (0.95, [2], 100)
    assert "dev_examples" not in first
    report = findings(history, {}, [], "complete")
    assert report.to_json()["groups"] == [first, second]
    shown = configuration_table(report)
    assert "0.9500 (100 of dev)" in shown
    assert "0.6000 (" not in shown
    assert PARTLY in shown
    assert table(history, 100).caption == PARTLY


def test_a_confirmation_repeats_what_is_on_as_much_of_dev_and_says_if_that_is_less_than_was_asked_for():
    whole, part = (0.9, 100), (0.6, None)
    made = [grown(whole), grown(whole, part), grown((0.95, 100), length=8), grown(whole, part, length=4)]
    history = history_of(made, **GROWING)
    _, confirms = confirmation(history, top=3, seeds=1)
    assert [point.trials for point in confirms.configurations] == [[1], [3]], "a mean is of the trials beside it"
    assert left_out(history, 3) == "2 of 3 configurations are repeated: made has scored the others on less of dev"
    assert left_out(history, 2) is None
    assert left_out(history_of(made[1:2], **GROWING), 3) is None, "there are no others"


def test_the_standard_error_of_a_page_names_the_examples_that_it_is_of():
    """As where a user has stopped the trial that was to be scored on all of dev."""
    history = history_of([grown((0.9, 100)), grown((0.8, 100), length=8)], **GROWING)
    assert "on dev (100 examples)" in headline(findings(history, {}, [], "complete"))


def test_the_leaders_of_searches_side_by_side_say_on_how_much_of_dev_they_are():
    history = history_of([grown((0.9, 100), (0.7, None)), grown((0.95, 100), length=8)], **GROWING)
    compared = side_by_side([(findings(history, {}, [], "complete"), history)] * 2)
    assert page(compared).count("0.9500 (100 of dev)") == 2
    assert text_of(printed(compared)).count("0.9500 (100 of dev)") == 2


@pytest.mark.parametrize("last", [0.3, 0.48])
def test_a_best_trial_that_still_learns_is_seen_where_dev_grows(last):
    """Of nine epochs with a grace of two, the last three alone are on all of dev: fewer than a third and one."""
    early = reports(*[(0.5, 100)] * 2, *[(0.5, 300)] * 4)
    late = [{**report(0.6 + 0.01 * epoch), "loss": loss} for epoch, loss in enumerate((0.5, 0.49, last))]
    history = history_of([Made({"method": "v2", "lr": 0.01, "length": 16}, early + late)], **GROWING)
    assert [diagnosis.kind for diagnosis in horizon(history)] == ["horizon"]
