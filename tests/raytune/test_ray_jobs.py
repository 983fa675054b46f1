"""Jobs on a real head."""

import json

import pytest

from ptune.errors import ClusterError
from ptune.raytune import jobs
from ptune.record.events import Ended, Reported
from ptune.record.journal import read
from ptune.spec.load import load_job
from ptune.spec.write import job_toml
from support.ray_head import ray_head
from support.small_search import small_job
from support.waiting import wait_for


@pytest.fixture(scope="module")
def address():
    with ray_head() as head:
        yield head.dashboard


@pytest.mark.slow
def test_a_job_is_submitted_followed_and_listed(address, tiny_backbone, tmp_path):
    job = small_job(tmp_path, tiny_backbone("bert"), trials=2, epochs=1)
    submitted = jobs.submit(job, tmp_path / "runs", address)
    pieces = []
    ended = jobs.follow(submitted, pieces.append, address)
    log = "".join(pieces)
    assert ended.status == "SUCCEEDED", log
    result = json.loads(log.strip().splitlines()[-1])
    assert (result["name"], result["statuses"]) == ("small", {"complete": 2})
    assert (tmp_path / "runs" / "small" / "artifact").is_dir()
    assert jobs.logs(submitted, address) == log
    assert [(known.id, known.name) for known in jobs.jobs(address)] == [(submitted, "small")]


@pytest.mark.slow
def test_a_stopped_job_is_an_interrupted_search(address, tiny_backbone, tmp_path):
    job = small_job(tmp_path, tiny_backbone("bert"), trials=50, epochs=50)
    journal = tmp_path / "runs" / "small" / "journal.jsonl"
    submitted = jobs.submit(job, tmp_path / "runs", address)
    wait_for(lambda: journal.exists() and any(isinstance(event, Reported) for event in read(journal)))
    assert jobs.stop(submitted, address)
    wait_for(lambda: {known.id: known.over for known in jobs.jobs(address)}[submitted])
    assert [event.status for event in read(journal) if isinstance(event, Ended)] == ["interrupted"]


@pytest.mark.slow
def test_an_unknown_job_is_named(address):
    with pytest.raises(ClusterError, match="nobody"):
        jobs.logs("nobody", address)


def test_an_address_where_nobody_listens_is_refused_at_once(tmp_path, tiny_backbone):
    job = small_job(tmp_path, tiny_backbone("bert"))
    with pytest.raises(ClusterError, match=r"no Ray cluster answers at http://127.0.0.1:9 .*ray start --head"):
        jobs.submit(job, tmp_path, "127.0.0.1:9")


def test_a_distant_cluster_needs_a_runs_folder(tmp_path, tiny_backbone):
    job = small_job(tmp_path, tiny_backbone("bert"))
    with pytest.raises(ClusterError, match="PTUNE_RUNS"):
        jobs.submit(job, None, "http://cluster.invalid:8265")


def test_a_job_travels_as_one_file(tmp_path, tiny_backbone):
    job = small_job(tmp_path, tiny_backbone("bert"), baseline=[{"lr": 0.01, "method": "v1"}])
    (tmp_path / "job.toml").write_text(job_toml(job), encoding="utf-8")
    assert load_job(tmp_path / "job.toml") == job
