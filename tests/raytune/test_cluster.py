import os
import signal
import subprocess
import sys
import time

import pytest

from ptune.raytune.cluster import connect, nodes


def alone(code, **environment):
    """Run code in a process of its own, because one process knows one Ray."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)


CONNECT = """
from ptune.errors import ClusterError
from ptune.raytune.cluster import connect
try:
    connect(ADDRESS)
except ClusterError as error:
    print(error)
"""


@pytest.mark.slow
def test_an_embedded_ray_is_this_machine_and_leaves_sigterm_alone(embedded_ray):
    assert [node.cpus >= 1 for node in nodes()] == [True]
    assert not connect(), "who is connected stays connected"
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize("address", ["ray://head:10001", "http://head:8265"])
def test_an_address_of_another_kind_is_refused_with_the_way_to_go(address):
    done = alone(CONNECT.replace("ADDRESS", repr(address)))
    assert address in done.stdout
    assert "ptune submit" in done.stdout


@pytest.mark.parametrize(
    ("address", "problem"), [("127.0.0.1:9", "refused"), ("127.0.0.1", "no port"), ("no.such.host.invalid:6379", "")]
)
def test_a_head_that_does_not_answer_is_named_at_once(address, problem):
    began = time.monotonic()
    done = alone(CONNECT.replace("ADDRESS", "None"), RAY_ADDRESS=address)
    assert f"no Ray cluster answers at {address!r}" in done.stdout, done.stderr
    assert problem in done.stdout
    assert time.monotonic() - began < 30


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
