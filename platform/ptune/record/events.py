"""The events of a journal: one dataclass for each kind of line, and its form on disk.

An event is an immutable fact. `encode` and `decode` translate between events and lines of JSON, whose keys are the
dataclasses' fields in their order, after `event` (the kind) and `time`. Keys that a line has beyond these are ignored.
The job inside the header is parsed strictly: an unknown setting there would make it another job.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from ptune.errors import JournalError, nearest
from ptune.record.misread import misread
from ptune.record.spread import Spread
from ptune.spec.inherited import Inherited
from ptune.spec.job import Job
from ptune.spec.started_from import StartedFrom
from ptune.spec.strict import RECORDED
from ptune.spec.trial import Config
from ptune.spec.varied import varied

Metrics = Mapping[str, float]
"""What was measured, by name."""
FinalStatus = Literal["complete", "stopped", "failed"]
"""How a trial ends."""
SearchStatus = Literal["complete", "interrupted", "failed"]
"""How a process's part in a search ends."""
Count = Annotated[int, Field(ge=0, lt=2**63)]
"""A number of trials, epochs, rows or layers; the number of a trial."""


@dataclass(frozen=True, kw_only=True)
class _Stamped:
    """What every event has."""

    time: Annotated[float, Field(ge=0, lt=2**40)] = 0.0
    """Seconds since 1970; the journal sets it."""


@dataclass(frozen=True)
class DataSource:
    """Where one split of the data comes from."""

    source: str
    digest: str
    """SHA-256 of its texts and labels."""
    rows: Count


@dataclass(frozen=True)
class Checkpoint:
    """The frozen weights."""

    id: str
    hash: str
    """SHA-256 of the weights' files."""
    layers: Count


@dataclass(frozen=True)
class ConfirmedPoint:
    """One configuration that a confirmation repeats, and what the search said of it."""

    config: Config
    """Without `split` and `repeat`."""
    trials: Sequence[Count]
    """The search's own trials of it."""
    dev: Spread
    """Of the best values that these reached on dev."""


@dataclass(frozen=True)
class Confirms:
    """What a confirmation says of the search that it confirms."""

    id: str
    name: str
    top: Count
    """How many configurations it repeats."""
    seeds: Count
    """How often it repeats each, on every data split."""
    splits: Count
    searched: Sequence[str]
    """The parameters that the search varied, as `Header.varied` has them."""
    configurations: Sequence[ConfirmedPoint]
    """Best first."""


@dataclass(frozen=True)
class BestResult:
    """The best trial of a search and the report of its best epoch, such as 2.25 where trials report within epochs."""

    trial: Count
    config: Config
    metrics: Metrics
    epoch: Count | Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class Origin:
    """Who began a search, and from where."""

    user: str
    command: str
    """As it was typed."""
    commit: str | None
    """The Git commit of the working directory; None outside a repository."""


@dataclass(frozen=True)
class Header(_Stamped):
    """`search`: what is searched. The first event."""

    id: str
    """A random name that no other search has."""
    name: str
    job: Job
    data: Mapping[str, DataSource]
    """By split; of several data sets, by `split.NAME`."""
    labels: Sequence[str] | Sequence[Sequence[str]]
    """Of the data set, or of each; empty where a vocabulary is ranked."""
    backbone: Checkpoint
    versions: Mapping[str, str]
    """Of Python and of the libraries that decide a result."""
    confirms: Confirms | None = None
    """What this search confirms; not on disk for a search that confirms nothing."""
    origin: Origin | None = None
    """Where it was begun; not on disk where that is not known."""
    start: StartedFrom | None = None
    """What its trials start from; not on disk for a search that starts from nothing, or keeps no copy of it."""

    @cached_property
    def varied(self) -> list[str]:
        """The parameters that tell trials apart, in the order in which people see them; see `ptune.spec.varied`.

        A confirmation's are those of the search that it confirms, and what tells its repetitions apart.
        """
        own = [*varied(self.job.space), *(["split"] if self.job.task.folds > 1 else [])]
        return own if self.confirms is None else list(dict.fromkeys(["method", *self.confirms.searched, *own]))


@dataclass(frozen=True)
class Suggested(_Stamped):
    """`suggested`: a configuration has been chosen; its trial waits."""

    trial: Count
    config: Config
    request: str | None = None
    """The request that it answers; not on disk for a trial of the search's own."""
    cloned: Count | None = None
    """The trial whose configuration it takes up; not on disk for other trials."""
    warm: bool = False
    """Whether it starts from what that trial had learned; on disk only if it does."""
    inherits: Inherited | None = None
    """What it begins with of another trial; not on disk for one that begins afresh."""


@dataclass(frozen=True)
class Started(_Stamped):
    """`started`: a turn on an engine begins after `epoch` reports."""

    trial: Count
    epoch: Count


@dataclass(frozen=True)
class Reported(_Stamped):
    """`reported`: an epoch, or a part, has ended and the trial's state is on disk. `epoch` counts the reports."""

    trial: Count
    epoch: Count
    metrics: Metrics
    state: str
    """File of the state, relative to the search's folder."""


@dataclass(frozen=True)
class Paused(_Stamped):
    """`paused`: the trial rests at a rung and others go first."""

    trial: Count
    epoch: Count


