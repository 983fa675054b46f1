"""A `ptune` in a session of its own, which can be killed with all that it starts."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from support.forked import Forked, Process
from support.waiting import PATIENCE_S, wait_for


class Command:
    """A running `ptune`. What it prints lies in files of a folder, so that nobody has to read it meanwhile.

    Args:
        folder: for the files; it must be there.
        arguments: of the command.
        fork: whether it may be forked, which saves its imports; see `support.forked`. Otherwise, it is a new process.
        variables: further variables of its environment.
    """

    def __init__(self, folder: Path, *arguments: str, fork: bool = False, **variables: str) -> None:
        self._out, self._err = folder / "stdout", folder / "stderr"
        self.process: Process
        with self._out.open("w") as out, self._err.open("w") as err, Path(os.devnull).open() as nothing:
            if fork:
                streams = [nothing.fileno(), out.fileno(), err.fileno()]
                self.process = Forked(arguments, folder, streams, **variables)
                return
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **variables}
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ptune", *arguments],
                env=environment,
                stdin=nothing,
                stdout=out,
                stderr=err,
                start_new_session=True,
                cwd=folder,
            )

    @property
    def out(self) -> str:
        return self._out.read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        return self._err.read_text(encoding="utf-8")

    def ended(self) -> str:
        """What a command that has ended said; nothing while it runs."""
        return "" if self.process.poll() is None else f"it has ended with {self.process.returncode}: {self.err[-3000:]}"

    def wait_for(self, condition) -> None:
        """Wait until something holds, while the command runs."""
        wait_for(condition, self.ended)

    def wait_for_either(self, other: "Command", condition) -> None:
        """Wait until something holds, while this command or another one runs."""
        wait_for(condition, lambda: self.ended() and other.ended())

    def signal(self, number: int) -> None:
        """Send a signal at once to it and to all that it started, as `timeout`, systemd and schedulers do."""
        for every in [*psutil.Process(self.process.pid).children(recursive=True), self.process]:
            with suppress(psutil.NoSuchProcess):
                every.send_signal(number)

    def kill(self, *, alone: bool = False) -> None:
        """End it outright, with all that it started unless it is to be alone."""
        if alone:
            self.process.kill()
        elif self.process.poll() is None:
            self.signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> int:
        """Wait until it ends; return its exit code."""
        return self.process.wait(PATIENCE_S)

    def result(self) -> dict:
        """Wait until it ends well; return the JSON object that it printed."""
        assert self.end() == 0, self.ended()
        return json.loads(self.out)
