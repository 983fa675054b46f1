"""A Ray of this machine alone: who reaches it, who ends it, and which of its processes it has.

Ray is made for clusters. Its processes listen on every interface, and end on the first SIGTERM, whoever it is meant
for. Some of them serve people who look at a cluster, or nodes that come and go; their start takes processor time from
the engines. Ray has no public word for any of this, so what it decides by is replaced while it starts.
"""

from __future__ import annotations

import contextlib
import secrets
import signal
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ray._private import ray_constants, services
from ray._private.node import Node

from ptune.errors import ClusterError
from ptune.raytune.authentication import default_path, find_token

_PRIVATE = 0o600
_IDLE = ("start_log_monitor", "start_monitor", "start_api_server")
"""What starts a process of Ray's that has nothing to do: nobody is shown the workers' logs, nodes do not come and go,
and there is no dashboard."""


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Let a Ray that starts meanwhile listen on the loopback interface alone, with few processes that end with it."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(replaced(ray_constants, "ENABLE_RAY_CLUSTER", value=False))
        stack.enter_context(replaced(services, "ConsolePopen", _Sheltered))
        for start in _IDLE:
            stack.enter_context(replaced(Node, start, _start_nothing))
        yield


class _Sheltered(services.ConsolePopen):  # type: ignore[misc]  # Ray has no types
    """A process of Ray that SIGTERM does not reach, and neither those that it starts.

    `timeout`, systemd and batch systems send it to every process at once. The driver needs its Ray to end the search.
    When it has left a record, it ends its Ray; if it is killed, the kernel takes its Ray along.
    """

    def __init__(self, *arguments: Any, preexec_fn: Callable[[], None], **options: Any) -> None:
        super().__init__(*arguments, preexec_fn=partial(_deaf, preexec_fn), **options)

    def terminate(self) -> None:
        """End the process in the way that works."""
        self.kill()


def _deaf(prepare: Callable[[], None]) -> None:
    """Between fork and exec: the mask stays."""
    prepare()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _start_nothing(*_: Any, **__: Any) -> None:
    """In place of what starts a process of Ray's."""


def provide_token() -> None:
    """Write the token that Ray's processes will ask for where there is none: Ray would let everyone read it.

    Raises:
        ClusterError: it cannot be written, or the token that is there cannot be read.
    """
    if find_token() is not None:
        return
    path = default_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=_PRIVATE)
        path.chmod(_PRIVATE)
        path.write_text(secrets.token_hex(32), encoding="utf-8")
    except OSError as error:
        raise ClusterError(
            f"{path}: the token of Ray cannot be written: {error.strerror}; set RAY_AUTH_TOKEN to one, or HOME to a "
            "folder that can be written; `--local` trains without Ray"
        ) from None


@contextlib.contextmanager
def replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    """Let a name of a module of Ray stand for something else meanwhile."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)
