"""Damage is like absence: what a search has lost is trained again, and no damage keeps it from its end."""

import json
import shutil

import pytest

from ptune.cli.main import run
from ptune.errors import JournalError
from ptune.record.events import Finished, Reported, SetAside, Suggested
from ptune.record.history import FINAL, History
from ptune.record.journal import JOURNAL, read
from ptune.run.local import LocalRunner
from ptune.run.search import resume_search, start_search
from support.closeness import near
from support.interrupting import Interrupting
from support.small_jobs import changed, small_job


@pytest.fixture(scope="module")
def searched(tiny_backbone, tmp_path_factory):
    """Two searches of one job, complete and interrupted, to be copied and damaged."""
    folder = tmp_path_factory.mktemp("searched")
    job = small_job(folder / "data", tiny_backbone("bert"))
    job = changed(job, tracking={"type": "none"})
    start_search(job, "", folder / "runs", LocalRunner())
    start_search(job, "", folder / "runs", Interrupting(9))
    return folder / "runs"


@pytest.fixture
def runs(searched, tmp_path, monkeypatch):
    monkeypatch.setenv("PTUNE_RUNS", str(tmp_path / "runs"))
    return shutil.copytree(searched, tmp_path / "runs")


def damage(path):
    content = path.read_bytes()
    path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])


def history(folder):
    return History.of(read(folder / JOURNAL))


def numbers(events, kind):
    return [event.trial for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("lost", [1, 2])
def test_a_damaged_best_state_costs_no_result(runs, lost, caplog):
    folder = runs / "small"
    best = history(folder).best
    before = (folder / "artifact" / "artifact.json").read_text()
    state = folder / best.state
    for path in [state, state.with_name("state.previous.safetensors")][:lost]:
        damage(path)
    shutil.rmtree(folder / "artifact")
    outcome = resume_search("small", runs, LocalRunner())
    assert (outcome.status, outcome.best.number) == ("complete", best.number)
    after = (folder / "artifact" / "artifact.json").read_text()
    assert json.loads(after)["scores"]["dev"] == json.loads(before)["scores"]["dev"]
    assert json.loads(after)["scores"]["test"] == near(json.loads(before)["scores"]["test"])
    assert "damaged" in caplog.text


def test_a_damaged_running_trial_goes_on_from_its_last_sound_state(runs):
    folder = runs / "small-2"
    damaged = next(trial for trial in history(folder).trials.values() if trial.status == "interrupted")
    damage(folder / damaged.state)
    outcome = resume_search("small-2", runs, LocalRunner())
    trial = outcome.history.trials[damaged.number]
    assert trial.status in ("complete", "stopped")
    assert trial.reports[: damaged.epoch] == damaged.reports
    events = read(folder / JOURNAL)
    (event,) = [event for event in events if isinstance(event, SetAside)]
    assert (event.trial, event.file) == (damaged.number, damaged.state)
    assert event.epoch == damaged.epoch, "of two states, that of the epoch before is sound"
    assert (folder / f"{damaged.state}.damaged").is_file()
    assert {one.status for one in outcome.history.trials.values()} <= FINAL


def lines_of(events, kind, trial):
    return [number for number, event in enumerate(events) if isinstance(event, kind) and event.trial == trial]


def last_report(events, trial):
    return lines_of(events, Reported, trial)[-1]


def with_status(history, status):
    return [number for number, trial in history.trials.items() if trial.status == status]


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("small", "a report"),
        ("small", "the last report of a complete trial"),
        ("small", "the last line"),
        ("small", "a suggestion"),
        ("small-2", "a report before a pause"),
        ("small-2", "every line of a trial"),
        ("small-2", "a start"),
    ],
)
def test_a_journal_without_some_lines_is_repaired_and_goes_on(runs, name, lost, capsys):
    folder = runs / name
    journal = folder / JOURNAL
    before, events = history(folder), read(journal)
    trial = 1
    chosen = {
        "a report": lines_of(events, Reported, trial)[:1],
        "a report before a pause": [last_report(events, trial) for trial in with_status(before, "paused")[:1]],
        "the last report of a complete trial": [
            last_report(events, trial) for trial in with_status(before, "complete")[:1]
        ],
        "the last line": [len(events) - 1],
        "a suggestion": lines_of(events, Suggested, trial),
        "every line of a trial": [n for n, event in enumerate(events) if getattr(event, "trial", None) == trial],
        "a start": [3],
    }[lost]
    lines = journal.read_bytes().splitlines(keepends=True)
    for number in chosen:
        lines[number] = b"" if lost in ("a suggestion", "every line of a trial") else b"\x00\x00" + lines[number][2:]
    journal.write_bytes(b"".join(lines))
    with pytest.raises(JournalError, match=rf"line \d+: .*`ptune repair {name}` shows what can be kept"):
        resume_search(name, runs, LocalRunner())

    assert run(["repair", name]) == 1
    assert "Nothing has changed" in capsys.readouterr().out
    assert journal.read_bytes() == b"".join(lines)
    assert run(["repair", name, "--yes"]) == 0
    assert (folder / f"{JOURNAL}.damaged").read_bytes() == b"".join(lines)
    assert run(["repair", name]) == 0
    assert "nothing is damaged" in capsys.readouterr().out.splitlines()[-1]

    outcome = resume_search(name, runs, LocalRunner())
    assert outcome.status == "complete"
    assert {one.status for one in outcome.history.trials.values()} <= FINAL
    assert len(outcome.history.trials) == len(history(runs / "small").trials)
    for number, one in before.trials.items():
        assert outcome.history.trials[number].config == one.config
        assert outcome.history.trials[number].reports[: one.epoch] == one.reports, "its state holds what it reported"


