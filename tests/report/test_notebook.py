"""The live table as a notebook shows it: HTML in the colours that stand around it, and only in a kernel."""

import re

from ptune.report.notebook import as_html, in_kernel
from ptune.report.progress import Progress
from support.played import make_job, play, watched


def test_the_table_says_what_the_terminals_does(tmp_path, monkeypatch):
    play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=24), until=25)
    progress = watched(tmp_path / "journal.jsonl")
    html = as_html(progress, progress.history.last_at)
    text = re.sub(r"<[^>]+>", "", html)
    assert html.startswith("<pre ")
    assert f"{len(progress.history.trials)} of 24 begun" in text
    assert f"trial {progress.history.best.number}" in text
    assert len(text.splitlines()) <= 24


def test_plain_text_has_no_colour_of_its_own(tmp_path, monkeypatch):
    play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=4), until=25)
    html = as_html(watched(tmp_path / "journal.jsonl"), 0.0)
    assert "color:inherit" in html
    assert "background:none" in html
    assert not re.search(r"color: #(000000|ffffff)|background-color", html)


def test_before_the_search_has_begun_there_is_something_to_show():
    assert "waiting for the search to begin" in as_html(Progress(), 0.0)


def test_a_program_is_no_kernel():
    assert not in_kernel()
