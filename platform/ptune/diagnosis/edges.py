"""The best trials lie at an end of a range, so what is better may lie beyond it.

A single best trial at an end is often luck: of five parameters without influence, one in ten searches has the best in
the outer hundredth. The law therefore asks where the best three to five configurations lie together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from ptune.diagnosis.diagnosis import Diagnosis
from ptune.diagnosis.edits import nice, with_choices, with_ends
from ptune.diagnosis.ranges import Definition, definitions, number
from ptune.record.history import History, TrialRecord
from ptune.record.repetition import REPEATING
from ptune.record.wording import value_text
from ptune.spec.trial import DEFAULT_METHOD, broken_law

End = Literal["low", "high"]

NEAR = 0.05
"""The best trial lies in this share of the range at its end, or holds its last value."""
CHANCE = 0.01
"""How often the best few may lie so close to that end by chance, if the parameter had no influence."""
BEST = (3, 4, 5)
"""How many of the best are asked."""
LEAST = 8
"""Configurations with the parameter below which nothing is said; the importances need as many."""
_MOST_TIMES = 3.0
_HORIZON = "epochs"  # the law of the horizon speaks of it


@dataclass(frozen=True)
class _Edge:
    """An end of a definition at which the best lie."""

    definition: Definition
    end: End
    best: Sequence[TrialRecord]
    chance: float


def edges(history: History) -> list[Diagnosis]:
    """A diagnosis for each end of a range that can be moved, and at which the best trials lie."""
    if history.header.confirms is not None or history.job.space.listed:
        return []
    leaders = [configuration.compared[0] for configuration in history.configurations()]
    found = [
        edge
        for definition in definitions(history)
        if definition.name not in (*REPEATING, _HORIZON)
        for edge in _edges(definition, leaders)
    ]
    return [diagnosis for edge in found if (diagnosis := _diagnosed(history, edge)) is not None]


def _edges(definition: Definition, leaders: Sequence[TrialRecord]) -> Iterator[_Edge]:
    """The ends of one definition at which the best lie; at most one of them does."""
    members = [trial for trial in leaders if definition.holds(trial.config)]
    bounded = definition.written.low is not None or len(definition.levels) > 1
    if len(members) < LEAST or not bounded or members[0] is not leaders[0]:
        return
    places = [definition.mass(value) for trial in members if (value := number(trial, definition.name)) is not None]
    ends: tuple[End, End] = ("low", "high")
    for side, end in enumerate(ends):
        masses = [place[side] for place in places]
        if masses[0] > NEAR and number(members[0], definition.name) != _last(definition, end):
            continue
        chances = [(max(masses[:best]) ** best, best) for best in BEST if 2 * best <= len(members)]
        chance, best = min(chances)
        if chance <= CHANCE:
            yield _Edge(definition, end, members[:best], chance)


def _last(definition: Definition, end: End) -> float:
    if definition.levels:
        return definition.levels[0 if end == "low" else -1]
    bound = definition.written.low if end == "low" else definition.written.high
    assert isinstance(bound, int | float), "a range on a backbone has numbers"
    return float(bound)


def _diagnosed(history: History, edge: _Edge) -> Diagnosis | None:
    """The diagnosis; None where the end is a hard limit."""
    definition, end = edge.definition, edge.end
    beyond = _beyond(history, edge)
    if beyond is None:
        return None
    name, best = definition.name, edge.best[0]
    last = _last(definition, end)
    value = number(best, name)
    assert value is not None, "a value in a range is a number"
    text = f"The best {len(edge.best)} configurations lie at the {end} end of {name}: the best has "
    text += f"{value_text(best.config[name])}, and the {end} end is {value_text(_plain(definition, last))}."
    space = history.job.space
    if definition.levels:
        choices = sorted([*definition.levels, beyond])
        typed = with_choices(space, name, definition.index, [_plain(definition, choice) for choice in choices])
    else:
        low, high = (beyond, None) if end == "low" else (None, beyond)
        typed = with_ends(
            space,
            name,
            definition.index,
            None if low is None else _plain(definition, low),
            None if high is None else _plain(definition, high),
        )
    return Diagnosis(
        kind="edge",
        severity="advice",
        text=text,
        advice="widen the range",
        typed=typed,
        trials=[trial.number for trial in edge.best],
        parameters=[name],
        evidence={"best": value, end: last, "chance": edge.chance},
    )


def _beyond(history: History, edge: _Edge) -> float | None:
    """A value beyond the end that the parameter may hold; None if there is none."""
    definition, end = edge.definition, edge.end
    method = str(edge.best[0].config.get("method") or DEFAULT_METHOD)
    last = _last(definition, end)
    candidates = [_further(definition, end), 0.0, 1.0]
    if definition.name == "depth":
        layers = float(history.header.backbone.layers)
        candidates = [min(candidate, layers) for candidate in candidates]
    for candidate in candidates:
        outside = candidate < last if end == "low" else candidate > last
        outside &= candidate > 0.0 or not definition.written.log
        if outside and broken_law(method, definition.name, _plain(definition, candidate)) is None:
            return candidate
    return None


def _further(definition: Definition, end: End) -> float:
    """The end moved outwards: choices by one more step, a range by half its width, on a log scale threefold at most."""
    last = _last(definition, end)
    if definition.levels:
        ordered = definition.levels if end == "high" else definition.levels[::-1]
        ratios = {round(after / before, 6) for before, after in pairwise(ordered) if before}
        geometric = len(ratios) == 1 and len(ordered) > 2
        return last * ratios.pop() if geometric else last + (last - ordered[-2])
    low, high = _last(definition, "low"), _last(definition, "high")
    outwards = 1 if end == "high" else -1
    if definition.written.log:
        further = nice(last * min(_MOST_TIMES, math.sqrt(high / low)) ** outwards)
    else:
        further = float(f"{last + outwards * (high - low) / 2:.3g}")
    return (
        float(math.ceil(further) if end == "high" else math.floor(further)) if definition.written.integer else further
    )


def _plain(definition: Definition, value: float) -> int | float:
    """A value as the space writes it: whole numbers where all of the definition's are."""
    whole = (
        definition.written.integer
        if not definition.levels
        else all(isinstance(choice, int) for choice in definition.written.choices or ())
    )
    return int(value) if whole and value == int(value) else value
