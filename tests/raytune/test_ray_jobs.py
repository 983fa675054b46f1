"""Jobs on a real head whose Python has every library but ptune."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ptune.errors import ClusterError
from ptune.raytune import jobs
from ptune.raytune.submission import ask, resume, submit
from ptune.record.events import Ended, Reported
from ptune.record.history import History
from ptune.record.journal import read
from ptune.spec.load import load_job
from ptune.spec.write import job_toml
from support.ray_head import bare_python, ray_head
from support.small_jobs import changed
from support.small_search import small_job
from support.waiting import wait_for

SECRETS = {
    "HF_TOKEN": "hf_neverWrittenDown1",
    "MLFLOW_TRACKING_PASSWORD": "neverWrittenDown2",
    "MLFLOW_TRACKING_URI": "postgresql://ann:neverWrittenDown3@127.0.0.1:9/runs",
}


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    with ray_head(bare_python(tmp_path_factory.mktemp("bare"))) as head:
        yield head


@pytest.fixture
def address(head, monkeypatch):
    """A cluster that shares no environment with this process."""
    monkeypatch.setattr("sys.prefix", "/usr")
    monkeypatch.setattr("sys.base_prefix", "/usr")
    return head.dashboard


@pytest.fixture
def distant(monkeypatch):
    """The cluster is taken for other machines."""
    monkeypatch.setattr("ptune.raytune.submission.is_this_machine", lambda _: False)


def followed(job_id, address):
    pieces = []
    ended = jobs.follow(job_id, pieces.append, address)
    return ended, "".join(pieces)


def written(*folders):
    """The bytes of every file below some folders; the head's sockets and packed libraries are left out."""
    for path in (path for folder in folders for path in Path(folder).rglob("*")):
        if path.is_file() and not path.is_symlink() and path.suffix not in (".so", ".pyc"):
            yield path, path.read_bytes()


@pytest.mark.slow
def test_one_command_submits_follows_and_reports(address, tiny_backbone, tmp_path):
    job, runs = small_job(tmp_path, tiny_backbone("bert"), trials=2, epochs=1), str(tmp_path / "runs")
    first = submit(job, runs, address)
    ended, log = followed(first.id, address)
    assert ended.status == "SUCCEEDED", log
    result = json.loads(log.strip().splitlines()[-1])
    assert (result["name"], result["statuses"]) == ("small", {"complete": 2})
    assert (tmp_path / "runs" / "small" / "artifact").is_dir()
    assert jobs.logs("small", address) == log
    assert [(known.id, known.name) for known in jobs.jobs(address)] == [(first.id, "small")]
    again = submit(job, runs, address)
    ended, log = followed(again.id, address)
    assert (again.known, json.loads(log.strip().splitlines()[-1])) == (False, result)
    ended, log = followed(submit(job.model_copy(update={"seed": 9}), runs, address).id, address)
    assert (ended.status, ended.exit_code) == ("FAILED", 1)
    assert "seed is 3 in the kept job and 9 in this one" in log
    assert not (tmp_path / "runs" / "small-2").exists()
    listed = ask(["list", "--json"], runs, address)
    assert [(entry["name"], entry["state"]) for entry in listed["searches"]] == [("small", "complete")]


@pytest.mark.slow
@pytest.mark.usefixtures("distant")
def test_a_search_of_another_machine_brings_its_data_and_keeps_its_secrets(
    head, address, tiny_backbone, tmp_path, monkeypatch
):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    (tmp_path / "here").mkdir()
    job = small_job(tmp_path / "here", tiny_backbone("bert"), trials=50, epochs=50)
    job = changed(job, resources={"slots": 1})
    reachable = {"shared": [str(tiny_backbone("bert").parent)]}
    job = type(job).model_validate({**job.model_dump(mode="json"), "cluster": reachable})
    runs, said = tmp_path / "runs", []
    with ThreadPoolExecutor(2) as pool:
        submitted = [*pool.map(lambda _: submit(job, str(runs), address, say=said.append), range(2))]
    assert len({each.id for each in submitted}) == 1
    assert sorted(each.known for each in submitted) == [False, True]
    assert any("train.tsv" in text and "KB" in text for text in said)
    assert any(text.startswith(f"does not send {', '.join(SECRETS)}") for text in said)

    journal = runs / "small" / "journal.jsonl"

    def stop_after(reports):
        wait_for(lambda: journal.exists() and reports_of(journal) > reports, lambda: over("small", address))
        jobs.stop("small", address)
        wait_for(lambda: over("small", address))
        assert [event for event in read(journal) if isinstance(event, Ended)][-1].status == "interrupted"
        return reports_of(journal)

    reports = stop_after(0)
    for path in (tmp_path / "here").iterdir():
        path.unlink()
    assert History.of(read(journal)).job.task.data.train == str(runs / "small" / "data" / "0" / "train.tsv")
    assert not resume("small", str(runs), address).known
    stop_after(reports)
    epochs = [(event.trial, event.epoch) for event in read(journal) if isinstance(event, Reported)]
    assert len(epochs) == len(set(epochs))
    for path, content in written(runs, head.folder):
        assert b"everWrittenDown" not in content, path
    assert "everWrittenDown" not in jobs.logs("small", address)


