"""A Ray head as people start one, on free ports, in a process group of its own."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

_PORTS = (
    "--dashboard-port",
    "--port",
    "--dashboard-agent-listen-port",
    "--dashboard-agent-grpc-port",
    "--runtime-env-agent-port",
    "--metrics-export-port",
    "--ray-client-server-port",
)


@contextmanager
def ray_head():
    """Start a head; give the address of its dashboard; end exactly this head and its workers."""
    ports = _free_ports(len(_PORTS))
    address = f"http://127.0.0.1:{ports[0]}"
    with tempfile.TemporaryDirectory(
        prefix="ray-", dir="/tmp", ignore_cleanup_errors=True
    ) as scratch:  # sockets need a short path
        command = [str(Path(sys.executable).parent / "ray"), "start", "--head", "--block", "--disable-usage-stats"]
        command += [
            "--dashboard-host=127.0.0.1",
            "--num-cpus=2",
            "--object-store-memory=200000000",
            "--temp-dir",
            scratch,
        ]
        command += [f"{name}={port}" for name, port in zip(_PORTS, ports, strict=True)]
        environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
        environment["PYTHONPATH"] = os.pathsep.join(sys.path)
        with (Path(scratch) / "out").open("w") as out:
            head = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)
        try:
            _wait_for(ports[0], head, Path(scratch) / "out")
            yield address
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


def _wait_for(port, head, out):
    until = time.monotonic() + 120
    while time.monotonic() < until and head.poll() is None:
        with closing(socket.socket()) as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.3)
    raise RuntimeError(f"no Ray head: {out.read_text()}")
