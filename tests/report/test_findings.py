"""The report as an object, a page and a terminal's text."""

import io
import json
import re
from dataclasses import replace

import pytest
from rich.console import Console

from ptune.report.card import card
from ptune.report.findings import findings, of_folder
from ptune.report.page import page
from ptune.report.printed import as_text, printed
from ptune.report.tables import trial_table
from ptune.spec.job import Job
from support.made_histories import Made, history_of, report
from support.played import make_job, play

ROW = {"metric": "accuracy", "value": 0.9, "what": "P-tuning <v2>", "source": "Table 2"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of a finished search."""
    play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=14, published=[ROW]))
    (tmp_path / "job.toml").write_text('name = "played"\n# --set budget.epochs=9\n')
    return tmp_path


@pytest.fixture
def history(folder):
    from ptune.record.history import History
    from ptune.record.journal import read

    return History.of(read(folder / "journal.jsonl"))


def without_scripts(html):
    """A page without its programs and their data; those are tried in a browser."""
    return re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)


def text_of(report, history, width=100):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(printed(report, history, width))
    return console.file.getvalue()


def test_the_object_holds_the_whole_search(folder, history):
    report = of_folder(folder, history, running=False)
    assert (report.name, report.state, report.metric) == ("played", "complete", "accuracy")
    assert (report.trials, report.planned, len(report.leaderboard)) == (14, 14, 14)
    assert report.best.trial == history.best.number
    assert (report.majority_baseline, report.constant) == (0.52, [])
    assert report.published[0].match.spread.mean == history.best.best_value
    assert report.notes[0].startswith("run with --set budget.epochs=9")
    assert sum(report.importances.values()) == pytest.approx(1.0)
    assert json.loads(json.dumps(report.to_json())) == report.to_json()


def test_what_to_try_next_stands_in_every_form_of_the_report(folder, history):
    report = of_folder(folder, history, running=False)
    (diagnosis,) = report.diagnoses
    assert diagnosis.typed == "ptune confirm played --top 2 --seeds 5"
    assert report.to_json()["diagnoses"][0]["typed"] == diagnosis.typed
    assert f"   → {diagnosis.advice}: {diagnosis.typed}" in as_text(report, history).splitlines()
    html = page(report, history)
    assert html.index("</h1>") < html.index(f"<code>{diagnosis.typed}</code>") < html.index("Learning curves")
    assert f"<code>{diagnosis.typed}</code>" in card(report, None)


def test_a_running_search_can_be_reported(tmp_path, monkeypatch):
    history = play(tmp_path / "journal.jsonl", monkeypatch, make_job(published=[ROW]), until=1)
    report = of_folder(tmp_path, history, running=True)
    assert (report.state, report.best, report.published[0].match) == ("running", None, None)
    assert "no trial has a result yet" in text_of(report, history)
    assert "no trial with a result" in page(report, history)
    assert of_folder(tmp_path, history, running=False).state == "interrupted"


def test_the_page_leads_with_the_best_and_its_standard_error(folder, history):
    report = of_folder(folder, history, running=False)
    share = (history.best.best_report["accuracy"] * 40 + 2) / 44  # Agresti and Coull, on the 40 examples of dev
    assert report.standard_error == pytest.approx((share * (1 - share) / 44) ** 0.5)
    head = page(report, history).partition("<h2>")[0]
    assert f"standard error {report.standard_error:.4f} on dev (40 examples)" in head
    assert f"{history.best.best_value:.4f}" in head


def test_a_metric_that_is_no_share_has_no_standard_error(tmp_path, monkeypatch):
    history = play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=3, metric="loss"))
    report = of_folder(tmp_path, history, running=False)
    assert report.standard_error is None
    assert "standard error" not in page(report, history).partition("<h2>")[0]


def test_runs_on_a_server_are_linked_and_those_in_a_database_have_a_command(tmp_path, monkeypatch):
    history = play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=3))
    history.trials[1].run_id = "abc"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ada:secret@host:5000/")
    linked = page(of_folder(tmp_path, history, running=False), history)
    assert 'href="http://host:5000/#/runs/parent"' in linked
    assert 'href="http://host:5000/#/runs/abc"' in linked
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert "<code>ptune ui played</code>" in page(of_folder(tmp_path, history, running=False), history)


def test_the_page_needs_nothing_beside_itself(folder, history):
    text = without_scripts(page(of_folder(folder, history, running=False), history))
    assert "P-tuning &lt;v2&gt;" in text
    assert not re.findall(r"""(?:src|href)=["'](?!data:)|@import|url\(""", text)
    for title in ("Beside published numbers", "In what the protocol differs", "What mattered", "Trials", "Data"):
        assert f"<h2>{title}</h2>" in text
    assert text.count("<tr") == text.count("</tr>") > 14


def test_the_terminal_shows_both_numbers_their_difference_and_the_notes(folder, history):
    report = of_folder(folder, history, running=False)
    text = text_of(report, history)
    (row,) = report.published
    line = next(line for line in text.splitlines() if "P-tuning <v2>" in line)
    assert line.split()[:3] == ["0.9000", f"{row.match.spread.mean:.4f}", f"{row.difference:.4f}"]
    assert "always the commonest answer: accuracy 0.5200 on dev" in text
    assert "early stopping (asha)" in text
    assert max(map(len, text.splitlines())) <= 100


def test_tasks_without_a_majority_and_metrics_that_are_no_shares(tmp_path, monkeypatch):
    """Generation reports BLEU between 0 and 100, and has no commonest answer."""
    history = play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=2))
    task = {"kind": "generation", "data": {"source": "builtin:none"}}
    job = Job.model_validate(history.job.model_dump() | {"task": task})
    history.first = replace(history.header, job=job)
    for trial in history.trials.values():
        trial.objective = history.objective
        trial.reports = [{"bleu": 31.4159, "loss": 1.0, "seconds": 1.0} for _ in trial.reports]
    report = findings(history, {}, [], "complete")
    assert (report.majority_baseline, report.constant) == (None, [])
    text = text_of(report, history)
    assert "best bleu on dev 31.42" in text
    assert "commonest" not in text + page(report, history)


