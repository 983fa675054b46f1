"""Searches side by side: what differs, what is unfair, and when nothing is ranked."""

import io
import json

import pytest
from rich.console import Console

from ptune.record.events import DataSource
from ptune.record.history import History
from ptune.record.journal import read
from ptune.report.findings import findings
from ptune.report.side_by_side.differences import differences
from ptune.report.side_by_side.page import page
from ptune.report.side_by_side.printed import printed
from ptune.report.side_by_side.together import side_by_side
from support.browser import browser
from support.made_headers import header_of
from support.played import LAYERS, SPACE, make_job, play

OTHER_SPACE = {"parameters": {**SPACE["parameters"], "lr": {"low": 1e-3, "high": 1e-2}}}


@pytest.fixture
def played(tmp_path, monkeypatch):
    """Plays a search under a name and gives what stands beside others."""

    def search(name, job=None, *, until=float("inf"), data=None, confirmed=None):
        more = {} if data is None else {"data": data}
        path = tmp_path / name / "journal.jsonl"
        play(path, monkeypatch, job or make_job(), name=name, until=until, **more)
        history = History.of(read(path))
        return findings(history, {}, [], history.status, confirmed), history

    return search


def text_of(content, width=100):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(printed(content))
    return console.file.getvalue()


def test_the_best_comes_first_whichever_is_named_first(played):
    one, other = played("one", make_job(trials=3)), played("other", make_job(trials=40))
    for order in ((one, other), (other, one)):
        content = side_by_side(order)
        values = [side.best_value for side in content.sides]
        assert values == sorted(values, reverse=True)
        assert content.unranked is None
    assert "by accuracy on dev (more is better)" in text_of(content)


def test_of_a_loss_the_lowest_comes_first(played):
    searches = [played(name, make_job(trials=trials, metric="loss")) for name, trials in (("a", 2), ("b", 30))]
    content = side_by_side(searches)
    assert content.sides[0].best_value < content.sides[1].best_value
    assert "(less is better)" in text_of(content)


def test_the_front_of_a_search_with_several_objectives_is_shown(played):
    several = played("several", make_job(trials=40, objectives={"beside": ["trainable_parameters"], "choose": "knee"}))
    content = side_by_side([several, played("alone", make_job(trials=3))])
    front = several[1].front
    assert 1 < len(front.numbers) <= 10
    told = text_of(content)
    assert f"the front of several, {len(front.numbers)} trials: {', '.join(map(str, front.numbers))}" in told
    assert "the front of alone" not in told
    _, _, shown = told.partition("the front of several")
    head, *rows = shown.split("\n\n")[0].splitlines()[1:]
    assert head.split() == ["trial", "accuracy", "trained", "configuration"]
    assert [int(row.split()[0]) for row in rows] == front.numbers
    (knee,) = (row for row in rows if row.rstrip().endswith("(knee)"))
    assert int(knee.split()[0]) == front.knee.number
    searches = {side["name"]: side for side in content.to_json()["searches"]}
    assert [row["trial"] for row in searches["several"]["front"]] == front.numbers
    assert "front" not in searches["alone"]
    assert "The front of several" in page(content)
    assert "The front of alone" not in page(content)


def test_what_differs_is_told_by_its_key(played):
    first = header_of(make_job(), LAYERS, versions={"torch": "2.8"})
    second = header_of(
        make_job(trials=24, space=OTHER_SPACE),
        LAYERS,
        versions={"torch": "2.9"},
        data={"dev": DataSource("builtin:none:dev", "d" * 64, 50)},
    )
    assert {difference.place: list(difference.values) for difference in differences([first, second])} == {
        "budget.trials": ["12", "24"],
        "space.lr": ["0.0001 to 0.1, log", "0.001 to 0.01"],
        "data.dev": [f"40 examples, {'b' * 12}", f"50 examples, {'d' * 12}"],
        "version.torch": ["2.8", "2.9"],
    }
    assert differences([first, first]) == []


