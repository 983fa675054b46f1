"""A server of MLflow's pages on this machine alone, in a process group of its own. Imports no MLflow."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from types import TracebackType
from typing import NoReturn, Self

from ptune.errors import TrackingError

HOST = "127.0.0.1"
_PORTS_TRIED = 20
_LOOK_S = 0.1  # between two looks at a server that starts
_ANSWER_S = 5.0
_TOLD = 2000  # characters of a server's output that an error repeats


class PagesServer:
    """MLflow's pages while the `with` block lasts.

    Args:
        uri: the database that holds the runs.
        artifacts: where their files are.
        port: a free port of this machine.
    """

    def __init__(self, uri: str, artifacts: str, port: int) -> None:
        self.address = f"http://{HOST}:{port}"
        """Where the pages are."""
        self._port = port
        self._command = server_command(artifacts, port)
        self._environment = server_environment(uri)
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the server

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the server and its workers."""
        with contextlib.suppress(ProcessLookupError):  # every process of it has ended
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait()
        self._output.close()

    def wait_until_ready(self) -> None:
        """Return when the server answers.

        Raises:
            TrackingError: the server ended instead; the message has the last that it said.
        """
        while not self._answers():
            if self._process.poll() is not None:
                raise self._ended()
            time.sleep(_LOOK_S)

    def wait(self) -> NoReturn:
        """Serve until interrupted.

        Raises:
            TrackingError: the server ended by itself; the message has the last that it said.
        """
        self._process.wait()
        raise self._ended()

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=_ANSWER_S)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):  # nobody listens yet
            return False
        finally:
            connection.close()

    def _ended(self) -> TrackingError:
        self._output.seek(0)
        said = self._output.read().decode(errors="replace").strip()[-_TOLD:]
        return TrackingError(f"the MLflow server ended with exit code {self._process.returncode}:\n{said}")


def free_port(port: int) -> int:
    """The first port of this machine, from `port` on, on which nobody listens.

    Raises:
        TrackingError: there is none among the next few.
    """
    last = min(port + _PORTS_TRIED, 65_536)
    for candidate in range(port, last):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that has just ended holds no port
            try:
                probe.bind((HOST, candidate))
            except OSError:
                continue
            return candidate
    raise TrackingError(f"ports {port} to {last - 1} of this machine are taken; name a free one with --port")


def server_command(artifacts: str, port: int) -> list[str]:
    """The command line of an MLflow server for this machine alone, with `ptune.tracking.pages`; anybody may read it."""
    stores = ["--default-artifact-root", artifacts, "--app-name", "ptune"]
    return [sys.executable, "-m", "mlflow", "server", *stores, "--host", HOST, "--port", str(port), "--workers", "1"]


def server_environment(uri: str) -> dict[str, str]:
    """This process's environment with the store, whose URI may hold a password, and without MLflow's job runner.

    The job runner takes 232 MB, and nothing here needs it.
    """
    off = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return {**os.environ, "MLFLOW_BACKEND_STORE_URI": uri, **off}
