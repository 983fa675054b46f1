"""Whole searches on a real Ray, with a tiny backbone."""

import threading
import time
from dataclasses import replace

import psutil
import pytest

from ptune.errors import BackboneError
from ptune.raytune.runner import RayRunner
from ptune.record.events import Metered, Reported, SetAside
from ptune.record.journal import Reader, read
from ptune.run.local import LocalRunner
from support.closeness import near
from support.small_search import JOURNAL, small_job, small_search

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("embedded_ray")]


@pytest.fixture
def bert(tiny_backbone):
    return tiny_backbone("bert")


def when_reported(folder, count, action):
    """Run `action` in a thread once the journal holds `count` reports."""

    def watch():
        seen, events = 0, Reader(folder / JOURNAL)
        while seen < count:
            seen += sum(isinstance(event, Reported) for event in events)
            time.sleep(0.05)
        action()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def first_engine(session):
    return session.pool._members[0].engine


def clients():
    """Processes of this machine's Tune trials that descend from this test."""
    return [
        child for child in psutil.Process().children(recursive=True) if "PromptTrainable" in "".join(child.cmdline())
    ]


def test_ray_and_local_give_the_same_numbers(bert, tmp_path, folder):
    job = small_job(tmp_path, bert)
    with small_search(folder, job) as (prepared, conductor), RayRunner().open(prepared, folder) as session:
        session.train(conductor)
    alone = tmp_path / "alone"
    alone.mkdir()
    with small_search(alone, job) as (prepared, local), LocalRunner().open(prepared, alone) as session:
        session.train(local)
    assert conductor.history.trials.keys() == local.history.trials.keys() == set(range(4))
    for number, trial in conductor.history.trials.items():
        other = local.history.trials[number]
        assert (trial.config, trial.status, trial.epoch) == (other.config, "complete", 2)
        for ours, theirs in zip(trial.reports, other.reports, strict=True):
            for name in ("loss", "train_loss", "lr"):
                assert ours[name] == near(theirs[name])
            # who packs with whom differs, and so does rounding: an example whose classes tie may fall to either side
            assert ours["accuracy"] == pytest.approx(theirs["accuracy"], abs=1.01 / len(prepared.splits[0].dev))
    assert not (folder / ".tune").exists()
    for journal in (folder / JOURNAL, alone / JOURNAL):
        readings = [event for event in read(journal) if isinstance(event, Metered)]
        assert readings[0].usage["memory_usage_megabytes"] > 0


def test_a_trial_that_diverges_fails_alone_and_a_damaged_state_is_trained_again(bert, tmp_path, folder):
    parameters = {"length": {"low": 2, "high": 4}, "lr": {"choices": [0.01, 1e30]}, "clip": {"choices": [1.0, 1e30]}}
    job = small_job(
        tmp_path,
        bert,
        parameters=parameters,
        baseline=[{"lr": 1e30, "clip": 1e30}, {"lr": 0.01}, {"lr": 0.01, "clip": 1.0}],
        trials=3,
    )
    damaged = folder / "trials" / "0001" / "state.safetensors"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"not a state")
    with small_search(folder, job) as (prepared, conductor), RayRunner().open(prepared, folder) as session:
        session.train(conductor)
    trials = conductor.history.trials
    assert [trials[number].status for number in range(3)] == ["failed", "complete", "complete"]
    assert "loss is" in trials[0].reason
    (event,) = [event for event in read(folder / JOURNAL) if isinstance(event, SetAside)]
    assert (event.trial, event.epoch, event.reason[:30]) == (1, 0, "is not a readable trial state:")


def test_clients_hold_no_torch_and_every_trial_survives_the_death_of_its_client_and_of_its_engine(
    bert, tmp_path, folder
):
    job = small_job(tmp_path, bert, trials=4, epochs=5, rows=120)
    libraries = []

    def look_and_kill():
        libraries.extend(area.path for client in clients() for area in client.memory_maps())
        clients()[0].kill()

    with small_search(folder, job) as (prepared, conductor), RayRunner().open(prepared, folder) as session:
        killers = [
            when_reported(folder, 2, look_and_kill),
            when_reported(folder, 9, lambda: first_engine(session).kill()),
        ]
        session.train(conductor)
        for killer in killers:
            killer.join()
    assert {(trial.status, trial.epoch) for trial in conductor.history.trials.values()} == {("complete", 5)}
    assert any("_raylet" in library for library in libraries)
    assert not [library for library in libraries if "torch" in library]


def test_a_backbone_that_the_engine_cannot_load_ends_the_search_with_its_own_error(bert, tmp_path, folder):
    job = small_job(tmp_path, bert)
    with small_search(folder, job) as (prepared, conductor):
        missing = job.model_copy(update={"backbone": job.backbone.model_copy(update={"id": str(tmp_path / "gone")})})
        unloadable = replace(prepared, job=missing)
        with RayRunner().open(unloadable, folder) as session, pytest.raises(BackboneError, match="gone"):
            session.train(conductor)
        assert not conductor.history.trials
