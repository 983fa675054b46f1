"""The messages between the driver, its clients and the engines of a search.

The dispatcher hands a client an `Assignment`. The client asks its engine for one epoch after another and returns an
`Answer` for each. Tune carries every message as one value under one key, because it flattens the dictionaries that
it is given. Imports neither torch nor Ray.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a client has no use for pydantic
    from ptune.record.events import SetAside
    from ptune.spec.trial import Config

_ASSIGNMENT, _ANSWER = "assignment", "answer"
TuneDict = dict[str, Any]
"""A Tune trial's configuration, a result, or a state: Tune takes any value under any key."""


@dataclass(frozen=True)
class Assignment:
    """A turn, handed to a client together with a slot on an engine."""

    trial: int
    lease: str
    """Names the trial's use of the slot. A trial that gets a slot again gets another lease."""
    config: Config
    """The trial's complete flat configuration."""
    epoch: int
    """Reports made before this turn."""
    engine: str
    """Name of the engine's actor."""
    node: str | None = None
    """The node that the engine is on: its client runs there, too."""

    def to_tune(self) -> TuneDict:
        """The assignment as the configuration of a Tune trial."""
        return {_ASSIGNMENT: self}

    @staticmethod
    def of(config: Mapping[str, Any]) -> Assignment:
        """The assignment that a Tune trial's configuration holds."""
        assignment: Assignment = config[_ASSIGNMENT]
        return assignment


@dataclass(frozen=True)
class Trained:
    """A trial has come to a report: the end of an epoch, or of a part of one."""

    epoch: int
    """Reports made, this one included."""
    metrics: dict[str, float]
    """Metrics of this report."""
    state: str
    """File of the state saved with it, relative to the search's folder."""
    usage: Mapping[str, float] | None = None
    """What the engine takes of its machine; None most of the time, see `ptune.engine.meter`."""
    set_aside: Sequence[SetAside] = ()
    """Saved states of the trial that could not be used."""


@dataclass(frozen=True)
class Failed:
    """A trial cannot go on."""

    reason: str


@dataclass(frozen=True)
class Lost:
    """An engine cannot go on, or its client cannot reach it."""

    reason: str
    with_node: bool = False
    """Whether the engine's node is gone, or cannot be reached: then no trial is to blame."""


@dataclass(frozen=True)
class Beat:
    """What an engine is doing, as it says when it is asked."""

    doing: str | None
    """Such as `trains`; None while nobody asks it to train."""
    for_s: float
    """Seconds since it began that."""
    longest_pass_s: float
    """The longest pass so far; 0 before the first."""
    writes: str | None = None
    """The file that it has been writing for a while."""


@dataclass(frozen=True)
class Unwritable:
    """States cannot be saved, by this engine or any other."""

    reason: str


EngineAnswer = Trained | Failed
"""An engine's answer to the request for an epoch."""
Answer = EngineAnswer | Lost | Unwritable
"""A client's answer to the dispatcher."""


def to_tune(answer: Answer) -> TuneDict:
    """An answer as the result of a Tune trial."""
    return {_ANSWER: answer}


def answer_of(result: Mapping[str, Any]) -> Answer:
    """The answer that a Tune trial's result holds."""
    answer: Answer = result[_ANSWER]
    return answer
