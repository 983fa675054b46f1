"""Searches over made-up learning curves, for the tests of this folder."""

import math
import random
from pathlib import Path

from ptune.record import journal
from ptune.record.events import DataSource
from ptune.searching.conductor import Conductor
from ptune.spec.job import Job
from support.made_headers import header_of

LAYERS = 12

SPACE = {
    "parameters": {
        "method": {"choices": ["v1", "v2"]},
        "length": [
            {"low": 2, "high": 32, "log": True, "when": {"method": "v1"}},
            {"low": 4, "high": 128, "log": True, "when": {"method": "v2"}},
        ],
        "encoder": [
            {"choices": ["embedding", "mlp", "lstm"], "when": {"method": "v1"}},
            {"choices": ["embedding", "mlp"], "when": {"method": "v2"}},
        ],
        "depth": {"low": 1, "high": "layers", "when": {"method": "v2"}},
        "dropout": {"low": 0.0, "high": 0.5, "step": 0.1, "when": {"method": "v2"}},
        "lr": {"low": 1e-4, "high": 1.0, "log": True},
        "batch_size": {"value": 16},
    }
}


def make_job(
    trials=12,
    epochs=9,
    stopping=None,
    sampler="tpe",
    seed=0,
    space=SPACE,
    text=("text",),
    metric="accuracy",
    limits=None,
    objectives=None,
    **data,
):
    return Job.model_validate(
        {
            "name": "simulated",
            "seed": seed,
            "backbone": {"id": "none"},
            "task": {"metric": metric, "data": {"source": "builtin:none", "text": list(text), **data}},
            "space": space,
            "budget": {
                "trials": trials,
                "epochs": epochs,
                "sampler": sampler,
                "stopping": stopping or {"type": "asha", "eta": 3, "grace": 1, "spacing": 3},
                **(limits or {}),
            },
            **({} if objectives is None else {"objectives": objectives}),
        }
    )


def start(job: Job, path: Path, rows: int = 40) -> Conductor:
    """A conductor on a new journal, of a search with so many examples on dev."""
    writer = journal.Journal(path)
    data = {"dev": DataSource("builtin:none:dev", "b" * 64, rows)}
    return Conductor(writer, [writer.append(header_of(job, LAYERS, data=data))])


def resume(path: Path) -> Conductor:
    """A conductor on the journal another one left behind."""
    writer = journal.Journal(path)
    return Conductor(writer, journal.read(path))


def ceiling(config):
    """The accuracy a configuration comes to, at most 0.89: there is a best rate, and deeper and longer helps v2."""
    value = 0.85 - 0.05 * math.log10(config["lr"] / best_rate(config)) ** 2
    if config["method"] == "v2":
        value += 0.04 * (config["depth"] or LAYERS) / LAYERS - 0.01 * abs(math.log2(config["length"] / 40))
        value -= 0.05 * config["dropout"]
    else:
        value -= 0.03 + (0.02 if config["encoder"] == "embedding" else 0.0)
    return max(0.5, value)


def best_rate(config):
    return 2e-2 if config["method"] == "v2" else 3e-3


def curve(config, epoch):
    """Accuracy as prompt tuning gives it: towards its ceiling, faster at higher rates, noise, divergence."""
    if config["lr"] > 0.3:
        return math.nan
    speed = 0.5 + 8 * min(config["lr"], best_rate(config)) / best_rate(config)
    noise = random.Random(repr((sorted(config.items(), key=str), epoch))).gauss(0, 0.003)
    return ceiling(config) - 0.3 * math.exp(-speed * epoch / 9) + noise


def best_value(conductor: Conductor) -> float:
    return conductor.history.ranked()[0].best_value
