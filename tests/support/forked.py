"""A `ptune` that costs no imports: a fork of a process that has them, see `support.fork_server`.

It has its own standard streams, folder, environment, umask, session and exit status, and dies of signals, as a new
process does. What it does not have is a beginning: a test that is about how `ptune` starts, what it imports, or which
variables libraries read when they are imported starts a new process.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from filelock import FileLock

from support.fork_server import LONGEST_REQUEST, read_late

_AT_START = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
"""The environment of the test process before any test. Libraries set variables in whatever process imports them."""


class Process(Protocol):
    """What tests ask of a process: that of `subprocess.Popen`."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, number: int) -> None: ...
    def kill(self) -> None: ...


class Forked:
    """A running `ptune`, with the methods of `Process`.

    Args:
        arguments: the words behind `ptune`.
        folder: the one it works in.
        streams: file descriptors of its standard input, output and errors.
        variables: further ones of its environment. It has this process's as of the start, and those of now that nothing
            reads when it is imported.

    Raises:
        ValueError: libraries would read other variables when they are imported than they have read in the server.
    """

    def __init__(self, arguments: Sequence[str], folder: Path, streams: Sequence[int], **variables: str) -> None:
        self.returncode: int | None = None
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._server.connect(_server())
        kept = {name: value for name, value in _AT_START.items() if not read_late(name)}
        late = {name: value for name, value in os.environ.items() if read_late(name)}
        asked = {
            "arguments": arguments,
            "folder": str(folder),
            "umask": _umask(),
            "variables": {**kept, **late, **variables},
        }
        socket.send_fds(self._server, [json.dumps(asked).encode()], streams)
        answer = self._hear()
        if "refused" in answer:
            self._server.close()
            raise ValueError(f"a fork has what its server read of {', '.join(answer['refused'])}; start a new process")
        self.pid: int = answer["pid"]

    def poll(self) -> int | None:
        """Its exit code, or minus the signal that it died of; None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it ends; as `poll`.

        Raises:
            TimeoutExpired: it still runs after so many seconds.
        """
        if self.returncode is None:
            if not select.select([self._server], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("ptune", timeout)
            self.returncode = self._hear()["code"]
            self._server.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it outright."""
        self.send_signal(signal.SIGKILL)

    def _hear(self) -> dict:
        answer = self._server.recv(LONGEST_REQUEST)
        assert answer, "the fork server is gone"
        return json.loads(answer)


def _server() -> str:
    """The socket of the server that the processes of a test session share. The first of them to ask starts it."""
    place = Path(_AT_START["HF_HOME"]) / "forks"
    place.parent.mkdir(exist_ok=True)
    with FileLock(place.with_suffix(".lock")):
        if not place.exists():
            session = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
            command = [sys.executable, "-m", "support.fork_server", str(place), str(session)]
            started = subprocess.run(
                command, env=_AT_START, stdin=-3, stdout=-1, stderr=-2, text=True, cwd="/", check=False
            )
            assert place.exists(), started.stdout
    return str(place)


def _umask() -> int:
    """This process's, which the call that reads it would set."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("Umask:")), 8)
