"""The commands about Ray jobs: what they print and return. The cluster itself is tested in tests/raytune."""

import json

import pytest

from ptune.cli.cluster import report_end
from ptune.raytune.jobs import JobInfo
from ptune.raytune.submission import Submitted


@pytest.mark.parametrize(("status", "code"), [("SUCCEEDED", 0), ("STOPPED", 130), ("FAILED", 1)])
def test_the_end_of_a_job_is_an_exit_code(capsys, status, code):
    assert report_end(JobInfo("id-7", "tiny", status, "driver died", 1.0, 2.0)) == code
    err = capsys.readouterr().err
    assert f"job id-7: {status.lower()}" in err
    assert ("driver died" in err) == (status == "FAILED")


def test_jobs_are_listed(ptune, monkeypatch):
    known = [
        JobInfo("id-1", "tiny", "SUCCEEDED", None, 1000.0, 1067.0),
        JobInfo("id-2", None, "PENDING", None, None, None),
    ]
    monkeypatch.setattr("ptune.raytune.jobs.jobs", lambda _: known)
    lines = [line.split() for line in ptune("jobs").out.splitlines()]
    assert lines == [["id-1", "succeeded", "1:07", "tiny"], ["id-2", "pending", "-", "-"]]
    assert [job["id"] for job in json.loads(ptune("jobs", "--json").out)["jobs"]] == ["id-1", "id-2"]


def test_a_failed_job_has_the_exit_code_of_its_search_and_no_second_log(capsys):
    message = "Job entrypoint command failed with exit code 2, last available logs (truncated):\nptune: seed"
    assert report_end(JobInfo("id-7", "tiny", "FAILED", message, 1.0, 2.0, exit_code=2)) == 2
    assert capsys.readouterr().err.endswith("ptune: Job entrypoint command failed with exit code 2\n")


@pytest.mark.parametrize(
    "arguments",
    [["jobs"], ["logs", "id-1"], ["stop", "id-1"], ["list"], ["doctor"], ["resume", "tiny"]],
    ids=lambda arguments: arguments[0],
)
def test_no_cluster_is_one_clear_message(ptune, arguments):
    result = ptune(*arguments, "--address", "http://127.0.0.1:9")
    assert result.code == 1
    assert "no Ray cluster answers at http://127.0.0.1:9" in result.err
    assert "Traceback" not in result.err


def test_a_wrong_job_never_reaches_the_cluster(ptune, job):
    result = ptune("submit", job, "--set", "budget.trails=2", "--address", "http://127.0.0.1:9")
    assert result.code == 2
    assert "did you mean 'trials'?" in result.err


def test_following_ends_with_the_job(ptune, job, monkeypatch):
    def follow(job_id, write, address):
        write(f"log of {job_id}\n")
        return JobInfo(job_id, "tiny", "SUCCEEDED", None, 1.0, 2.0)

    running = set()

    def submit(spec, *_):
        known = spec.name in running
        running.add(spec.name)
        return Submitted(f"ray-{spec.name}", known)

    monkeypatch.setattr("ptune.raytune.submission.submit", submit)
    monkeypatch.setattr("ptune.raytune.jobs.follow", follow)
    result = ptune("submit", job, "--name", "other")
    assert (result.code, result.out) == (0, "log of ray-other\n")
    assert "submitted as ray-other" in result.err
    assert "runs already as ray-other" in ptune("submit", job, "--name", "other").err
    assert ptune("submit", job, "--no-follow").out == "ray-tiny\n"


def test_an_interrupted_watch_leaves_the_job_alone(ptune, monkeypatch):
    def follow(job_id, write, address):
        raise KeyboardInterrupt

    monkeypatch.setattr("ptune.raytune.jobs.follow", follow)
    result = ptune("logs", "id-1", "--follow")
    assert result.code == 130
    assert "the job goes on; `ptune logs id-1` shows it" in result.err
