"""A problem is a broken law: the place in the user's text that breaks it, and what must hold there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ptune.errors import PtuneError, SpecError

Place = tuple[str | int, ...]
"""Keys and positions that lead from a model to a value inside it, such as `("parameters", "lr", 0, "low")`.

`ptune.spec.places` prints a place as the user's file has it.
"""


@dataclass(frozen=True)
class Problem:
    """One broken law.

    Attributes:
        place: the value that breaks it.
        text: what must hold, and the value given.
        error: the class of the error if this is the only problem.
    """

    place: Place
    text: str
    error: type[PtuneError] = SpecError

    def within(self, *outer: str | int) -> Problem:
        """The same problem, seen from a model that holds the one its place leads from."""
        return replace(self, place=(*outer, *self.place))


def dotted(place: Place) -> str:
    """A place inside a sentence, positions counted from 1: `task.more.1`."""
    return ".".join(str(key + 1 if isinstance(key, int) else key) for key in place)


def refuse(problems: Iterable[Problem], separator: str = "; ") -> None:
    """Raise an error that reports all problems; do nothing if there are none.

    Raises:
        PtuneError: there is a problem; the message has the text of each.
    """
    texts = list(dict.fromkeys((problem.text, problem.error) for problem in problems))
    if texts:
        raise error_of([error for _, error in texts])(separator.join(text for text, _ in texts))


def error_of(errors: Sequence[type[PtuneError]]) -> type[PtuneError]:
    """The class of an error about several problems: their own if they agree."""
    return errors[0] if len(set(errors)) == 1 else SpecError
