"""A real server of the S3 protocol, moto's, in a process of its own."""

import contextlib
import os
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager

from support.waiting import wait_for

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "a-key-of-no-use",
    "AWS_SECRET_ACCESS_KEY": "a-secret-of-no-use",
    "AWS_DEFAULT_REGION": "us-east-1",
}
BUCKET = "prompts"


@contextmanager
def s3_server(folder):
    """Start a server with one bucket; give its address; its log lies in `folder`."""
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    with (folder / "s3.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=log,
            stderr=log,
            env={**os.environ, **CREDENTIALS},
        )
        try:
            wait_for(lambda: _answers(address), lambda: server.poll() is not None and (folder / "s3.log").read_text())
            urllib.request.urlopen(urllib.request.Request(f"{address}/{BUCKET}", method="PUT"))
            yield address
        finally:
            server.kill()
            server.wait()


def _free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _answers(address):
    try:
        return urllib.request.urlopen(f"{address}/moto-api/", timeout=1).status == 200
    except OSError:
        return False
