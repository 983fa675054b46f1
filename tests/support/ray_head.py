"""A Ray head as people start one, on free ports, in a process group of its own."""

import os
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import venv
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from support.waiting import wait_for

IDLE = {"RAY_enable_worker_prestart": "0", "RAY_prestart_worker_first_driver": "0"}
"""Variables of a head on which hardly anything will run: it starts no workers before one is asked for."""
_PORTS = (
    "--dashboard-port",
    "--port",
    "--dashboard-agent-listen-port",
    "--dashboard-agent-grpc-port",
    "--runtime-env-agent-port",
    "--metrics-export-port",
    "--ray-client-server-port",
)


class Head(NamedTuple):
    """Where a head answers, its dashboard and drivers' `--address`, and where it writes."""

    dashboard: str
    address: str
    folder: Path


def bare_python(folder):
    """An interpreter with every library of this one, and without ptune."""
    venv.create(folder, symlinks=True)
    (libraries,) = (folder / "lib").glob("python*/site-packages")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "ptune" not in entry.name:
            (libraries / entry.name).symlink_to(entry)
    return str(folder / "bin" / "python")


@contextmanager
def ray_head(python=sys.executable, **variables):
    """Start a head with an interpreter and further variables; give its addresses; end exactly this head's processes."""
    ports = _free_ports(len(_PORTS))
    with tempfile.TemporaryDirectory(
        prefix="ray-", dir="/tmp", ignore_cleanup_errors=True
    ) as scratch:  # sockets need a short path
        command = [python, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"]
        command += [
            "--dashboard-host=127.0.0.1",
            "--num-cpus=2",
            "--object-store-memory=200000000",
            "--temp-dir",
            scratch,
        ]
        command += [f"{name}={port}" for name, port in zip(_PORTS, ports, strict=True)]
        environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
        environment |= {"PYTHONPATH": os.pathsep.join(sys.path)} if python == sys.executable else {"PYTHONPATH": ""}
        environment |= {"PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}", **variables}
        with (Path(scratch) / "out").open("w") as out:
            head = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)
        try:
            wait_for(
                lambda: _listens(ports[0]), lambda: head.poll() is not None and (Path(scratch) / "out").read_text()
            )
            yield Head(f"http://127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}", Path(scratch))
        finally:
            head.send_signal(signal.SIGTERM)
            try:
                head.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(head.pid, signal.SIGKILL)


def _free_ports(count):
    with ExitStack() as stack:
        sockets = [stack.enter_context(closing(socket.socket())) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _listens(port):
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
