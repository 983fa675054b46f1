"""Serve an application until Ctrl-C or SIGTERM, and answer what has been asked by then."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from ptune.errors import SpecError

_PATIENCE = 30  # seconds that requests under way have when the server is to end


class _Server(uvicorn.Server):
    """A server that says when it can be asked."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._ready()


def bound(host: str, port: int) -> socket.socket:
    """A socket of an address; port 0 is any free one.

    Raises:
        SpecError: the address is taken, or is none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SpecError(
            f"{host}:{port} cannot be listened on: {error.strerror}; name another port with --port"
        ) from None
    return listener


def address(listener: socket.socket) -> str:
    """The address of a socket, as a browser takes it."""
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: ASGIApp, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until a signal ends it; requests that are under way then are answered, and new ones are not taken.

    Args:
        app: the application.
        listener: from `bound`.
        ready: called once requests are taken.
    """
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=_PATIENCE
    )
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises the signal again when it has ended
        _Server(config, ready).run(sockets=[listener])
