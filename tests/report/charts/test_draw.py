"""Charts as specifications: valid, in the page's own colours, and with each table once."""

import json
from collections.abc import Mapping

import pytest

from ptune.report.charts.draw import specification
from ptune.report.charts.theme import PAPER
from ptune.report.gallery import gallery
from support.played import make_job, play


@pytest.fixture(scope="module")
def charts(tmp_path_factory):
    """The charts of a search in which all kinds of parameters vary."""
    with pytest.MonkeyPatch.context() as patch:
        history = play(tmp_path_factory.mktemp("charts") / "journal.jsonl", patch, make_job(trials=24))
    return gallery(history, {"lr": 0.6, "method": 0.4}, None)


def figures(charts):
    one = (charts.curves, charts.history, charts.parallel, charts.importance, charts.landscape, charts.cost)
    return [*one, *charts.slices, *charts.pareto]


def test_every_chart_obeys_the_grammar_of_vega_lite(charts):
    for figure in figures(charts):
        if not isinstance(figure.chart, Mapping):
            figure.chart.to_dict()  # raises what it breaks


def test_the_shared_tables_are_no_part_of_a_specification(charts):
    for figure in figures(charts):
        tables = {data["name"]: data for data in specification(figure.chart)["data"]}
        assert not any("values" in tables.get(name, {}) for name in ("trials", "curves")), figure.name
    assert len(charts.tables.to_json()["trials"]["trial"]) == len(charts.tables.trials)


def test_the_page_colours_what_stands_around_the_data(charts):
    for figure in figures(charts):
        text = json.dumps(specification(figure.chart)["config"])
        assert "var(--soft)" in text
        assert PAPER.soft not in text


def test_every_figure_speaks(charts):
    for figure in figures(charts):
        assert figure.title
        assert len(figure.alternative) > 40, figure.name
        assert any(letter.isdigit() for letter in figure.alternative), figure.name
