import os
import signal
import subprocess
import sys

import pytest
import ray

from ptune.errors import ClusterError
from ptune.raytune.cluster import connect, nodes
from ptune.raytune.runner import RayRunner


def alone(code):
    """Run code in a process of its own, because one process knows one Ray."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)


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
    for ask in (connect, RayRunner().check):
        with pytest.raises(ClusterError, match="no Ray cluster answers at") as refused:
            ask()
        assert repr(address) in str(refused.value)
        assert problem in str(refused.value)


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
    done = alone(LEAVE)
    assert done.stdout.endswith("left in peace\n"), done.stderr
