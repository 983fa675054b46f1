"""How torch's threads behave on cores that other programs use, too. Imports no torch."""

from __future__ import annotations

import os

_SPINS = "1000"
"""How long OpenMP's threads spin before they sleep. At its default, an engine that shares its cores with any busy
program is ten times slower. At this one it is not, and on quiet cores it loses nothing."""


def share_cores() -> None:
    """Let idle threads of torch sleep; a setting of the user's own wins.

    OpenMP reads the setting when torch is first imported in a process, so call this before that.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)
