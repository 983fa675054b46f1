"""What users ask of a search that has begun: more trials, other trials, fewer trials, or its end.

A request is a file of its own, named by its id. The search answers it in its journal: a request whose id stands there
is done. Ids sort by the time at which the requests were made.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from ptune.errors import JournalError
from ptune.record.events import Count
from ptune.spec.trial import Config


@dataclass(frozen=True)
class Add:
    """`add`: try a configuration."""

    config: Config
    """Its values; the parameters that it leaves out are proposed."""


@dataclass(frozen=True)
class Clone:
    """`clone`: try a trial's configuration again, with some values changed."""

    trial: Count
    config: Config
    """The values that differ."""
    warm: bool = False
    """Whether the new trial starts from what the other one has learned."""


@dataclass(frozen=True)
class Stop:
    """`stop`: end a trial."""

    trial: Count


@dataclass(frozen=True)
class Extend:
    """`extend`: try more configurations than the budget says."""

    trials: Annotated[int, Field(ge=1, lt=2**31)]


@dataclass(frozen=True)
class End:
    """`end`: interrupt the search, so that it can be resumed."""


Change = Add | Clone | Stop | Extend | End
_KINDS: Mapping[str, type[Change]] = {"add": Add, "clone": Clone, "stop": Stop, "extend": Extend, "end": End}
_NAMES = {change_type: kind for kind, change_type in _KINDS.items()}


@dataclass(frozen=True)
class Request:
    """What somebody asks of a search."""

    id: str
    change: Change

    @classmethod
    def to(cls, change: Change) -> Request:
        """A new request."""
        return cls(f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}", change)

    def encode(self) -> bytes:
        """The content of the request's file."""
        content = {"request": _NAMES[type(self.change)], **asdict(self.change)}
        return json.dumps(content, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def decode(cls, request_id: str, content: bytes) -> Request:
        """The request that a file holds.

        Raises:
            JournalError: it holds none.
        """
        try:
            values = dict(json.loads(content))
            change_type = _KINDS[values.pop("request")]
            change: Change = TypeAdapter(change_type).validate_python(values)
        except (ValueError, TypeError, KeyError, ValidationError):
            raise JournalError(f"the request {request_id} is damaged: {content[:80]!r}") from None
        return cls(request_id, change)
