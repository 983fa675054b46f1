"""A recorded grid, without training: every combination of two methods' spaces, with curves that `curve` makes."""

from pathlib import Path

from ptune.record.history import History
from ptune.searching.simulate import simulate
from support.simulated import curve, make_job, start

METHOD = {"choices": ["v1", "v2"]}
ENCODER = {"choices": ["embedding", "mlp"]}
GRID = {
    "parameters": {
        "method": METHOD,
        "length": [
            {"choices": [3, 9], "when": {"method": "v1"}},
            {"choices": [4, 10, 25], "when": {"method": "v2"}},
        ],
        "depth": {"choices": [1, 6, 12], "when": {"method": "v2"}},
        "encoder": ENCODER,
        "lr": {"choices": [1e-3, 1e-2, 1e-1]},
        "batch_size": {"value": 16},
    }
}
RANGES = {
    "parameters": {
        "method": METHOD,
        "length": [
            {"low": 2, "high": 12, "log": True, "when": {"method": "v1"}},
            {"low": 4, "high": 30, "log": True, "when": {"method": "v2"}},
        ],
        "depth": {"low": 1, "high": "layers", "when": {"method": "v2"}},
        "encoder": ENCODER,
        "lr": {"low": 1e-3, "high": 1e-1, "log": True},
        "batch_size": {"value": 16},
    }
}
"""A space whose configurations lie between those of the grid."""


def recorded_grid(path: Path, space=GRID, curve=curve, **job) -> History:
    """The history of a grid search without early stopping, on a journal of its own."""
    about = {"sampler": "grid", "trials": None, "stopping": {"type": "none"}, "space": space}
    conductor = start(make_job(**(about | job)), path)
    simulate(conductor, curve, slots=4)
    return conductor.history
