"""`ptune compare`, as people type it."""

import json
import shutil
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture
def runs(tmp_path, monkeypatch, ptune):
    folder = Path(shutil.copytree(FIXTURES, tmp_path / "runs"))
    monkeypatch.setenv("PTUNE_RUNS", str(folder))
    return folder


def test_two_searches_stand_side_by_side(ptune, runs):
    result = ptune("compare", "finished", "played")
    assert result.code == 0
    assert "not ranked: the dev examples differ (finished: 32 examples, played: 40 examples)" in result.out
    assert "written to runs/finished-vs-played.html" in result.out
    page = (runs / "finished-vs-played.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")


def test_a_confirmed_search_shows_what_repeats(ptune, runs, tmp_path):
    result = ptune("compare", "played", "finished", "--json", "--html", tmp_path / "page.html")
    content = json.loads(result.out)
    first = content["searches"][0]
    assert (first["name"], first["confirmed"]["dev"]["n"]) == ("played", 2)
    assert content["searches"][1]["confirmed"] == {"dev": None, "test": None}
    assert any("not confirmed on fresh seeds: finished" in note for note in content["unfair"])
    assert Path(content["page"]) == tmp_path / "page.html"
    assert (tmp_path / "page.html").is_file()
    assert not list(runs.glob("*.html"))


def test_a_confirmation_is_named_as_one(ptune, runs):
    assert "played-confirm is a confirmation; name played" in " ".join(
        ptune("compare", "finished", "played-confirm").out.split()
    )


def test_wrong_names_are_refused(ptune, runs):
    wrong = ptune("compare", "finished", "plaid")
    assert (wrong.code, "did you mean 'played'?" in wrong.err) == (2, True)
    alone = ptune("compare", "finished")
    assert (alone.code, "needs two searches or more, got finished" in alone.err) == (2, True)
    assert "finished is named twice" in ptune("compare", "finished", "finished").err
