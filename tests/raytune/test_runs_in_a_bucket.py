"""A search on a cluster whose nodes share no folder with its driver: its runs are in a bucket."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ptune.record.events import Reported
from ptune.record.journal import JOURNAL, read
from ptune.spec.write import job_toml
from support.ray_head import ray_head
from support.s3_server import BUCKET, CREDENTIALS, s3_server
from support.small_jobs import changed, small_job


@pytest.mark.slow
def test_an_engine_and_its_driver_share_nothing_but_the_bucket(tiny_backbone, tmp_path):
    job = small_job(tmp_path / "data", tiny_backbone("bert"))
    job = changed(job, resources={"engines": 1})
    (tmp_path / "small.toml").write_text(job_toml(job))
    with s3_server(tmp_path) as address:
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "of-no-use-elsewhere-0123456789abcdef"}
        store = {**CREDENTIALS, **token, "AWS_ENDPOINT_URL": address, "OMP_NUM_THREADS": "1"}
        nodes = {name: {**store, "PTUNE_CACHE": str(tmp_path / name)} for name in ("head", "driver")}
        with ray_head(**nodes["head"]) as head:
            done = subprocess.run(
                [sys.executable, "-m", "ptune", "search", "small.toml", "--address", head.address, "--json"],
                env={
                    **os.environ,
                    **nodes["driver"],
                    "PTUNE_RUNS": f"s3://{BUCKET}/runs",
                    "PYTHONPATH": os.pathsep.join(sys.path),
                },
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            )
    assert done.returncode == 0, done.stderr[-4000:]
    result = json.loads(done.stdout)
    assert set(result["statuses"]) <= {"complete", "stopped"}
    artifact = Path(result["artifact"])
    assert artifact.is_relative_to(tmp_path / "driver")
    assert (artifact / "prompt.safetensors").is_file()
    epochs = [(event.trial, event.epoch) for event in read(artifact.parent / JOURNAL) if isinstance(event, Reported)]
    assert len(set(epochs)) == len(epochs), "an epoch was reported twice"
    assert list((tmp_path / "head").rglob("state.safetensors"))
    assert not list((tmp_path / "driver").rglob("state.safetensors"))
