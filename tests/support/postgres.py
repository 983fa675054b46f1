"""A PostgreSQL server of Debian's package, in a folder of its own and on a Unix socket alone."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from support.waiting import wait_for

USER, PASSWORD = "ptune", "horse/battery@staple"
_OWNER = "postgres"  # of the package; the server refuses to run as root
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=")


class Postgres:
    """A running server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, database: str) -> str:
        """Create an empty database; its URI, password included."""
        self._run("createdb", database)
        return f"postgresql+psycopg2://{USER}:{quote(PASSWORD, safe='')}@/{database}?host={self._folder}"

    def dump(self, database: str) -> bytes:
        """Everything that a database holds, as SQL."""
        return self._run("pg_dump", database)

    def _run(self, program: str, *arguments: str) -> bytes:
        command = _as_owner([program, "-h", str(self._folder), "-U", USER, *arguments])
        variables = {"PGPASSWORD": PASSWORD}
        return subprocess.run(command, check=True, capture_output=True, env=variables, cwd=self._folder).stdout


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Start a server that wants a password; end it and remove its folder."""
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as scratch:  # sockets need a short path
        folder = Path(scratch)
        (folder / "password").write_text(PASSWORD)
        if os.getuid() == 0:
            for path in (folder, folder / "password"):
                shutil.chown(path, _OWNER)
        data = str(folder / "data")
        options = ["-U", USER, "--auth=scram-sha-256", f"--pwfile={folder}/password", "--no-sync", "--encoding=UTF8"]
        subprocess.run(_as_owner(["initdb", "-D", data, *options]), check=True, capture_output=True, cwd=folder)
        settings = [part for setting in (*_FAST, f"unix_socket_directories={folder}") for part in ("-c", setting)]
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(
                _as_owner(["postgres", "-D", data, *settings]), stdout=log, stderr=log, cwd=folder
            )
        try:
            ready = ["pg_isready", "--quiet", "-h", str(folder)]
            wait_for(
                lambda: subprocess.run(_as_owner(ready), check=False, cwd=folder).returncode == 0,
                lambda: server.poll() is not None and (folder / "log").read_text(),
            )
            yield Postgres(folder)
        finally:
            server.send_signal(signal.SIGQUIT)  # at once, whoever is connected
            server.wait()


def _as_owner(command: list[str]) -> list[str]:
    """A command of the newest PostgreSQL on this machine, as somebody whom its server accepts."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    assert folders, "PostgreSQL is missing: install Debian's package postgresql"
    command = [str(folders[-1] / command[0]), *command[1:]]
    if os.getuid() != 0:
        return command
    owner = pwd.getpwnam(_OWNER)
    return ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups", *command]
