"""A table of real learning curves, played as a surface is: ranges around what was recorded, the nearest curve in them.

What a search is told is what was recorded. What it is judged by is the mean of an epoch and its neighbours, so that a
lucky epoch counts less; of a configuration with several runs, the mean of all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from ptune.record.curve_table import CurveTable, Run
from ptune.run.curve_tables import load_table
from ptune.searching.nearest_curve import NearestCurve
from ptune.spec.configuration import complete
from ptune.spec.job import Job
from ptune.spec.space import Space
from ptune.spec.trial import Config, defaults
from support.simulated import make_job
from support.surfaces import drawn_from, own_of

METRIC = "accuracy"
NEIGHBOURS = 1


@dataclass(frozen=True)
class RecordedSurface:
    """A table that ships with ptune; `seed` chooses among the runs of a configuration.

    Args:
        kind: the table's name.
        seed: also of the search that is played.
    """

    kind: str
    seed: int

    @cached_property
    def table(self) -> dict[str, Any]:
        """The space as a job writes it."""
        return {"parameters": ranges(_loaded(self.kind))}

    @cached_property
    def space(self) -> Space:
        """The space, resolved."""
        return self._job.space.resolved(self.layers)

    @cached_property
    def _job(self) -> Job:
        return make_job(space=self.table)

    @property
    def layers(self) -> int:
        """Of the backbone."""
        return _loaded(self.kind).recorded.layers

    @property
    def examples(self) -> int:
        """Of the dev split."""
        return _loaded(self.kind).recorded.rows["dev"]

    def own(self, config: Config) -> Config:
        """What of a complete configuration the space states."""
        return own_of(config, self.space)

    def report(self, config: Config, epoch: int) -> float:
        """What was recorded after an epoch."""
        runs = self._runs(config)
        return float(runs[self.seed % len(runs)].reports[epoch - 1][METRIC])

    def true(self, config: Config, epoch: int) -> float:
        """The mean around an epoch over all runs."""
        return mean(_around(run, epoch) for run in self._runs(config))

    def best(self, config: Config) -> float:
        """The best that a configuration comes to."""
        return _best(self._runs(config))

    def cost(self, config: Config) -> float:  # noqa: ARG002 - as every surface has it
        """Every epoch takes as long."""
        return 1.0

    @cached_property
    def optimum(self) -> float:
        """The best of the table."""
        return max(_best(runs) for _, runs in _loaded(self.kind).curves)

    def drawn(self, draws: np.random.Generator) -> Config:
        """A configuration drawn evenly."""
        return drawn_from(self.space, draws)

    def _runs(self, config: Config) -> list[Run]:
        table = _loaded(self.kind)
        whole = complete(self.own(config), self._job, table.recorded.layers)
        return _nearest(self.kind)(whole)


def ranges(table: CurveTable) -> dict[str, Any]:
    """A space around a table: for each method, ranges from the least to the greatest recorded number, and its choices.

    A rate has a range for each encoder, because the recorded ones have.
    """
    methods = list(dict.fromkeys(str(config["method"]) for config, _ in table.curves))
    parameters: dict[str, Any] = {"method": {"choices": methods}}
    for name in table.told[1:]:
        by = "encoder" if name in ("lr", "init") else "method"
        groups: dict[tuple[Any, ...], set[Any]] = {}
        for config, _ in table.curves:
            if name in config:
                key = (config["method"], config["encoder"]) if by == "encoder" else (config["method"],)
                groups.setdefault(key, set()).add(config[name])
        definitions = [
            {"when": dict(zip(("method", "encoder"), key, strict=False)), **_definition(values)}
            for key, values in groups.items()
            if len(values) > 1 or by == "method"
        ]
        parameters[name] = definitions
    constants = {name: values[0] for name, values in table.values.items() if len(values) == 1}
    differing = {name: value for name, value in constants.items() if value != defaults(methods[0]).get(name)}
    return parameters | {name: {"value": value} for name, value in differing.items() if name != "method"}


def _definition(values: set[Any]) -> dict[str, Any]:
    numbers = sorted(value for value in values if isinstance(value, int | float) and not isinstance(value, bool))
    if len(numbers) == len(values) > 1:
        return {"low": numbers[0], "high": numbers[-1], "log": numbers[0] > 0}
    return {"choices": sorted(values, key=str)}


@cache
def _loaded(name: str) -> CurveTable:
    return load_table(name, Path("ptune_runs"))


@cache
def _nearest(name: str) -> NearestCurve:
    return NearestCurve(_loaded(name))


def _best(runs: list[Run]) -> float:
    return max(mean(_around(run, epoch) for run in runs) for epoch in range(1, len(runs[0].reports) + 1))


def _around(run: Run, epoch: int) -> float:
    window = run.reports[max(0, epoch - 1 - NEIGHBOURS) : epoch + NEIGHBOURS]
    return mean(float(report[METRIC]) for report in window)