def test_conditions_of_a_space_are_worded():
    space = {"parameters": {**SPACE["parameters"], "encoder": {"choices": ["mlp", "embedding"]}}}
    found = differences([header_of(make_job(), LAYERS), header_of(make_job(space=space), LAYERS)])
    assert [difference.place for difference in found] == ["space.encoder"]
    before, after = found[0].values
    assert before == "embedding | lstm, if method = v1; embedding | mlp, if method = v2"
    assert after == "mlp | embedding"


def test_other_metrics_are_not_ranked_and_it_says_why(played):
    content = side_by_side([played("a"), played("b", make_job(metric="macro_f1"))])
    assert [side.name for side in content.sides] == ["a", "b"]
    assert "the metrics differ (a: accuracy, b: macro_f1)" in content.unranked
    assert "not ranked: the metrics differ" in text_of(content)
    assert content.to_json()["ranked"] is False


def test_other_dev_examples_are_not_ranked(played):
    data = {"dev": DataSource("elsewhere", "e" * 64, 100)}
    content = side_by_side([played("a"), played("b", data=data)])
    assert "the dev examples differ (a: 40 examples, b: 100 examples)" in content.unranked
    assert not any("leads" in note for note in content.unfair)


def test_unequal_efforts_and_small_leads_are_named(played):
    a = played("a", make_job(trials=20, epochs=9))
    b = played("b", make_job(trials=12, epochs=3), until=5)
    content = side_by_side([a, b])
    notes = " | ".join(content.unfair)
    assert "different numbers of epochs (a: 9, b: 3)" in notes
    assert "different numbers of trials (a: 20, b: 12)" in notes
    assert "b is interrupted (" in notes
    assert "not confirmed on fresh seeds: a, b" in notes


def test_a_lead_within_the_standard_error_is_named_and_a_large_one_is_not(played):
    close = side_by_side([played("a", make_job(trials=2)), played("b", make_job(trials=30))])
    lead = abs(close.sides[0].best_value - close.sides[1].best_value)
    assert 0 < lead < close.sides[0].dev_error
    assert any(f"by {lead:.4f}, less than the standard error of a score on 40 dev" in note for note in close.unfair)
    many = {"dev": DataSource("builtin:none:dev", "b" * 64, 10_000_000)}
    sure = side_by_side([played("c", make_job(trials=2), data=many), played("d", make_job(trials=30), data=many)])
    assert not any("less than the standard error" in note for note in sure.unfair)
    same = side_by_side([played("e"), played("f")])
    assert any("e and f are equal on dev" in note for note in same.unfair)


def test_the_page_says_what_the_terminal_says(played):
    content = side_by_side([played("one"), played("two", make_job(trials=24, space=OTHER_SPACE))])
    html = page(content)
    for side in content.sides:
        assert side.name in html
        assert f"{side.best_value:.4f}" in html
    assert "space.lr" in html
    assert 'data-name="curves"' in html
    text = text_of(content, 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "what differs" in text


def test_json_holds_names_numbers_and_reasons(played):
    content = side_by_side([played("one"), played("two", make_job(trials=24))]).to_json()
    json.dumps(content)
    assert sorted(search["name"] for search in content["searches"]) == ["one", "two"]
    assert content["differences"]["budget.trials"] == {"one": "12", "two": "24"}
    assert content["ranked"]


def test_the_page_draws_its_chart_without_a_complaint(played, tmp_path):
    target = tmp_path / "both.html"
    target.write_text(page(side_by_side([played("one"), played("two", make_job(trials=24))])), encoding="utf-8")
    with browser() as shown:
        shown.open(target)
        shown.wait_for(".chart[data-name=curves] svg")
        assert shown.evaluate("document.querySelectorAll('.mark-line path').length") >= 2
        shown.show(390, dark=True)
        assert shown.evaluate("document.documentElement.scrollWidth") <= 390
        assert shown.errors() == []
