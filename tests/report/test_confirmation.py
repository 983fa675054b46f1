"""A confirmation for people: the scores on test lead, and a winner is named or the reason why there is none."""

import io
from html import escape

import pytest
from rich.console import Console

from ptune.record.spread import Spread
from ptune.record.verdict import verdict
from ptune.report.confirmation import lead, table, verdict_text
from ptune.report.tables import confirmation_table
from ptune.run.confirm import Confirmation, ConfirmedConfiguration, Majority

CLEAR = [[0.90, 0.91, 0.92], [0.80, 0.81, 0.80]]
CLOSE = [[0.85, 0.81, 0.84], [0.84, 0.82, 0.80]]


def confirmed(columns, *, tested=True):
    rows = [
        ConfirmedConfiguration(
            config={"method": "v2", "length": 4 + number},
            search=Spread(0.95, None, 1),
            dev=Spread(0.93, 0.01, len(column)),
            test=Spread.of(column) if tested else None,
            metrics={},
            constant=0,
            constant_on={},
            failed=0,
        )
        for number, column in enumerate(columns)
    ]
    found = verdict([dict(enumerate(column)) for column in columns], paired=False)
    majority = Majority("the commonest label", "accuracy", 0.5, 0.5)
    return Confirmation("a-confirm", "a", "accuracy", 3, 1, ["length"], rows, majority, found)


def printed(content, width):
    console = Console(width=width, record=True, file=io.StringIO(), color_system=None)
    console.print(table(content, width))
    return console.export_text()


@pytest.mark.parametrize("width", [60, 120])
def test_test_comes_first_and_rows_have_numbers_to_name_them_by(width):
    head, first, *_ = printed(confirmed(CLEAR), width).splitlines()
    assert head.split()[:5] == ["#", "test", "dev", "search", "accuracy"]
    assert first.split()[:2] == ["1", "0.9100"]
    page = confirmation_table(confirmed(CLEAR))
    assert page.index(">test<") < page.index(">dev<") < page.index(">search accuracy<")


def test_a_winner_is_named_with_how_sure_that_is():
    text = verdict_text(confirmed(CLEAR))
    assert text == "winner: 1, by accuracy on test (p < 0.001, 3 repetitions each)"
    assert text in " ".join(printed(confirmed(CLEAR), 120).split())
    assert f"W{escape(text[1:])}." in confirmation_table(confirmed(CLEAR))


def test_without_a_winner_it_says_which_two_and_how_many_more_repetitions_would_tell():
    more = confirmed(CLOSE).verdict.more
    expected = f"no winner: 1 and 2 cannot be told apart on test at 3 repetitions each; about {more} more would"
    assert verdict_text(confirmed(CLOSE)) == expected
    alike = verdict_text(confirmed([[0.5, 0.6], [0.6, 0.5]]))
    assert alike.endswith("at 2 repetitions each, and hardly would be with many more")
    assert verdict_text(confirmed([[0.5], [0.4]])).endswith("on test at 1 repetition each")


def test_where_nothing_is_tested_it_goes_by_dev():
    assert "told apart on dev" in verdict_text(confirmed(CLOSE, tested=False))


def test_of_one_configuration_nothing_is_said():
    assert verdict_text(confirmed(CLEAR[:1])) == ""


def test_the_leader_on_test_leads_a_confirmations_report():
    score, words = lead(confirmed([*reversed(CLEAR)]))
    assert score == "0.9100 ± 0.0100"
    assert words == "accuracy on test, 0.9300 ± 0.0100 on dev, over 3 repetitions · number 2 of a: 5 tokens"
    score, words = lead(confirmed(CLEAR, tested=False))
    assert (score, words.partition(",")[0]) == ("0.9300 ± 0.0100", "accuracy on dev")
