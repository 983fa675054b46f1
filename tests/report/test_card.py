"""A search in a notebook: short, self-contained, and in nobody's colours."""

import re

import pytest

from ptune.report.card import card
from ptune.report.findings import of_folder
from support.played import make_job, play


@pytest.fixture
def report(tmp_path, monkeypatch):
    return of_folder(tmp_path, play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=24)), running=False)


def test_it_shows_the_best_the_curves_the_leaders_and_what_mattered(report):
    html = card(report, b"\x89PNG")
    leader = report.leaderboard[0]
    assert f'<p class="big">{leader.best:.4f}</p>' in html
    assert "data:image/png;base64," in html
    assert "<h2>What mattered</h2>" in html
    assert "14 more trials" in html
    ranks = re.findall(r'<tr class="[^"]*"[^>]*><td class="n">(\d+)</td>', html)
    assert ranks == [str(rank) for rank in range(1, 11)]


def test_it_needs_nothing_beside_itself_and_touches_nothing_else(report):
    html = card(report, None)
    assert "<img" not in html
    assert not re.search(r"https?://|<script|<link|@import", html)
    style = re.search("<style>(.*)</style>", html, flags=re.DOTALL)[1]
    selectors = [name.strip() for rule in style.split("}") if "{" in rule for name in rule.split("{")[0].split(",")]
    assert selectors
    assert all(name.startswith(".ptune-search") for name in selectors)


def test_its_text_takes_the_colour_around_it(report):
    style = card(report, None)
    assert "prefers-color-scheme" not in style
    assert "filter:" not in style
