"""The configurations with which a search begins because they are the best ones of recorded learning curves.

What is best on one task is mostly good on another: the ranks of the 312 configurations that the two tables share agree
to 0.89 (Spearman). Which encoder is best differs, so the best of each method and encoder come in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, zip_longest
from operator import itemgetter
from statistics import mean
from typing import NamedTuple

from ptune.record.curve_table import CurveTable, Run
from ptune.record.shipped_tables import names, no_table, shipped_table
from ptune.spec.space import Space
from ptune.spec.starts import SHAPE
from ptune.spec.trial import Config, Scalar, defaults

_KIND = ("method", "encoder")
_PROMPT = (*SHAPE, "encoder", "hidden", "init", "frozen")
"""What a recorded prompt and that of a point agree in."""
_LAST = 3
"""Epochs over which a score is a mean."""
_NEAR = 0.05
"""How far the best of a kind may lie below the best that fits."""
_SHARE = 2
"""Of so many trials, one may be given to recorded configurations."""


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


def recorded_points(
    tables: Sequence[str], space: Space, layers: int, best: int, trials: int | None = None
) -> Sequence[RecordedPoint]:
    """The best configurations that a space can propose, in the order in which they are tried.

    A space has to propose the prompt as it was recorded, and its rate. The rest, such as the batch size, is taken where
    the space has it, else left to the sampler. A depth stands for the share of the backbone's layers. Configurations of
    the lower half of a table are left out, and so is a method and encoder of which the best lies more than 0.05 below
    the best that fits. Half of the trials are left to the sampler.

    Args:
        tables: names of tables that ship with ptune.
        space: a resolved space.
        layers: layers of the job's backbone.
        best: most configurations of each table.
        trials: of the search; None where others limit it.

    Raises:
        NotFoundError: there is no table of a name.
    """
    of_tables = [_best_of(name, space, layers, best) for name in tables]
    found: list[RecordedPoint] = []
    for candidate in _in_turn(of_tables):
        if candidate.point not in [known.point for known in found]:
            found.append(candidate)
    return found if trials is None else found[: max(1, trials // _SHARE)]


def tables_for(kind: str) -> list[str]:
    """The tables that ship with ptune for a kind of task."""
    return [name for name in names() if shipped_table(name).recorded.settings["kind"] == kind]


def tables_of(recorded: bool | Sequence[str], kind: str) -> Sequence[str]:
    """The tables that a job's `prior.recorded` means, given its kind of task."""
    if isinstance(recorded, bool):
        return tables_for(kind) if recorded else []
    return recorded


def table_law(recorded: bool | Sequence[str], kind: str) -> str | None:
    """The law that `prior.recorded` breaks whatever the space is: a table that is not there; None if it breaks none."""
    if isinstance(recorded, bool):
        if not recorded or tables_for(kind):
            return None
        of_kinds = ", ".join(f"{name}: {shipped_table(name).recorded.settings['kind']}" for name in names())
        return f"no table of recorded curves is of kind = {kind!r} ({of_kinds})"
    unknown = [name for name in recorded if name not in names()]
    return no_table(unknown[0]) if unknown else None


def nothing_recorded(tables: Sequence[str]) -> str:
    """The law that a job breaks which asks for recorded curves where none fits."""
    return f"this space has none of the better configurations recorded in {', '.join(tables)}"


def _best_of(name: str, space: Space, layers: int, best: int) -> list[RecordedPoint]:
    table = shipped_table(name)
    scored = ((_score(table, runs), config) for config, runs in table.curves)
    ranked = sorted(scored, key=itemgetter(0), reverse=True)
    kinds: dict[tuple[Scalar | None, ...], list[RecordedPoint]] = {}
    points: list[Config] = []
    for rank, (score, config) in enumerate(ranked[: (len(ranked) + 1) // 2], 1):
        point = _point(config, table, space, layers)
        if point and point not in points:
            points.append(point)
            candidate = RecordedPoint(name, rank, len(ranked), score, point)
            kinds.setdefault(tuple(config.get(key) for key in _KIND), []).append(candidate)
    highest = max((first.score for first, *_ in kinds.values()), default=0.0)
    return _in_turn([alike for alike in kinds.values() if alike[0].score >= highest - _NEAR])[:best]


def _score(table: CurveTable, runs: Sequence[Run]) -> float:
    return mean(float(report[table.recorded.metric]) for run in runs for report in run.reports[-_LAST:])


def _point(config: Config, table: CurveTable, space: Space, layers: int) -> Config:
    """What of a recorded configuration a space proposes; nothing where its prompt or its rate would be another."""
    depth = config.get("depth")
    if isinstance(depth, int):
        config = {**config, "depth": max(1, round(depth * layers / table.recorded.layers))}
    point = space.inside(config)
    decided = dict(space.decided(point))
    if decided.get("depth", layers) is None and decided.get("layers", "") is None:
        decided["depth"] = layers
    told = dict.fromkeys([*_PROMPT, *table.told])
    known = defaults(str(config["method"]))
    fits = all(name in decided and decided[name] == config.get(name) for name in told if name in known)
    return point if fits else {}


def _in_turn(lists: Sequence[Sequence[RecordedPoint]]) -> list[RecordedPoint]:
    """The first of each list, then the second of each, and so on."""
    return [candidate for candidate in chain.from_iterable(zip_longest(*lists)) if candidate is not None]
