"""The last page: results, places, and commands that can be pasted."""

import io
import shlex
import subprocess
from dataclasses import replace

import pytest
from rich.console import Console

from ptune.record.events import Ended
from ptune.record.optimism import optimism
from ptune.report.summary import next_commands, print_summary, summary
from ptune.run.conclusion import Conclusion
from ptune.run.search import Outcome
from ptune.tracking.state import TrackingState
from support.played import make_job, play


@pytest.fixture
def outcome(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    history = play(tmp_path / "played" / "journal.jsonl", monkeypatch, make_job(trials=12))
    return Outcome(
        name="played",
        folder=tmp_path / "played",
        status="complete",
        history=history,
        conclusion=Conclusion(tmp_path / "played" / "artifact", test={"accuracy": 0.8125}),
        importances={"lr": 0.75, "depth": 0.25},
        tracking=TrackingState("mlflow", "MLflow", "sqlite:///mlflow.db", "1", "a"),
        wall_s=93.0,
    )


def printed(outcome, commands=()):
    stream = io.StringIO()
    print_summary(stream, outcome, commands)
    return stream.getvalue()


def changed(outcome, **fields):
    return Outcome(**{**outcome.__dict__, **fields})


def test_it_holds_result_importances_and_places(outcome):
    text = printed(outcome)
    best = outcome.best
    assert "played complete: 12 trials in 1:33" in text
    last = best.best_epoch
    meant = f"{best.best_value:.4f} (mean of epochs {last - 2} to {last})"
    assert f"best accuracy on dev {meant}, on test 0.8125 · trial {best.number}" in text
    assert f"best of 12 trials, so optimistic by about {optimism(outcome.history):.2g} on dev" in text
    assert "what mattered" in text
    assert "75%" in text
    assert "played/artifact" in text
    assert "up to date at sqlite:///mlflow.db" in text


def test_what_to_type_next_is_not_wrapped(outcome):
    history = outcome.history
    for trial in history.trials.values():
        trial.reports = [{**report, "prompt_moved": 1e-5} for report in trial.reports]
    lines = printed(outcome).splitlines()
    assert "what to try next" in lines
    assert "   → raise the learning rates: --set 'space.parameters.lr={low=0.001, high=1.0, log=true}'" in lines


def test_an_interrupted_search_says_how_its_trials_stand(outcome, tmp_path, monkeypatch):
    history = play(tmp_path / "cut" / "journal.jsonl", monkeypatch, make_job(trials=12), until=9)
    history.apply(Ended("interrupted"))
    text = printed(changed(outcome, status="interrupted", history=history))
    counts = ", ".join(f"{count} {status}" for status, count in history.statuses.items())
    assert f"played interrupted: {len(history.trials)} trials ({counts}) in 1:33" in text
    assert "interrupted" in counts
    assert "running" not in text


def test_only_files_that_are_there_are_named(outcome):
    assert "(journal, leaderboard)" in printed(outcome)
    (outcome.folder / "report.html").touch()
    assert "(journal, leaderboard, report.html)" in printed(outcome)


@pytest.mark.parametrize("width", [80, 100])
def test_it_fits(outcome, width):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(summary(outcome, width))
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert "…" not in lines[3], "no column of the leaderboard is cut"


def test_a_long_command_stays_on_one_line(outcome):
    commands = next_commands(outcome, ['It isn\'t "over" yet, ' * 5])
    assert f"  {commands[0][0]}" in printed(outcome, commands)


def test_the_predict_command_can_be_pasted(outcome):
    example = ['it\'s a "test"; rm', "two"]
    command, _ = next_commands(outcome, example)[0]
    assert shlex.split(command) == ["ptune", "predict", "played/artifact", "--text", example[0], "--text2", "two"]


def test_a_long_text_breaks_off_in_the_command(outcome):
    command, _ = next_commands(outcome, ["Who ran?", "Ann ran. " * 80])[0]
    *_, question, _, context = shlex.split(command)
    assert question == "Who ran?"
    assert context.startswith("Ann ran. Ann ran. ")
    assert context.endswith("...")
    assert len(context) <= 120


def test_the_data_set_is_named_where_there_are_several(outcome):
    command, _ = next_commands(outcome, ["x"], data_set="P 36")[0]
    assert command == "ptune predict played/artifact --data-set 'P 36' --text x"


def test_more_texts_than_two_are_a_line(outcome):
    texts = ["It rained.", "What's next?", "sun", "mud"]
    command, _ = next_commands(outcome, texts)[0]
    printing, _, predict = command.partition(" | ")
    assert predict == "ptune predict played/artifact"
    line = subprocess.run(printing, shell=True, check=True, capture_output=True, text=True).stdout
    assert line == "\t".join(texts) + "\n"


def test_the_best_prompt_is_offered_to_other_tools_where_there_is_one(outcome):
    offered = [command for command, _ in next_commands(outcome, ["x"])]
    assert "ptune export played --all-formats --to DIR" in offered
    without = changed(outcome, conclusion=Conclusion())
    assert not [command for command, _ in next_commands(without, ["x"]) if "export" in command]


def test_an_interrupted_search_is_resumed_next(outcome):
    stopped = changed(outcome, status="interrupted", conclusion=Conclusion())
    assert next_commands(stopped, ["x"]) == [("ptune resume played", "go on from where it stopped")]


def test_a_search_that_is_not_tracked_says_so_and_offers_no_mlflow(outcome):
    untracked = changed(outcome, tracking=None)
    commands = next_commands(untracked, ["x"])
    text = printed(untracked, commands)
    assert 'none (tracking.type = "none")' in text
    assert "MLflow" not in text
    assert not [command for command, _ in commands if command.endswith(" ui")]


def test_what_went_wrong_is_said(outcome):
    lagging = replace(outcome.tracking, lagging="connection refused")
    trial = outcome.history.trials[3]
    trial.status, trial.reason = "failed", "diverged: loss is nan"
    text = " ".join(printed(changed(outcome, tracking=lagging)).split())
    assert "behind: connection refused; catch up with `ptune sync played`" in text
    assert "1 trial, the last: trial 3: diverged: loss is nan" in text


def test_further_formats_are_listed_and_a_refused_one_is_explained(outcome):
    exports, refused = {"hf": outcome.folder / "artifact-hf"}, {"peft": "the prompt cannot be exported as peft: v1"}
    text = printed(changed(outcome, conclusion=replace(outcome.conclusion, exports=exports, refused=refused)))
    assert "for hf" in text
    assert "cannot be exported as peft: v1" in text


def test_without_a_result_there_is_no_leaderboard(outcome):
    for trial in outcome.history.trials.values():
        trial.status = "failed"
    text = printed(changed(outcome, conclusion=Conclusion(), importances={}))
    assert "no trial has a result" in text
    assert "configuration" not in text
    failed = changed(outcome, conclusion=Conclusion())
    assert [command for command, _ in next_commands(failed, ["x"])] == [f"ptune ui {failed.name}"]


def test_a_search_on_a_server_ends_with_the_link_to_its_page(outcome):
    served = changed(outcome, tracking=TrackingState("mlflow", "MLflow", "http://tracking.example:5000", "7", "a"))
    commands = [command for command, _ in next_commands(served, ["x"])]
    assert served.page is not None
    assert served.page.startswith("http://tracking.example:5000/#/experiments/7/runs?")
    assert served.page in commands
    assert served.to_json()["mlflow"]["page"] == served.page
