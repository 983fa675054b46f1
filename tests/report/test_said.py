"""What data brings to a terminal is seen there, and does nothing."""

import csv
import io
import json
import logging
import os
import subprocess
import sys

import pytest
from rich.live import Live
from rich.text import Text

from ptune.cli.answers import write
from ptune.record.events import Finished, Suggested
from ptune.report.cells import harmless
from ptune.report.console import Terminal
from ptune.report.leaderboard import as_csv, table
from ptune.report.progress import Progress
from ptune.report.said import json_line, say, visible
from ptune.report.screen import picture
from support.played import make_job, play

HOSTILE = "a\x1b]0;owned\x07\x1b[2J\x9b31mb\r\x7f\u202ec\u2066\u2028\x00"


def harmful(text):
    return [sign for sign in text if sign not in "\n\t" and not sign.isprintable()]


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """A search whose job, configurations and failures hold control characters."""
    history = play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=5))
    for trial in history.trials.values():
        trial.config.update({name: HOSTILE for name in history.header.varied if name != "lr"})
    history.apply(Suggested(5, {"method": "v1", "lr": 3.0}))
    history.apply(Finished(5, "failed", f"=cmd|'/c calc'!A0 {HOSTILE}"))
    return history


def test_control_characters_are_shown_as_signs_and_languages_are_left_alone():
    assert harmful(visible(HOSTILE)) == []
    assert visible("a\x1b[2Jb") == "a␛[2Jb"
    for text in ("two\nlines\tand a tab", "grün · 中文 · עברית", "👩\u200d🔬 \u0646\u200c\u0647"):
        assert visible(text) == text


def test_what_is_said_and_printed_is_visible(capsys):
    say(HOSTILE)
    say(HOSTILE, err=True)
    Terminal(file=sys.stdout, force_terminal=True, color_system=None, width=80).print(Text(HOSTILE))
    out, err = capsys.readouterr()
    assert not harmful(out + err)
    assert "owned" in out


def test_json_reads_back_as_it_was_and_holds_nothing_raw(capsys):
    line = json_line({HOSTILE: [HOSTILE, "grün"]}, sys.stdout)
    assert not harmful(line)
    assert "grün" in line
    assert json.loads(line) == {HOSTILE: [HOSTILE, "grün"]}
    ascii_stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    assert json_line("grün", ascii_stream).isascii()


def test_tables_of_a_hostile_search_are_calm(hostile):
    stream = io.StringIO()
    console = Terminal(file=stream, force_terminal=True, color_system=None, width=120, legacy_windows=False)
    console.print(table(hostile, 120))
    progress = Progress()
    progress.history = hostile
    calm = len(stream.getvalue())
    assert not harmful(stream.getvalue())
    with Live(console=console, auto_refresh=False, transient=True) as live:
        live.update(picture(progress, 0.0, 120, 40), refresh=True)
    moves = stream.getvalue()[calm:]
    assert "owned" in moves
    assert not [bad for bad in ("\x1b]0", "\x07", "\x9b", "\u202e", "\x1b[2J") if bad in moves]


def test_cells_run_nothing_and_numbers_stay_numbers(hostile):
    cells = [cell for row in csv.reader(io.StringIO(as_csv(hostile), newline="")) for cell in row]
    assert any(cell.startswith("'=cmd") for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "\r"))]
    for number in (-1.5, 3, "-1", "-2.5e-3", "+4"):
        assert harmless(number) == number
    for formula in ("=1+1", "@SUM(A1)", "-1+cmd", "+A1", "\t=1"):
        assert harmless(formula) == f"'{formula}"
    answers = io.StringIO()
    write([{"label": "=evil()", "scores": {"-1": -0.25, "=evil()": 0.5}}], answers, "csv", ["-1", "=evil()"])
    assert answers.getvalue() == "label,scores.-1,scores.=evil()\n'=evil(),-0.25,0.5\n"


def test_a_warning_is_visible():
    from ptune.report.said import prepare_streams

    before = logging.lastResort.formatter
    try:
        prepare_streams()
        record = logging.LogRecord("ptune", logging.WARNING, "", 1, "lost: %s", (HOSTILE,), None)
        assert not harmful(logging.lastResort.format(record))
    finally:
        logging.lastResort.setFormatter(before)


def test_a_terminal_without_unicode_is_no_reason_to_fail(tmp_path):
    """In a process of its own, because the encoding of a stream is settled when Python starts."""
    job = tmp_path / "grün\x1b[2J.toml"
    job.write_text("name = '§'\n", encoding="utf-8")
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": os.pathsep.join(sys.path)}
    for options, out in ((["list"], b"no searches"), (["validate", str(job), "--json"], b'"ok": false')):
        done = subprocess.run(
            [sys.executable, "-m", "ptune", *options],
            env={**env, "PTUNE_RUNS": str(tmp_path / "r\u00fcns")},
            capture_output=True,
            check=False,
        )
        assert out in done.stdout, done.stderr
        assert b"Traceback" not in done.stderr
        assert b"\x1b" not in done.stdout + done.stderr
        assert (done.stdout + done.stderr).isascii()
