"""`ptune report` and `ptune confirm`, as people type them."""

import json
import shutil

import pytest

from ptune.tracking.location import DATABASE
from support.tiny_job import write_job

PUBLISHED = """
[[published]]
metric = "accuracy"
value = 0.694
what = "length 4, all layers"
source = "Table 2"
where = { length = 4 }

[[space.baseline]]
method = "v2"
depth = 6
length = 4
lr = 0.02

[resources]
slots = 2
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory, blank_database):
    """A runs folder with one search that was made smaller than its job file, and its confirmation."""
    from ptune.report.write_files import publish
    from ptune.run.local import LocalRunner
    from ptune.run.search import confirm_search, start_search
    from ptune.spec.load import load_job
    from ptune.spec.overrides import noted

    folder = tmp_path_factory.mktemp("reported")
    path, overrides = write_job(folder, PUBLISHED), ["budget.trials=2"]
    (folder / "runs").mkdir()
    shutil.copy(blank_database, folder / "runs" / DATABASE)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        text = path.read_text() + noted(overrides)
        start_search(load_job(path, overrides), text, folder / "runs", LocalRunner(), publish=publish)
        confirm_search("tiny", folder / "runs", LocalRunner(), publish=publish, top=1, seeds=2)
    return folder / "runs"


@pytest.fixture
def here(runs, monkeypatch, tmp_path):
    """A copy of the runs folder, where commands look."""
    monkeypatch.setenv("PTUNE_RUNS", str(tmp_path / "runs"))
    return shutil.copytree(runs, tmp_path / "runs")


def test_a_search_is_printed_beside_its_published_number(ptune, here):
    result = ptune("report", "tiny")
    assert (result.code, result.err) == (0, "")
    assert "accuracy on dev: length 4, all layers (Table 2)" in result.out
    assert "run with --set budget.trials=2" in result.out
    assert result.out.endswith("written to runs/tiny/report.html\n")


def test_json_is_what_the_folder_holds(ptune, here):
    for written in ("report.json", "report.html", "curves.png"):
        (here / "tiny" / written).unlink()
    report = json.loads(ptune("report", "tiny", "--json").out)
    assert report == json.loads((here / "tiny" / "report.json").read_text())
    assert report["published"][0]["found"]["config"]["length"] == 4
    assert (here / "tiny" / "report.html").stat().st_size > (here / "tiny" / "curves.png").stat().st_size


def test_a_confirmation_reports_what_it_confirms(ptune, here):
    report = json.loads(ptune("report", "tiny-confirm", "--json").out)
    (row,) = report["confirmation"]["configurations"]
    assert (report["confirmation"]["search"], row["dev"]["n"]) == ("tiny", 2)
    text = ptune("report", "tiny-confirm").out
    assert "the best of tiny, repeated by tiny-confirm" in text
    assert "mean ± sd over 2 seeds" in text


def test_a_search_shows_how_its_best_was_confirmed(ptune, here):
    report = json.loads(ptune("report", "tiny", "--json").out)
    assert (report["confirmation"]["name"], report["confirmation"]["seeds"]) == ("tiny-confirm", 2)
    (published,) = report["published"]
    best = report["confirmation"]["configurations"][0]
    same = published["found"]["config"] == best["config"]
    assert published["confirmed"] == (best["dev"] if same else None)
    assert "trained" in ptune("report", "tiny").out, "the leaderboard stays"
    shutil.rmtree(here / "tiny-confirm")
    assert json.loads(ptune("report", "tiny", "--json").out)["confirmation"] is None


def test_an_interrupted_search_is_reported_too(ptune, here):
    journal = here / "tiny" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    first = next(index for index, line in enumerate(lines) if b'"reported"' in line)
    journal.write_bytes(b"".join(lines[: first + 1]))
    report = json.loads(ptune("report", "tiny", "--json").out)
    assert report["state"] == "interrupted"
    assert any("the search is interrupted" in note for note in report["notes"])
    refused = ptune("confirm", "tiny", "--local")
    assert refused.code == 1
    assert "tiny has not finished" in refused.err


def test_the_first_line_of_a_journal_is_needed(ptune, here):
    (here / "tiny" / "journal.jsonl").write_text("")
    result = ptune("report", "tiny")
    assert (result.code, "nothing to report" in result.err) == (1, True)
    assert "did you mean 'tiny'?" in ptune("report", "tinny").err


def test_the_report_is_published_to_mlflow(runs):
    from mlflow import MlflowClient

    outcome = json.loads((runs / "tiny" / "result.json").read_text())
    files = MlflowClient(outcome["mlflow"]["uri"]).list_artifacts(outcome["mlflow"]["parent_run_id"])
    assert {"report.html", "report.json"} <= {file.path for file in files}


@pytest.mark.slow
def test_a_search_is_confirmed_from_the_command_line(ptune, here):
    result = ptune("confirm", "tiny", "--top", 1, "--seeds", 1, "--local", "--json")
    assert result.code == 0, result.err
    outcome = json.loads(result.out)
    assert (outcome["name"], outcome["trials"]) == ("tiny-confirm-2", 1)
    assert outcome["confirmation"]["configurations"][0]["dev"]["n"] == 1
