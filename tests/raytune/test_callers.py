"""Who may search on Ray: a notebook's event loop, a thread that is not the main one, a user of Ray."""

import os
import subprocess
import sys

import pytest

from ptune.record.events import Ended
from ptune.record.journal import JOURNAL, read
from support.small_jobs import changed
from support.small_search import small_job

CALLERS = """
import asyncio, sys, threading

import ray

import ptune

job = ptune.Job.model_validate_json(sys.argv[1])


def search():
    print(ptune.search(job, runs=sys.argv[2], progress=False).history.statuses, ray.is_initialized())


async def notebook():
    search()


asyncio.run(notebook())
ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200_000_000)
thread = threading.Thread(target=search)
thread.start()
thread.join()
"""


@pytest.mark.slow
def test_an_event_loop_and_a_thread_of_one_process_search_in_turn_and_the_users_ray_stays(tiny_backbone, tmp_path):
    job = small_job(tmp_path, tiny_backbone("bert"), trials=1, epochs=1)
    job = changed(job, tracking={"type": "none"})
    command = [sys.executable, "-c", CALLERS, job.model_dump_json(), str(tmp_path / "runs")]
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.stdout.splitlines() == ["{'complete': 1} False", "{'complete': 1} True"], done.stderr
    for name in ("small", "small-2"):
        events = read(tmp_path / "runs" / name / JOURNAL)
        assert [event.status for event in events if isinstance(event, Ended)] == ["complete"]
