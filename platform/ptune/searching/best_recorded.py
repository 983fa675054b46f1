"""The configurations with which a search begins because they are the best ones of recorded learning curves.

What is best on one task is mostly good on another: the ranks of the 312 configurations that the two tables share agree
to 0.89 (Spearman). Which encoder is best differs, so the best of each method and encoder come in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, zip_longest
from statistics import mean
from typing import NamedTuple

from ptune.record.curve_table import CurveTable, Run
from ptune.record.shipped_tables import names, shipped_table
from ptune.spec.space import Space
from ptune.spec.trial import Config, Scalar

_KIND = ("method", "encoder")
_LAST = 3
"""Epochs over which a score is a mean."""
_NEAR = 0.05
"""How far the best of a kind may lie below the best of all."""


class RecordedPoint(NamedTuple):
    """A starting point."""

    table: str
    rank: int
    """Among all configurations of its table; the best has 1."""
    of: int
    """How many these are."""
    score: float
    """The mean over the last epochs, in the table's metric."""
    point: Config

    @property
    def source(self) -> str:
        """Where it is from, for people."""
        return f"recorded curves of {self.table}: rank {self.rank} of {self.of}, {self.score:.3f}"


def recorded_points(tables: Sequence[str], space: Space, layers: int, best: int) -> Sequence[RecordedPoint]:
    """The best configurations that a space can propose, in the order in which they are tried.

    Everything that tells the configurations of a table apart must lie in the space. The rest, such as the batch size,
    is taken where it does, else left to the sampler. A depth stands for the share of the backbone's layers. A method
    and encoder of which the best lies more than 0.05 below the best of all is left out.

    Args:
        tables: names of tables that ship with ptune.
        space: a resolved space.
        layers: layers of the job's backbone.
        best: most configurations of each table.

    Raises:
        NotFoundError: there is no table of a name.
    """
    of_tables = [_best_of(name, space, layers, best) for name in tables]
    found: list[RecordedPoint] = []
    for candidate in _in_turn(of_tables):
        if candidate.point not in [known.point for known in found]:
            found.append(candidate)
    return found


def tables_for(kind: str) -> list[str]:
    """The tables that ship with ptune for a kind of task."""
    return [name for name in names() if shipped_table(name).recorded.settings["kind"] == kind]


def tables_of(recorded: bool | Sequence[str], kind: str) -> Sequence[str]:
    """The tables that a job's `prior.recorded` means, given its kind of task."""
    if isinstance(recorded, bool):
        return tables_for(kind) if recorded else []
    return recorded


def nothing_recorded(tables: Sequence[str], kind: str) -> str:
    """The law that a job breaks which asks for recorded curves where none fits."""
    if not tables:
        of_kinds = ", ".join(f"{name}: {shipped_table(name).recorded.settings['kind']}" for name in names())
        return f"no table of recorded curves is of kind = {kind!r} ({of_kinds})"
    return f"this space has none of the best configurations recorded in {', '.join(tables)}"


def _best_of(name: str, space: Space, layers: int, best: int) -> list[RecordedPoint]:
    table = shipped_table(name)
    ranked = sorted(table.curves, key=lambda curve: _score(table, curve[1]), reverse=True)
    kinds: dict[tuple[Scalar | None, ...], list[RecordedPoint]] = {}
    for rank, (config, runs) in enumerate(ranked, 1):
        point = _point(config, table, space, layers)
        if point:
            candidate = RecordedPoint(name, rank, len(ranked), _score(table, runs), point)
            kinds.setdefault(tuple(config.get(key) for key in _KIND), []).append(candidate)
    highest = max((points[0].score for points in kinds.values()), default=0.0)
    return _in_turn([points for points in kinds.values() if points[0].score >= highest - _NEAR])[:best]


def _score(table: CurveTable, runs: Sequence[Run]) -> float:
    return mean(float(report[table.recorded.metric]) for run in runs for report in run.reports[-_LAST:])


def _point(config: Config, table: CurveTable, space: Space, layers: int) -> Config:
    """What of a recorded configuration a space proposes; nothing where the space has another value that counts."""
    depth = config.get("depth")
    if isinstance(depth, int):
        config = {**config, "depth": max(1, round(depth * layers / table.recorded.layers))}
    point = space.inside(config)
    told = {name: config[name] for name in table.told if name in config}
    known = {name: space.known_at(point, name) for name in told}
    if "depth" in told and known["depth"] is None and "depth" not in space.parameters:
        known["depth"] = layers
    return point if known == told else {}


def _in_turn(lists: Sequence[Sequence[RecordedPoint]]) -> list[RecordedPoint]:
    """The first of each list, then the second of each, and so on."""
    return [candidate for candidate in chain.from_iterable(zip_longest(*lists)) if candidate is not None]