@dataclass(frozen=True)
class Finished(_Stamped):
    """`finished`: the trial has ended."""

    trial: Count
    status: FinalStatus
    reason: str | None = None
    """Why it failed or was stopped."""
    request: str | None = None
    """The request that it answers; on disk only where a user has ended the trial."""


@dataclass(frozen=True)
class Tested(_Stamped):
    """`tested`: the trial's best epoch has been scored on the test split; confirmations test every trial."""

    trial: Count
    metrics: Metrics


@dataclass(frozen=True)
class SetAside(_Stamped):
    """`set_aside`: a saved state could not be used; the trial goes on after `epoch` reports."""

    trial: Count
    epoch: Count
    file: str
    """Where it was, relative to the search's folder; it has `.damaged` behind its name now."""
    reason: str
    """What is wrong with it."""


@dataclass(frozen=True)
class Tracked(_Stamped):
    """`tracked`: a tracker shows the trial, or (None) the search, as a run."""

    trial: Count | None
    run_id: str


@dataclass(frozen=True)
class Resumed(_Stamped):
    """`resumed`: another process takes the search up."""

    versions: Mapping[str, str]


@dataclass(frozen=True)
class Loaded(_Stamped):
    """`loaded`: the type of the frozen weights in every trial is settled."""

    dtype: str
    """`float32` or `bfloat16`."""


@dataclass(frozen=True)
class Metered(_Stamped):
    """`metered`: what an engine takes of its machine at present."""

    engine: Count
    """Its number among the engines of the process that runs the search."""
    usage: Metrics


@dataclass(frozen=True)
class Awaiting(_Stamped):
    """`awaiting`: something has held the search up for a while, or does so no longer."""

    what: str | None
    """What the search waits for; None when it is there."""


@dataclass(frozen=True)
class Extended(_Stamped):
    """`extended`: the search will suggest more trials than its budget says."""

    trials: Count
    """How many more."""
    request: str
    """The request that it answers."""


@dataclass(frozen=True)
class LimitReached(_Stamped):
    """`limit_reached`: a limit of the budget, other than its `trials`, has been reached; no more trials begin."""

    limit: str
    reason: str


@dataclass(frozen=True)
class Refused(_Stamped):
    """`refused`: a request cannot be met."""

    request: str
    reason: str


@dataclass(frozen=True)
class Ended(_Stamped):
    """`ended`: the process's part in the search is over."""

    status: SearchStatus
    best: BestResult | None = None
    test: Metrics | None = None
    """Scores of the exported prompt on the test split."""
    request: str | None = None
    """The request that it answers; on disk only where a user has asked for the end."""


Event = (
    Header
    | Suggested
    | Started
    | Reported
    | Paused
    | Finished
    | Tested
    | SetAside
    | Tracked
    | Resumed
    | Loaded
    | Metered
    | Awaiting
    | Extended
    | LimitReached
    | Refused
    | Ended
)

_TYPES: Mapping[str, type[Event]] = {
    "search": Header,
    "suggested": Suggested,
    "started": Started,
    "reported": Reported,
    "paused": Paused,
    "finished": Finished,
    "tested": Tested,
    "set_aside": SetAside,
    "tracked": Tracked,
    "resumed": Resumed,
    "loaded": Loaded,
    "metered": Metered,
    "awaiting": Awaiting,
    "extended": Extended,
    "limit_reached": LimitReached,
    "refused": Refused,
    "ended": Ended,
}
_KINDS = {event_type: kind for kind, event_type in _TYPES.items()}
_LEFT_OUT = dict.fromkeys(("confirms", "origin", "start", "request", "cloned", "inherits")) | {"warm": False}
"""Keys that a line lacks where they have this value."""


def encode(event: Event) -> bytes:
    """The event as a line of JSON in UTF-8, its line break included."""
    content = {"event": _KINDS[type(event)], **_plain(event)}
    for key, absent in _LEFT_OUT.items():
        if content.get(key, event) is absent:
            del content[key]
    return json.dumps(content, ensure_ascii=False, allow_nan=True, default=_plain).encode() + b"\n"


def decode(line: bytes) -> Event:
    """The event that a line holds.

    Raises:
        JournalError: the line is no JSON object, its kind is unknown, a key is missing, or a value has a wrong type.
    """
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):  # brackets that nest deeper than Python can follow
        raise JournalError(f"damaged line: {line[:80]!r}") from None
    if not isinstance(content, dict) or "event" not in content:
        raise JournalError(f"not an event: {line[:80]!r}")
    kind = str(content["event"])
    if kind not in _TYPES:
        raise JournalError(f"unknown event {kind!r}{nearest(kind, _TYPES)} (known: {', '.join(_TYPES)})")
    try:
        event = _adapter(kind).validate_json(line, strict=True, context=RECORDED)
    except ValidationError as error:
        raise JournalError(f"event {kind!r}: {misread(error)}") from None
    if "time" not in content:
        raise JournalError(f"event {kind!r}: time is missing")
    return event


@cache
def _adapter(kind: str) -> TypeAdapter[Event]:
    return TypeAdapter(_TYPES[kind])


def _plain(value: Any) -> dict[str, Any]:
    """What JSON holds of a dataclass or a job."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
