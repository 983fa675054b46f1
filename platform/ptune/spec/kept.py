"""A space of which some is broken: every problem, and the part that is valid by itself.

What the rest would be misjudged without is left out with what is broken, and told of nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ptune.spec.idle import NEEDS
from ptune.spec.problem import Place
from ptune.spec.prompt import METHODS
from ptune.spec.space import Space
from ptune.spec.trial import parameter_names

_OF_EVERY_METHOD = frozenset.intersection(*(frozenset(parameter_names(method)) for method in METHODS))


@dataclass
class Kept:
    """What is valid of a space.

    Attributes:
        space: its valid part; None where none can be told from the rest.
        issues: every problem, as pydantic has it, at its place in the whole.
        dropped: the parameters of which a definition is left out; laws cannot know what they hold.
        positions: the places that the kept definitions of each parameter have in the whole.
        points: those that the kept baseline points have.
    """

    space: Space | None = None
    issues: list[ErrorDetails] = field(default_factory=list)
    dropped: set[str] = field(default_factory=set)
    positions: Mapping[str, Sequence[int]] = field(default_factory=dict)
    points: Sequence[int] = ()

    def original(self, place: Place) -> Place:
        """The place in the whole of a place in the kept space."""
        match place:
            case ("parameters", str(name), int(index), *deeper) if index < len(self.positions.get(name, ())):
                return ("parameters", name, self.positions[name][index], *deeper)
            case ("baseline", int(number), *deeper) if number < len(self.points):
                return ("baseline", self.points[number], *deeper)
        return place


def kept(content: Any) -> Kept:
    """The valid part of a space's tables, and every problem of the rest."""
    result = Kept()
    definitions, points, settings = _parts(content)
    while True:
        result.positions = {name: list(kept_ones) for name, kept_ones in definitions.items()}
        result.points = list(points)
        tables = {
            "parameters": {name: list(kept_ones.values()) for name, kept_ones in definitions.items()},
            "baseline": [_without(point, result.dropped) for point in points.values()],
            **settings,  # a baseline that is no list among them
        }
        try:
            result.space = Space.model_validate(tables if definitions or result.dropped else content)
            return result
        except ValidationError as error:
            issues = error.errors()
        for issue in issues:
            issue["loc"] = result.original(issue["loc"])
        result.issues += issues
        left_out = [_drop(issue["loc"], definitions, points, settings, result.dropped) for issue in issues]
        if not all(left_out):
            return result
        _drop_what_depends(definitions, result.dropped)
        if "method" in result.dropped:
            points.clear()


def _parts(content: Any) -> tuple[dict[str, dict[int, Any]], dict[int, Any], dict[str, Any]]:
    """A space's definitions by name and position, its baseline points by position, and its other keys."""
    if not isinstance(content, dict) or not isinstance(content.get("parameters"), dict):
        return {}, {}, {}
    settings = {key: value for key, value in content.items() if key not in ("parameters", "baseline")}
    written = content["parameters"].items()
    definitions = {name: dict(enumerate(value if isinstance(value, list) else [value])) for name, value in written}
    baseline = content.get("baseline", [])
    if not isinstance(baseline, list):
        return definitions, {}, {**settings, "baseline": baseline}
    return definitions, dict(enumerate(baseline)), settings


def _drop(
    place: Place,
    definitions: dict[str, dict[int, Any]],
    points: dict[int, Any],
    settings: dict[str, Any],
    dropped: set[str],
) -> bool:
    """Leave out what an issue is about; False where that is no part of its own."""
    match place:
        case ("parameters", str(name), int(index), *_):
            definitions.get(name, {}).pop(index, None)
        case ("parameters", str(name), *_):
            definitions[name] = {}
        case ("baseline", int(number), *_):
            points.pop(number, None)
            return True
        case (str(key),) if key in settings:
            del settings[key]
            return True
        case _:
            return False
    dropped.add(name)
    if not definitions.get(name):
        definitions.pop(name, None)
    return True


def _drop_what_depends(definitions: dict[str, dict[int, Any]], dropped: set[str]) -> None:
    """Leave out the definitions that a law would misjudge without those that are dropped."""
    beside = {need.name: need.beside for need in NEEDS}
    lost = True
    while lost:
        if "method" in dropped:
            dropped |= parameter_names() - _OF_EVERY_METHOD
        lost = False
        for name, index in [(name, index) for name, kept_ones in definitions.items() for index in kept_ones]:
            written = definitions[name][index]
            when = written.get("when") if isinstance(written, dict) else None
            unknown = isinstance(when, dict) and not dropped.isdisjoint(when)
            foreign = "method" in dropped and name not in _OF_EVERY_METHOD
            if unknown or foreign or beside.get(name) in dropped:
                del definitions[name][index]
                dropped.add(name)
                lost = True
        for name in [name for name, kept_ones in definitions.items() if not kept_ones]:
            del definitions[name]


def _without(point: Any, names: set[str]) -> Any:
    return {name: value for name, value in point.items() if name not in names} if isinstance(point, dict) else point
