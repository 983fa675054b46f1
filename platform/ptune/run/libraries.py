"""Whether a search goes on with the libraries that it began with. Knows their names and versions alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ptune.errors import JournalError
from ptune.record.events import Event, Header, Resumed

DECIDING = ("torch", "transformers", "optuna")
"""Those that decide numbers: what a pass computes, and what a sampler proposes."""


def check_libraries(name: str, events: Sequence[Event], here: Mapping[str, str]) -> None:
    """Refuse to go on under libraries whose numbers would stand beside those of others.

    Args:
        name: the search.
        events: its journal; who went on with other libraries has accepted them from there on.
        here: the versions that are installed.

    Raises:
        JournalError: a deciding library has another version than the journal's latest.
    """
    before = next(event.versions for event in reversed(events) if isinstance(event, Header | Resumed))
    pairs = [(library, before.get(library), here.get(library)) for library in DECIDING]
    changed = [
        f"{library} {then} then, {now} now"
        for library, then, now in pairs
        if then and now and _public(then) != _public(now)
    ]
    if changed:
        raise JournalError(
            f"{name} cannot be resumed as it is: its libraries have changed ({'; '.join(changed)}), and later numbers "
            "might not compare with earlier ones; install those it began with, or accept it: "
            "--changed-libraries, or in Python `changed_libraries=True`"
        )


def _public(version: str) -> str:
    """A version without what tells builds apart: the same release for CPUs and for GPUs."""
    return version.partition("+")[0]
