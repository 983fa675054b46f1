"""A whole search through the command line, in one process; then everything that can be done with it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ptune.artifacts.load import load_artifact
from ptune.record.events import Reported
from ptune.record.journal import read
from ptune.run.local import LocalRunner
from ptune.run.search import start_search
from ptune.spec.load import load_job
from ptune.tracking.location import DATABASE
from support.command import Command
from support.tiny_job import write_job

BASELINE = """
[[space.baseline]]
method = "v2"
depth = 6
length = 4
lr = 0.02

[resources]
slots = 2

[export]
formats = ["native", "peft"]
"""


def call(folder: Path, *arguments: str) -> Command:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS", "PTUNE_DEBUG"):
            patch.delenv(name, raising=False)
        return Command(folder, *arguments, fork=True, PTUNE_RUNS=str(folder / "runs"))


@pytest.fixture(scope="module")
def searched(tmp_path_factory, blank_database):
    """A folder where one search has run; its JSON result and what it wrote to standard error."""
    folder = tmp_path_factory.mktemp("searched")
    (folder / "runs").mkdir()
    shutil.copy(blank_database, folder / "runs" / DATABASE)
    command = call(folder, "search", write_job(folder, BASELINE).name, "--local", "--json", "--set", "seed=3")
    assert command.end() == 0, command.err
    return folder, command.out, command.err


def test_json_is_one_object_with_the_result(searched):
    folder, out, _ = searched
    result = json.loads(out)
    assert (result["name"], result["trials"], sum(result["statuses"].values())) == ("tiny", 4, 4)
    assert {"trial", "config", "metrics"} <= result["best"].keys()
    assert {"uri", "experiment_id", "parent_run_id"} <= result["mlflow"].keys()
    assert result["mlflow"]["lagging"] is None
    assert Path(result["artifact"]).parent == folder / "runs" / "tiny"
    assert result["wall_s"] > 0


def test_the_live_view_goes_to_standard_error(searched):
    assert "4 of 4 begun" in searched[2]


def test_the_folder_holds_the_record_and_what_was_asked(searched):
    runs = searched[0] / "runs" / "tiny"
    assert {"journal.jsonl", "leaderboard.csv", "leaderboard.json", "curves.png", "job.json"} <= {
        path.name for path in runs.iterdir()
    }
    assert (runs / "job.toml").read_text().endswith("# --set seed=3\n")
    assert json.loads((runs / "job.json").read_text())["seed"] == 3


def test_it_is_listed(searched, ptune, monkeypatch):
    monkeypatch.setenv("PTUNE_RUNS", str(searched[0] / "runs"))
    (entry,) = json.loads(ptune("list", "--json").out)["searches"]
    assert (entry["name"], entry["state"], entry["trials"]) == ("tiny", "complete", 4)


def test_any_trial_can_be_exported(searched, ptune, monkeypatch, tmp_path):
    monkeypatch.setenv("PTUNE_RUNS", str(searched[0] / "runs"))
    best = json.loads(searched[1])["best"]["trial"]
    other = (best + 1) % 4
    assert ptune("export", "tiny", "--to", "best").code == 0
    result = ptune("export", "tiny", "--to", "other", "--trial", other)
    assert result.out.startswith(f"trial {other} of tiny (accuracy ")
    assert "read back, every number is the same" in result.out
    assert [load_artifact(tmp_path / name).manifest.trial for name in ("best", "other")] == [best, other]


def test_what_peft_expresses_is_exported_to_peft_and_held_to_the_dev_split(searched, ptune, monkeypatch, tmp_path):
    monkeypatch.setenv("PTUNE_RUNS", str(searched[0] / "runs"))
    result = ptune("export", "tiny", "--to", "zero", "--format", "peft", "--trial", 0)  # the baseline point
    assert result.code == 0
    assert "equal scores under PEFT on 8 examples of the dev split" in result.out
    assert load_artifact(tmp_path / "zero").manifest.trial == 0
    again = ptune("export", "zero", "--to", "native")  # from a folder
    assert again.code == 0
    assert load_artifact(tmp_path / "native").manifest == load_artifact(tmp_path / "zero").manifest
    assert "leave it out" in ptune("export", "zero", "--to", "x", "--trial", 0).err


def test_wrong_names_and_numbers_are_refused(searched, ptune, monkeypatch):
    monkeypatch.setenv("PTUNE_RUNS", str(searched[0] / "runs"))
    assert (
        "trial 9 has no result to export (trials that have one: 0, 1, 2, 3)"
        in ptune("export", "tiny", "--to", "x", "--trial", 9).err
    )
    assert "no search named 'tinny'" in ptune("resume", "tinny").err
    assert "did you mean 'tiny'?" in ptune("sync", "tinny").err


def test_a_complete_search_is_not_resumed_but_named(searched, ptune, monkeypatch):
    runs = searched[0] / "runs"
    monkeypatch.setenv("PTUNE_RUNS", str(runs))
    journal = (runs / "tiny" / "journal.jsonl").read_bytes()
    result = ptune("resume", "tiny", "--local")
    assert result.code == 0
    assert result.out.startswith("tiny is complete: 4 trials, best accuracy ")
    assert "Nothing is left to resume." in result.out
    assert "report tiny   # show its results" in result.out
    assert json.loads(ptune("resume", "tiny", "--json").out) == json.loads(searched[1])
    assert (runs / "tiny" / "journal.jsonl").read_bytes() == journal


def test_one_command_reports_the_search_that_it_has_finished(searched, ptune, monkeypatch):
    folder = searched[0]
    monkeypatch.setenv("PTUNE_RUNS", str(folder / "runs"))
    again = ("search", folder / "tiny.toml", "--local", "--json", "--resume-if-exists")
    assert json.loads(ptune(*again, "--set", "seed=3").out) == json.loads(searched[1])
    other = ptune(*again, "--set", "seed=4")
    assert other.code == 1
    assert "seed is 3 in the kept job and 4 in this one" in other.err
    assert not (folder / "runs" / "tiny-2").exists()


def test_sync_can_be_repeated(searched, ptune, monkeypatch):
    monkeypatch.setenv("PTUNE_RUNS", str(searched[0] / "runs"))
    parent = json.loads(searched[1])["mlflow"]["parent_run_id"]
    assert ptune("sync", "tiny").out.endswith(f", run {parent}\n")


def reports(journal):
    return journal.read_text().count('"reported"')


LONG = ("--set", "budget.epochs=300", "--set", "name=long", "--set", "tracking.type=none")


@pytest.mark.slow
def test_an_interrupted_search_is_resumed(tmp_path):
    job = write_job(tmp_path, BASELINE)
    command = call(tmp_path, "search", job.name, "--local", *LONG)
    journal = tmp_path / "runs" / "long" / "journal.jsonl"
    command.wait_for(lambda: journal.exists() and reports(journal))
    command.process.send_signal(signal.SIGTERM)
    assert command.end() == 130, command.err
    assert "resume long --local`" in command.err
    assert "long interrupted" in command.out
    reported = reports(journal)
    command = call(tmp_path, "resume", "long", "--local")
    command.wait_for(lambda: reports(journal) > reported)
    command.process.send_signal(signal.SIGINT)
    assert command.end() == 130
    epochs = [(event.trial, event.epoch) for event in read(journal) if isinstance(event, Reported)]
    assert len(epochs) == len(set(epochs)) > reported


def test_the_next_commands_can_be_pasted_where_ptune_is_not_on_the_path(monkeypatch, tmp_path):
    from ptune.cli import running

    environment = tmp_path / ".venv" / "bin"
    environment.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(environment / "python"))
    monkeypatch.setenv("PATH", "")
    assert running.program() == "python -m ptune"
    (environment / "ptune").touch()
    assert running.program() == ".venv/bin/ptune"
    (environment / "ptune").chmod(0o755)
    monkeypatch.setenv("PATH", str(environment))
    assert running.program() == "ptune"


def test_a_command_of_its_own_trains_the_same_numbers_without_what_ptune_does_not_use(tmp_path):
    """The compiler and distributed tensors are never imported, and no loss is another one."""
    job = write_job(tmp_path, '[tracking]\ntype = "none"\n')
    chosen = ("--set", "budget.sampler='random'", "--set", "budget.trials=2", "--set", "budget.epochs=1")
    arguments = ["search", str(job), "--local", *chosen]
    code = f"""
import sys
from ptune.cli.main import run
assert run({arguments!r}, owns_process=True) == 0
unused = {{"accelerate", "torch._dynamo.config", "torch.distributed.tensor", "torchao"}}
print(*sorted(unused & sys.modules.keys()))
"""
    environment = {**os.environ, "PTUNE_RUNS": str(tmp_path / "lean"), "OMP_NUM_THREADS": "1"}
    lean = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert lean.returncode == 0, lean.stderr
    assert lean.stdout.splitlines()[-1] == ""
    plain = start_search(load_job(job, chosen[1::2]), "", tmp_path / "plain", LocalRunner()).folder
    losses = [
        [event.metrics["loss"] for event in read(folder / "journal.jsonl") if isinstance(event, Reported)]
        for folder in (tmp_path / "lean" / "tiny", plain)
    ]
    assert len(losses[0]) == 2
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
