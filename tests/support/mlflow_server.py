"""A real `mlflow server` on a loopback port of its own, which keeps the files of its runs itself."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

import mlflow

from support.repository import PLATFORM
from support.waiting import wait_for

ADMIN, ADMIN_PASSWORD = "admin", "correct-horse-battery"
_PAGE = PLATFORM / "MLFLOW.md"
_AUTH_SETTINGS = Path(mlflow.__file__).parent / "server" / "auth" / "basic_auth.ini"


class MlflowServer:
    """Off until started.

    Args:
        folder: where its files and its log lie.
        database: the URI of its runs.
        options: further options of its command.
        variables: further variables of its environment.
    """

    def __init__(self, folder: Path, database: str, *options: str, **variables: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        self._folder = folder
        self._options = options
        self._variables = {"MLFLOW_BACKEND_STORE_URI": database, **variables}
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def of_a_team(cls, folder: Path, database: str) -> Self:
        """The server that MLFLOW.md recommends to teams; `ADMIN` may do everything.

        It remembers passwords that were right: checking one takes longer than all else that a request does.
        """
        (line,) = re.findall(r"^mlflow server (.*)$", _PAGE.read_text(encoding="utf-8"), re.MULTILINE)
        options = re.sub(r"--(host|port|allowed-hosts|artifacts-destination) \S+", "", line).split()
        admin = {"MLFLOW_AUTH_ADMIN_USERNAME": ADMIN, "MLFLOW_AUTH_ADMIN_PASSWORD": ADMIN_PASSWORD}
        settings = folder / "basic_auth.ini"
        remembering = _AUTH_SETTINGS.read_text(encoding="utf-8") + "\nauth_cache_ttl_seconds = 3600\n"
        settings.write_text(remembering, encoding="utf-8")
        own = {"MLFLOW_AUTH_CONFIG_PATH": str(settings), "MLFLOW_FLASK_SERVER_SECRET_KEY": "of-no-use-elsewhere"}
        return cls(folder, database, *options, **admin, **own)

    def start(self) -> None:
        """Start, unless it runs, and wait until it answers."""
        if self._process:
            return
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--workers", "1", "--artifacts-destination", str(self._folder / "files"), *self._options]
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        environment = {**os.environ, **quiet, **self._variables}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment, cwd=self._folder, start_new_session=True
            )
        wait_for(self._answers, lambda: self._process.poll() is not None and self.log.read_text())

    def kill(self) -> None:
        """End it and its workers at once."""
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            return urllib.request.urlopen(f"{self.uri}/health", timeout=1).status == 200
        except (urllib.error.URLError, OSError):
            return False
