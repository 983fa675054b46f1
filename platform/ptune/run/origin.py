"""Who begins a search, and from where: the user, the command and the commit of the working directory."""

from __future__ import annotations

import getpass
import shlex
import subprocess
import sys
from pathlib import Path

from ptune.record.events import Origin
from ptune.spec.tracking import without_password

_PATIENCE_S = 5.0


def origin() -> Origin:
    """Where this process was started."""
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    return Origin(_user(), without_password(command), _commit())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # containers run under numbers that have no name
        return "unknown"


def _commit() -> str | None:
    """The commit that is checked out in the working directory; None outside a repository or without Git."""
    try:
        told = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return told.stdout.strip() or None if told.returncode == 0 else None