def test_a_trial_whose_configuration_nobody_knows_ends_as_failed(runs):
    folder = runs / "small-2"
    shutil.rmtree(folder / "trials" / "0001")
    lines = (folder / JOURNAL).read_bytes().splitlines(keepends=True)
    (lost,) = lines_of(read(folder / JOURNAL), Suggested, 1)
    (folder / JOURNAL).write_bytes(b"".join(lines[:lost] + lines[lost + 1 :]))
    assert run(["repair", "small-2", "--yes"]) == 0
    outcome = resume_search("small-2", runs, LocalRunner())
    assert outcome.status == "complete"
    statuses = {number: trial.status for number, trial in outcome.history.trials.items()}
    assert statuses.pop(1) == "failed"
    assert set(statuses.values()) <= {"complete", "stopped"}
    assert "configuration was lost" in outcome.history.trials[1].reason


def test_without_its_first_line_nothing_is_recovered(runs, capsys):
    journal = runs / "small" / JOURNAL
    content = journal.read_bytes()
    journal.write_bytes(b"x" + content[1:])
    assert run(["repair", "small", "--yes"]) == 1
    assert "nothing can be recovered" in capsys.readouterr().err
    assert journal.read_bytes() == b"x" + content[1:]


def test_a_damaged_artifact_and_damaged_states_are_set_aside(runs, capsys):
    folder = runs / "small"
    best = history(folder).best
    state = folder / best.state
    damage(state)
    damage(folder / "artifact" / "prompt.safetensors")
    assert run(["repair", "small"]) == 1
    shown = capsys.readouterr().out
    assert f"trial {best.number}  state.safetensors" in shown
    assert "its other one holds" in shown
    assert "artifact  " in shown
    assert run(["repair", "small", "--yes"]) == 0
    assert not state.exists()
    assert (folder / "artifact.damaged").is_dir()
    assert resume_search("small", runs, LocalRunner()).status == "complete"
    assert (folder / "artifact" / "prompt.safetensors").is_file()
    assert numbers(read(folder / JOURNAL), Finished) == [*dict.fromkeys(numbers(read(folder / JOURNAL), Finished))]
