"""What people see of the changes that users have asked for: in the live view, on leaderboards, in MLflow's tags."""

import io
import json

import pytest
from rich.console import Console

from ptune.record.journal import read
from ptune.record.requests import Add, Clone, Extend, Request, Stop
from ptune.report import leaderboard
from ptune.report.answers import answer_text
from ptune.report.findings import findings
from ptune.report.live import LiveLines
from ptune.report.screen import picture
from ptune.report.tables import trial_table
from ptune.tracking.projection import Projection
from support.played import watched
from support.simulated import SPACE, make_job, start

BASELINE = {"method": "v2", "length": 20, "encoder": "embedding", "depth": 6, "dropout": 0.1, "lr": 0.02}
CHANGES = [Add({**BASELINE, "weight_decay": 0.2}), Clone(0, {"depth": 3}, warm=True), Clone(0, {"depth": 3}), Stop(0)]


@pytest.fixture
def asked(tmp_path):
    """The folder of a search with one trial, of which users have asked a lot."""
    job = make_job(trials=1, epochs=3, stopping={"type": "none"}, space={**SPACE, "baseline": [BASELINE]})
    conductor = start(job, tmp_path / "journal.jsonl")
    turn = conductor.next_turn()
    conductor.report(turn.trial, 1, {"accuracy": 0.75, "loss": 0.5}, "state")
    for change in [*CHANGES, Extend(2)]:
        conductor.answer(Request.to(change))
    turn = conductor.next_turn()
    conductor.report(turn.trial, 1, {"accuracy": 0.5, "loss": 0.5}, "state")
    return tmp_path


TOLD = [
    "trial 1 is added: v2 · 20 tokens · embedding · 6 layers · dropout 0.1 · lr 0.02 · weight decay 0.2",
    "refused: a warm start needs the same depth, 6, got 3",
    "trial 2 is a clone of trial 0: v2 · 20 tokens · embedding · 3 layers · dropout 0.1 · lr 0.02",
    "trial 0 is stopped after 1 epoch; its best accuracy is 0.7500",
    "2 trials more: 5 in all",
]


def test_every_answer_is_told_once_in_a_log_and_the_last_on_a_terminal(asked):
    stream = io.StringIO()
    view = LiveLines(stream, poll=0.01)
    view.start(asked)
    view.stop()
    lines = [line.partition("] ")[2] for line in stream.getvalue().splitlines()]
    assert lines[:5] == TOLD

    progress = watched(asked / "journal.jsonl")
    assert [answer_text(answer, progress.history) for answer in progress.history.answers.values()] == TOLD
    console = Console(file=io.StringIO(), width=110)
    console.print(picture(progress, progress.answered.time + 1, 110, 30))
    shown = console.file.getvalue()
    assert "asked   2 trials more: 5 in all" in shown
    assert "3 of 5 begun" in shown
    assert "running (added)" in shown
    assert "stopped (ended by user)" in shown
    console = Console(file=io.StringIO(), width=110)
    console.print(picture(progress, progress.answered.time + 1000, 110, 30))
    assert "asked " not in console.file.getvalue()


def test_leaderboards_say_what_users_have_done(asked):
    history = watched(asked / "journal.jsonl").history
    marks = {0: "ended by user", 1: "added, weight decay 0.2", 2: "clone of 0"}
    assert {row.trial: row.by_user for row in leaderboard.rows(history)} == marks
    content = json.loads(leaderboard.as_json(history))
    assert {row["trial"]: row["by_user"] for row in content["trials"]} == marks
    assert "by_user" in leaderboard.as_csv(history).splitlines()[0]
    console = Console(file=io.StringIO(), width=200)
    console.print(leaderboard.table(history, 200))
    assert "stopped (ended by user)" in console.file.getvalue()
    assert "running (added, weight decay 0.2)" in console.file.getvalue()
    page = trial_table(findings(history, {}, [], "interrupted"))
    assert '<span class="flag">clone of 0</span>' in page


def test_mlflow_is_told_whose_idea_a_trial_was(asked):
    projection = Projection()
    for event in read(asked / "journal.jsonl"):
        projection.apply(event)
    own, added, clone = (projection.runs[trial] for trial in range(3))
    assert (added.tags["ptune.by_user"], clone.tags["ptune.by_user"]) == ("added", "clone of 0")
    assert clone.tags["ptune.cloned_from"] == "0"
    assert added.name == "#1 v2 · 20 tokens · embedding · 6 layers · dropout 0.1 · lr 0.02 · weight decay 0.2"
    assert added.pending.params["weight_decay"] == "0.2"
    assert own.pending.tags["ptune.reason"] == "stopped by the user"
    assert own.pending.tags["ptune.by_user"] == "ended by user"
    assert "ptune.by_user" not in own.tags