def reports_of(journal):
    return sum(isinstance(event, Reported) for event in read(journal))


def over(name, address):
    known = [job for job in jobs.jobs(address) if job.name == name]
    return known[-1].over and jobs.logs(known[-1].id, address)


@pytest.mark.slow
def test_what_the_nodes_lack_is_named_before_anything_starts(address, tiny_backbone, tmp_path):
    job = small_job(tmp_path, tiny_backbone("bert"))
    job = type(job).model_validate(
        {**job.model_dump(mode="json"), "name": "lacking", "cluster": {"secrets": ["NO_KEY"]}}
    )
    ended, log = followed(submit(job, str(tmp_path / "runs"), address).id, address)
    assert ended.exit_code == 2
    assert "cluster.secrets names NO_KEY, which is not set on this node" in log
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_the_nodes_of_a_cluster_are_examined(head, address, tmp_path):
    runs = tmp_path / "runs"
    found = ask(["doctor", "--address", "auto", "--json"], str(runs), address)
    assert found["problems"] == []
    (node,) = found["nodes"]
    assert (node["runs"], node["cpus"]) == ("shared", 2.0)
    assert node["versions"]["torch"].startswith("2.")
    assert found["runs"] == str(runs)
    assert list(runs.iterdir()) == [], "nothing is left of the examination"


@pytest.mark.slow
def test_an_unknown_job_is_named(address):
    with pytest.raises(ClusterError, match="knows no job and no search 'nobody'"):
        jobs.logs("nobody", address)


@pytest.mark.slow
@pytest.mark.usefixtures("distant")
def test_what_a_distant_cluster_cannot_reach_is_named_before_anything_is_sent(address, tiny_backbone, tmp_path):
    job = small_job(tmp_path, tiny_backbone("bert"))
    known = jobs.jobs(address)
    with pytest.raises(ClusterError, match="set PTUNE_RUNS to a folder that every node"):
        submit(job, None, address)
    with pytest.raises(ClusterError, match=r"backbone.id: .* is a folder of this machine.*cluster.shared"):
        submit(job, str(tmp_path), address)
    narrow = {"shared": [str(tiny_backbone("bert").parent)], "upload_mb": 0.0001}
    job = type(job).model_validate({**job.model_dump(mode="json"), "cluster": narrow})
    with pytest.raises(ClusterError, match=r"task.data.train: .*train.tsv \([\d.]+ KB\).*raise cluster.upload_mb"):
        submit(job, str(tmp_path), address)
    assert jobs.jobs(address) == known


def test_an_address_where_nobody_listens_is_refused_at_once(tmp_path, tiny_backbone):
    job = small_job(tmp_path, tiny_backbone("bert"))
    with pytest.raises(ClusterError, match=r"no Ray cluster answers at http://127.0.0.1:9 .*ray start --head"):
        submit(job, str(tmp_path), "127.0.0.1:9")


def test_a_job_travels_as_one_file(tmp_path, tiny_backbone):
    job = small_job(tmp_path, tiny_backbone("bert"), baseline=[{"lr": 0.01, "method": "v1"}])
    (tmp_path / "job.toml").write_text(job_toml(job), encoding="utf-8")
    assert load_job(tmp_path / "job.toml") == job
