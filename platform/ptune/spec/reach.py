"""Which values parameters can hold together, given their conditions.

Goes backwards from what is asked, along the conditions that it depends on, and never builds every combination.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from itertools import product
from typing import Protocol

Plain = bool | int | float | str
_MOST_STEPS = 20_000  # of one question; one that takes more is answered with no, so that no law is told unproven


class Conditioned(Protocol):
    """A parameter's definition, as far as conditions look at it."""

    @property
    def when(self) -> Mapping[str, Plain | list[Plain]]:
        """The values of other parameters under which it exists."""

    @property
    def ends(self) -> Sequence[Plain | None]:
        """The values it can take; of a range, the ends."""


class Absence(Enum):
    """What a parameter holds where none of its definitions exists."""

    ABSENT = "absent"


ABSENT = Absence.ABSENT
Value = Plain | Absence | None
Wants = Mapping[str, frozenset[Value]]
"""Parameters to the values of which each must hold one."""


class Reach:
    """The values that the parameters of a space can hold together.

    Where several definitions of a parameter exist at once, the last one counts.

    Args:
        ordered: every definition with its parameter's name, each after those that its condition names.
    """

    def __init__(self, ordered: Iterable[tuple[str, Conditioned]]) -> None:
        self._definitions: dict[str, list[Conditioned]] = {}
        for name, definition in ordered:
            self._definitions.setdefault(name, []).append(definition)
        self._rank = {name: rank for rank, name in enumerate(self._definitions)}

    def values(self, name: str) -> list[Plain | None]:
        """Every value that a parameter's definitions state."""
        return list(dict.fromkeys(value for definition in self._definitions.get(name, []) for value in definition.ends))

    def deciding(self, names: Iterable[str]) -> set[str]:
        """Some parameters and all those on which their existence depends."""
        needed: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed.add(name)
                waiting += [key for definition in self._definitions.get(name, []) for key in definition.when]
        return needed

    def example(self, wants: Wants) -> dict[str, Plain | None] | None:
        """Values under which every want is met, of the parameters that decide it; None if there are none."""
        self._steps = 0
        found = self._meet(dict(wants), set())
        if found is None:
            return None
        present = {name: value for name, value in found.items() if not isinstance(value, Absence)}
        return dict(sorted(present.items(), key=lambda item: self._rank[item[0]]))

    def is_met(self, wants: Wants | None) -> bool:
        """Whether there are values under which every want is met; None stands for wants that contradict each other."""
        return wants is not None and self.example(wants) is not None

    def _meet(self, wants: dict[str, frozenset[Value]], dead: set[frozenset[object]]) -> dict[str, Value] | None:
        """Meet the want that depends on the others' parameters first, then the rest."""
        if not wants:
            return {}
        self._steps += 1
        state: frozenset[object] = frozenset(wants.items())
        if state in dead or self._steps > _MOST_STEPS:
            return None
        name = max(wants, key=lambda wanted: self._rank.get(wanted, -1))
        others = {other: values for other, values in wants.items() if other != name}
        for value, further in self._ways(name, wants[name]):
            merged = both(others, further)
            found = None if merged is None else self._meet(dict(merged), dead)
            if found is not None:
                return {**found, name: value}
        dead.add(state)
        return None

    def _ways(self, name: str, wanted: frozenset[Value]) -> Iterator[tuple[Value, Wants]]:
        """The ways in which a parameter holds a wanted value, each with what that asks of others."""
        definitions = self._definitions.get(name, [])
        for index, definition in enumerate(definitions):
            value = next((value for value in definition.ends if value in wanted), ABSENT)
            if value is not ABSENT:
                for without in self._without(definitions[index + 1 :]):
                    further = both(conditions(definition), without)
                    if further is not None:
                        yield value, further
        if ABSENT in wanted:
            for without in self._without(definitions):
                yield ABSENT, without

    def _without(self, definitions: Sequence[Conditioned]) -> Iterator[Wants]:
        """The ways in which none of some definitions exists: each misses one of its conditions."""
        missed = [
            [{key: frozenset([*self.values(key), ABSENT]) - allowed} for key, allowed in conditions(definition).items()]
            for definition in definitions
        ]
        for choice in product(*missed):
            wants = both(*choice)
            if wants is not None:
                yield wants


def conditions(definition: Conditioned) -> Wants:
    """What a definition asks of other parameters."""
    return {
        key: frozenset(allowed if isinstance(allowed, list) else [allowed]) for key, allowed in definition.when.items()
    }


def both(*several: Wants) -> Wants | None:
    """What several wants come to together; None if they contradict each other."""
    result: dict[str, frozenset[Value]] = {}
    for wants in several:
        for name, values in wants.items():
            result[name] = result[name] & values if name in result else values
            if not result[name]:
                return None
    return result