def test_repeated_configurations_have_a_section_of_their_own(tmp_path, monkeypatch):
    space = {"parameters": {"method": {"value": "v2"}, "lr": {"value": 0.01}, "repeat": {"low": 0, "high": 2}}}
    job = make_job(None, stopping={"type": "none"}, space=space, sampler="grid")
    history = play(tmp_path / "journal.jsonl", monkeypatch, job)
    report = findings(history, {}, [], "complete")
    assert report.repeated
    assert "<h2>Configurations</h2>" in page(report, history)
    assert " ± " in text_of(report, history)


def test_a_table_of_many_trials_shows_the_best_some_failures_and_where_the_others_are(tmp_path, monkeypatch):
    history = play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=260, stopping={"type": "asha", "grace": 1}))
    for number in (5, 9):
        history.trials[number].status, history.trials[number].reason = "failed", f"too large <{number}>"
    report = of_folder(tmp_path, history, running=False)
    trials = trial_table(report, limit=200)
    best, others = history.ranked()[0].number, history.ranked()[200:]
    assert trials.count("<tr") == 1 + 200 + sum(row.status == "failed" for row in report.leaderboard)
    assert f'<tr class="best" data-trial="{best}">' in trials
    assert "too large &lt;9&gt;" in trials
    assert f"and {len(others)} more trials, in leaderboard.csv" in trials
    assert len(report.leaderboard) == 260


@pytest.mark.parametrize(
    ("metric", "value", "side"), [("loss", 0.0, "down"), ("loss", 9.0, "up"), ("accuracy", 0.0, "up")]
)
def test_a_difference_is_good_or_bad_by_the_direction_of_its_metric(tmp_path, monkeypatch, metric, value, side):
    row = {**ROW, "metric": metric, "value": value}
    history = play(tmp_path / "journal.jsonl", monkeypatch, make_job(trials=3, published=[row]))
    assert f'<span class="{side}">' in page(findings(history, {}, [], "complete"), history)


def test_a_report_on_entities_names_the_place_that_is_right_most_often():
    scored = report(0.5, f1=0.5, exact_match=0.5, majority_baseline=0.75)
    history = history_of(
        [Made({"method": "v2", "lr": 0.01, "length": 16}, [scored])], task={"kind": "entity", "data": {"source": "a/b"}}
    )
    text = as_text(findings(history, {}, [], "complete"), history)
    assert "always the entity at the likeliest place: exact_match 0.7500 on dev" in text
