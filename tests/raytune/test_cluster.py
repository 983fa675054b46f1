import os
import signal
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path

import psutil
import pytest
import ray

from ptune.errors import ClusterError, SpecError
from ptune.raytune.authentication import find_token
from ptune.raytune.cluster import connect, nodes
from ptune.raytune.embedded import provide_token
from ptune.raytune.runner import RayRunner
from ptune.spec.resources import Resources
from support.ray_head import IDLE


def alone(code, **variables):
    """Run code in a process of its own, because one process knows one Ray."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)


def blocks(pid, number):
    """Whether a process takes no notice of a signal, as Linux tells it."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (mask,) = (int(line.split()[1], 16) for line in lines if line.startswith("SigBlk"))
    return bool(mask >> (number - 1) & 1)


@pytest.fixture
def unasked(monkeypatch):
    """A process that knows no Ray, in which asking Ray fails: it tries for minutes to reach a head."""

    def asked(*_args, **_options):
        pytest.fail("Ray was asked", pytrace=False)

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", asked)


@pytest.mark.slow
def test_an_embedded_ray_is_this_machine_and_leaves_sigterm_alone(embedded_ray):
    assert [node.cpus >= 1 for node in nodes()] == [True]
    assert not connect(), "who is connected stays connected"
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    processes = psutil.Process().children(recursive=True)
    assert {"gcs_server", "raylet"} <= {process.name() for process in processes}
    assert [process for process in processes if not blocks(process.pid, signal.SIGTERM)] == []


@pytest.mark.slow
def test_an_embedded_ray_listens_on_this_machine_alone(embedded_ray):
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    sockets = [socket for process in processes for socket in process.net_connections("tcp")]
    listening = {socket.laddr for socket in sockets if socket.status == psutil.CONN_LISTEN}
    assert len(listening) > 5, "Ray's processes, and the driver"
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


@pytest.mark.slow
def test_an_embedded_ray_has_no_process_that_watches_logs_or_a_cluster(embedded_ray):
    every = " ".join(word for process in psutil.Process().children(recursive=True) for word in process.cmdline())
    assert "gcs_server" in every
    assert not [name for name in ("log_monitor.py", "monitor.py", "dashboard.py") if name in every]


@pytest.mark.usefixtures("unasked")
def test_the_token_that_is_made_for_ray_is_read_by_its_user_alone(tmp_path, monkeypatch):
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    provide_token()
    kept = tmp_path / ".ray" / "auth_token"
    assert len(token := kept.read_text()) == 64
    assert kept.stat().st_mode & 0o077 == 0
    provide_token()
    assert find_token() == token, "it stays"
    kept.unlink()
    kept.mkdir()
    with pytest.raises(ClusterError, match="--local"):
        provide_token()


@pytest.mark.parametrize("address", ["ray://head:10001", "http://head:8265"])
@pytest.mark.usefixtures("unasked")
def test_an_address_of_another_kind_is_refused_with_the_way_to_go(address):
    with pytest.raises(ClusterError, match="ptune submit") as refused:
        connect(address)
    assert address in str(refused.value)


@pytest.mark.parametrize(
    ("address", "problem"), [("127.0.0.1:9", "refused"), ("127.0.0.1", "no port"), ("no.such.host.invalid:6379", "")]
)
@pytest.mark.usefixtures("unasked")
def test_a_head_that_does_not_answer_is_named_without_asking_ray(address, problem, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", address)
    for ask in (connect, partial(RayRunner().check, Resources())):
        with pytest.raises(ClusterError, match="no Ray cluster answers at") as refused:
            ask()
        assert repr(address) in str(refused.value)
        assert problem in str(refused.value)


@pytest.mark.usefixtures("unasked")
def test_a_machine_without_the_gpus_of_an_engine_is_refused_without_asking_ray(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    RayRunner().check(Resources(device="cuda"))
    with pytest.raises(SpecError, match="gpus_per_engine <= 1 must hold, as many GPUs as are here, got 2"):
        RayRunner().check(Resources(gpus_per_engine=2))
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with pytest.raises(SpecError, match="device is 'cuda', but PyTorch finds no GPU here"):
        RayRunner("local").check(Resources(device="cuda"))


def test_a_cluster_that_is_there_may_have_more_gpus_than_this_machine(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    many = Resources(gpus_per_engine=8)
    RayRunner("auto").check(many)
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    RayRunner().check(many)


START = """
from ptune.errors import ClusterError
from ptune.raytune.cluster import connect
try:
    connect("local")
except ClusterError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_ray_that_does_not_start_is_an_error_with_a_way_out(tmp_path):
    (tmp_path / "file").touch()
    done = alone(START, RAY_TMPDIR=str(tmp_path / "file" / "below"))
    assert done.stdout.startswith("Ray cannot start on this machine: "), done.stderr
    assert done.stdout.endswith("`--local` trains without it\n")


@pytest.mark.slow
def test_a_client_module_loads_no_torch():
    done = alone("import sys, ptune.raytune.trainable; print('torch' in sys.modules, 'ray' in sys.modules)")
    assert done.stdout.split() == ["False", "True"], done.stderr


LEAVE = """
import gc, threading, time, ray
from ptune.raytune.cluster import connect, disconnect
connect("local")
gc.disable()
loop = [ray.put(1)]
loop.append(loop)
del loop
def collect():
    while ray.is_initialized():
        time.sleep(0.001)
    gc.collect()
threading.Thread(target=collect).start()
disconnect()
print("left in peace")
"""


@pytest.mark.slow
def test_another_thread_may_collect_garbage_while_ray_shuts_down():
    done = alone(LEAVE, **IDLE)
    assert done.stdout.endswith("left in peace\n"), done.stderr


def test_a_client_takes_a_process_that_ray_has_started_beforehand_also_once_engines_hold_every_core():
    code = """
        import os, time, psutil, ray
        from ptune.raytune.cluster import connect, disconnect
        from ptune.raytune.runner import _in_any_process

        class Process:
            def number(self):
                return os.getpid()

        def started():
            children = psutil.Process().children(recursive=True)
            return {child.pid for child in children if child.name().startswith("ray::")}

        connect("local")
        cores = ray.cluster_resources()["CPU"]
        while len(started()) < 2 + cores:  # two agents, and one that waits for each core
            time.sleep(0.1)
        engine = ray.remote(num_cpus=cores)(Process).remote()
        ray.get(engine.number.remote())
        time.sleep(2.5)  # Ray ends idle processes after one second, unless it is told otherwise
        waiting = started()
        client = _in_any_process(Process).options(num_cpus=0, memory=1).remote()
        assert ray.get(client.number.remote()) in waiting
        disconnect()
    """
    run = alone(textwrap.dedent(code), RAY_ADDRESS="")
    assert run.returncode == 0, run.stderr
