"""Has imported what `ptune` needs, and forks: `python -m support.fork_server SOCKET PID`. See `support.forked`.

What a library reads of its environment when it is imported is the same for all forks. A command that would have it
otherwise is refused, see `read_late`. No thread of Python's runs before a fork: neither a thread nor a lock that it
holds would survive.

The server is nobody's child, since several test processes share it. It ends with the process PID.
"""

import gc
import importlib
import json
import os
import runpy
import selectors
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase

_READ_LATE = ("PTUNE_*", "PYTEST_*", "AWS_*", "MLFLOW_TRACKING_*", "RAY_ADDRESS")
LONGEST_REQUEST = 2**17
_PARTS = (
    "ptune.cli.main",
    "ptune.run.local",
    "ptune.run.search",
    "ptune.report.write_files",
    "ptune.report.charts.picture",
    "ptune.searching.samplers",
    "ptune.tracking.mirror",
    "ptune.tracking.store",
    "mlflow.store.tracking.sqlalchemy_store",
    "ptune.raytune.runner",
    "ptune.raytune.cluster",
    "ray.tune",
    "datasets",
)
"""What a search imports. Whatever is missing here, a command imports itself."""


def read_late(name: str) -> bool:
    """Whether a variable is never read by what is being imported, but only later."""
    return any(fnmatchcase(name, late) for late in _READ_LATE)


@dataclass
class _Fork:
    """A command that runs, or that has ended and waits for its caller to hear of it."""

    pid: int
    ends: int  # a file descriptor that can be read from when it ends
    ended: bool = False


class _Server:
    """Answers callers.

    Args:
        listener: where they call.
        session: a file descriptor that can be read from when nobody will call any more.
        variables: the environment in which everything was imported.
    """

    def __init__(self, listener: socket.socket, session: int, variables: dict[str, str]) -> None:
        self._listener = listener
        self._variables = variables
        self._watched = selectors.DefaultSelector()
        self._watched.register(listener, selectors.EVENT_READ, self._accept)
        self._watched.register(session, selectors.EVENT_READ, sys.exit)
        self._callers: dict[socket.socket, _Fork | None] = {}

    def run(self) -> dict:
        """Fork whatever is asked for. Returns in each fork, with what it was asked for; exits in the server."""
        while True:
            for key, _ in self._watched.select():
                if (asked := key.data()) is not None:
                    self._forget()
                    return asked

    def _forget(self) -> None:
        """Close what a fork has of its server."""
        for key in [*self._watched.get_map().values()]:
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
            else:
                os.close(key.fd)
        self._watched.close()

    def _accept(self) -> None:
        caller, _ = self._listener.accept()
        self._callers[caller] = None
        self._watched.register(caller, selectors.EVENT_READ, lambda: self._hear(caller))

    def _hear(self, caller: socket.socket) -> dict | None:
        """Take a request, or the end of a caller; a request, in the fork that it has asked for."""
        words, streams = b"", []
        with suppress(ConnectionError):
            words, streams, _, _ = socket.recv_fds(caller, LONGEST_REQUEST, 3)
        if not words:
            self._dismiss(caller)
            return None
        asked = json.loads(words)
        if early := self._otherwise(asked["variables"]):
            answer = {"refused": early}
        elif (pid := os.fork()) == 0:
            return {**asked, "streams": streams}
        else:
            answer = {"pid": pid}
            fork = self._callers[caller] = _Fork(pid, os.pidfd_open(pid))
            self._watched.register(fork.ends, selectors.EVENT_READ, lambda: self._tell(caller, fork))
        for stream in streams:
            os.close(stream)
        caller.send(json.dumps(answer).encode())
        return None

    def _otherwise(self, wanted: dict[str, str]) -> list[str]:
        """The variables that libraries would have read otherwise in this environment."""
        known = self._variables
        names = known.keys() | wanted.keys()
        return sorted(name for name in names if known.get(name) != wanted.get(name) and not read_late(name))

    def _tell(self, caller: socket.socket, fork: _Fork) -> None:
        """Tell the caller how its command has ended. The process stays known until the caller has heard it."""
        self._watched.unregister(fork.ends)
        os.close(fork.ends)
        fork.ended = True
        if caller not in self._callers:
            os.waitpid(fork.pid, 0)
            return
        how = os.waitid(os.P_PID, fork.pid, os.WEXITED | os.WNOWAIT)
        code = how.si_status if how.si_code == os.CLD_EXITED else -how.si_status
        with suppress(ConnectionError):
            caller.send(json.dumps({"code": code}).encode())

    def _dismiss(self, caller: socket.socket) -> None:
        fork = self._callers.pop(caller)
        if fork is not None and fork.ended:
            os.waitpid(fork.pid, 0)
        self._watched.unregister(caller)
        caller.close()


def _become(asked: dict) -> None:
    """Make this fork what a new process would be that somebody starts in a session of its own."""
    os.setsid()
    for number, stream in enumerate(asked["streams"]):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(asked["folder"])
    os.umask(asked["umask"])
    os.environ.clear()
    os.environ.update(asked["variables"])
    sys.path[0] = asked["folder"]
    sys.argv[1:] = asked["arguments"]
    sys.orig_argv[1:] = ["-m", "ptune", *asked["arguments"]]
    sys.stdout.reconfigure(line_buffering=sys.stdout.isatty())
    importlib.import_module("numpy").random.seed()  # Python's own generator is seeded anew by the fork


def _prepare() -> None:
    """Import what commands import, as they do."""
    from ptune.api.compose import ready_to_train
    from ptune.tracking.location import quiet_mlflow

    ready_to_train(owns_process=True)
    quiet_mlflow()
    for name in _PARTS:
        importlib.import_module(name)
    gc.freeze()  # a fork that looked through all these objects would copy them, and its end would take a second


def main(place: str, session: int) -> None:
    """Serve at a socket, in a process of its own; standard output is closed when it is there."""
    if os.fork():
        os._exit(0)
    os.setsid()
    variables = dict(os.environ)
    _prepare()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(place)
        listener.listen()
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nothing, number)
        os.close(nothing)
        asked = _Server(listener, os.pidfd_open(session), variables).run()
    _become(asked)
    runpy.run_module("ptune", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
