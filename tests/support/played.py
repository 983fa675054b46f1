"""Searches played in virtual time by a real conductor, with journals as a real search writes them."""

import heapq
import math
import random
from pathlib import Path
from types import SimpleNamespace

from ptune.record import journal
from ptune.record.events import Ended, Tracked
from ptune.record.history import History
from ptune.report.progress import Progress
from ptune.searching.conductor import Conductor
from ptune.spec.job import Job
from support.made_headers import header_of

START = 1_000_000.0
LAYERS = 6
SPACE = {
    "parameters": {
        "method": {"choices": ["v1", "v2"]},
        "length": {"low": 2, "high": 64, "log": True},
        "encoder": [
            {"choices": ["embedding", "lstm"], "when": {"method": "v1"}},
            {"choices": ["embedding", "mlp"], "when": {"method": "v2"}},
        ],
        "depth": {"low": 1, "high": "layers", "when": {"method": "v2"}},
        "lr": {"low": 1e-4, "high": 1e-1, "log": True},
    },
    "baseline": [{"method": "v2", "length": 20, "depth": 6, "lr": 0.01, "encoder": "embedding"}],
}


def make_job(
    trials=12,
    epochs=9,
    stopping=None,
    space=SPACE,
    sampler="random",
    published=(),
    metric="accuracy",
    report_every=None,
    objectives=None,
    **data,
):
    budget = {
        "trials": trials,
        "epochs": epochs,
        "sampler": sampler,
        "stopping": stopping or {"type": "asha", "grace": 1, "spacing": 3},
    }
    budget["report_every"] = report_every
    task = {"metric": metric, "data": {"source": "builtin:none", **data}}
    return Job.model_validate(
        {
            "name": "played",
            "backbone": {"id": "none"},
            "task": task,
            "space": space,
            "budget": budget,
            "published": list(published),
            **({} if objectives is None else {"objectives": objectives}),
        }
    )


def metrics(config, epoch):
    """One epoch's report, with every key that an engine sends."""
    peak = 0.88 if config["method"] == "v2" else 0.8
    peak -= 0.06 * abs(math.log10(config["lr"] / 0.01))
    noise = random.Random(repr((sorted(config.items(), key=str), epoch))).gauss(0, 0.006)
    accuracy = max(0.5, peak - 0.25 * math.exp(-epoch / 2.5) + noise)
    return {
        "accuracy": accuracy,
        "macro_f1": accuracy - 0.01,
        "loss": 1.2 - accuracy,
        "train_loss": math.nan if config["lr"] > 0.09 else 1.1 - accuracy,
        "lr": config["lr"],
        "seconds": 2.0,
        "peak_memory_mb": 512.0,
        "trainable_parameters": 384.0 * config.get("length", 1),
        "backbone_share": 0.001,
        "majority_baseline": 0.52,
        "constant_prediction": 0.0,
    }


def play(path: Path, monkeypatch, job=None, slots=4, cost=lambda _: 2.0, until=math.inf, **more) -> History:
    """Play a search on `slots` slots, an epoch taking `cost` seconds; stop, as if killed, `until` seconds in.

    `more` goes into its first event.
    """
    job = job or make_job()
    clock = SimpleNamespace(time=lambda: clock.now, now=START, monotonic=lambda: clock.now)
    monkeypatch.setattr(journal, "time", clock)
    monkeypatch.setattr("os.fsync", lambda _: None)  # no machine loses power here, and disks are slow
    writer = journal.Journal(path)
    writer.append(header_of(job, LAYERS, **more))
    writer.append(Tracked(None, "parent"))
    conductor = Conductor(writer, journal.read(path))
    running = []
    while True:
        while len(running) < slots and (turn := conductor.next_turn()):
            heapq.heappush(running, (clock.now + cost(turn.config), turn.trial, turn.epoch + 1, turn.config))
        if not running or running[0][0] - START > until:
            break
        clock.now, trial, epoch, config = heapq.heappop(running)
        if conductor.report(trial, epoch, metrics(config, epoch), f"trials/{trial}") == "continue":
            heapq.heappush(running, (clock.now + cost(config), trial, epoch + 1, config))
    if not running:
        conductor.history.apply(writer.append(Ended("complete")))
    writer.close()
    return conductor.history


def watched(path: Path) -> Progress:
    """The progress of a journal read to its end."""
    progress = Progress()
    for event in journal.read(path):
        progress.apply(event)
    return progress
