"""`ptune export --push`: an export goes to a Hub over HTTP, and comes back; in processes that read its endpoint."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ptune.artifacts.inspection import inspect
from ptune.spec.job import Job
from ptune.spec.write import job_toml
from support.fake_hub import fake_hub, files_of
from support.families import make_backbone
from support.made_artifacts import make_task_artifact, write_native
from support.small_search import small_job

CALLS = """\
import json, os, sys
from ptune.cli.main import run
for environment, arguments in json.loads(sys.argv[1]):
    os.environ.update(environment)
    print("exit", run(arguments), flush=True)
"""
BACK = """\
from huggingface_hub import snapshot_download
from peft import AutoPeftModelForSequenceClassification
from transformers import AutoTokenizer
model = AutoPeftModelForSequenceClassification.from_pretrained("me/prompt", num_labels=3).eval()
batch = AutoTokenizer.from_pretrained("someone/tiny")("red green", return_tensors="pt")
print("folder", snapshot_download("me/prompt"))
print("scores", model(**batch).logits[0].softmax(-1).tolist())
import ptune
print("pushed", ptune.open("small").push("me/again", message="From Python"))
print("found", ptune.inspect("hub:me/again").manifest.provenance.start.uri, ptune.inspect("small").damage)
"""


@pytest.fixture
def hub(tmp_path):
    """A Hub with one model, `someone/tiny`, where `hf_me` may write for `me` alone, and a prompt on that model."""
    root = tmp_path / "hub"
    make_backbone("bert", root / "someone" / "tiny")
    with fake_hub(root, {"hf_me": ["me"]}) as endpoint:
        yield endpoint


@pytest.fixture
def folder(hub, tmp_path):
    """An artifact of a prompt on `someone/tiny`."""
    from ptune.backbone.load import load_backbone

    artifact = make_task_artifact(
        "classification", load_backbone(str(tmp_path / "hub/someone/tiny")), method="v2", length=3
    )
    origin = artifact.manifest.backbone.model_copy(update={"id": "someone/tiny"})
    named = type(artifact)(artifact.manifest.model_copy(update={"backbone": origin}), artifact.tensors)
    write_native(tmp_path / "prompt", named)
    return str(tmp_path / "prompt")


def job_starting_from(start, folder):
    """The file of a job of one trial that starts from a prompt like that of `folder`, on the same model."""
    space = {"method": {"value": "v2"}, "length": {"value": 3}}
    content = small_job(folder, "someone/tiny", parameters=space, trials=1, epochs=1).model_dump()
    job = Job.model_validate({**content, "start": start, "tracking": {"type": "none"}})
    (folder / "job.toml").write_text(job_toml(job))
    return str(folder / "job.toml")


def in_a_process(code, *arguments, endpoint, home, **settings):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", **settings}
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def called(calls, more="", **process):
    """Exit codes of some calls of `ptune`, in one process that runs more behind them, and what they print."""
    done = in_a_process(CALLS + more, json.dumps(calls), **process)
    codes = [int(line.removeprefix("exit ")) for line in done.stdout.splitlines() if line.startswith("exit ")]
    assert len(codes) == len(calls), done.stderr
    return codes, done.stdout, done.stderr


def test_a_pushed_prompt_comes_back_as_it_was(hub, folder, tmp_path):
    process = {"endpoint": hub, "home": tmp_path / "home", "HF_TOKEN": "hf_me", "PTUNE_RUNS": str(tmp_path / "runs")}
    again = job_starting_from("hub:me/open@trial", tmp_path)
    calls = [
        [{}, ["export", folder, "--push", "me/prompt"]],
        [{}, ["export", folder, "--push", "me/prompt", "--format", "peft", "--message", "Now for PEFT"]],
        [
            {},
            ["export", folder, "--push", "me/open", "--public", "--revision", "trial", "--to", str(tmp_path / "kept")],
        ],
        [{}, ["predict", "hub:me/open@trial", "--text", "red green"]],
        [{}, ["search", again, "--local", "--json"]],
        [{}, ["export", folder, "--push", "you/prompt"]],
        [{}, ["export", folder, "--push", "me/model"]],
        [{}, ["predict", "hub:me/nothing", "--text", "red"]],
    ]
    root = tmp_path / "hub"
    (root / "me" / "model").mkdir(parents=True)
    (root / "me" / "model" / "config.json").write_text("{}")
    codes, told, errors = called(calls, BACK, **process)
    assert codes == [0, 0, 0, 0, 0, 1, 1, 1], errors
    repo = root / "me" / "prompt"
    assert "adapter_model.safetensors" in files_of(repo)
    assert not {"artifact.json", "prompt.safetensors"} & set(files_of(repo)), "what the export before held is gone"
    assert inspect(repo).damage == []
    assert (repo / ".private").is_file()
    assert not (root / "me" / "open" / ".private").exists()
    assert files_of(root / "me" / "open") == {}
    assert files_of(root / "me" / "open@trial").keys() == files_of(tmp_path / "kept").keys()
    assert f"peft -> {hub}/me/prompt/commit/" in told
    messages = (root / ".messages").read_text().splitlines()
    assert messages[1] == "me/prompt@main: Now for PEFT"
    assert messages[0] == "me/prompt@main: made in the format native, by ptune"

    back = Path(re.search(r"^folder (.+)$", told, re.MULTILINE)[1])
    assert inspect(back).damage == []
    assert (back / "SHA256SUMS").read_bytes() == (repo / "SHA256SUMS").read_bytes()
    card = (back / "README.md").read_text()
    assert "`hf download me/prompt --local-dir prompt` fetches this folder" in card
    assert "base_model: someone/tiny" in card
    ours = next(json.loads(line)["probabilities"] for line in told.splitlines() if line.startswith('{"label"'))
    theirs = json.loads(re.search(r"^scores (.+)$", told, re.MULTILINE)[1])
    assert theirs == pytest.approx(list(ours.values()), abs=1e-5)
    searched = next(json.loads(line) for line in told.splitlines() if line.startswith('{"name": "small"'))
    assert (searched["status"], searched["start"]["uri"]) == ("complete", "hub:me/open@trial")
    started, pushed = tmp_path / "runs/small/start", root / "me/open@trial"
    assert (started / "prompt.safetensors").read_bytes() == (pushed / "prompt.safetensors").read_bytes()

    assert f"pushed {hub}/me/again/commit/" in told
    assert messages[-1] == "me/again@main: From Python"
    assert "found hub:me/open@trial []" in told

    told_of = [line for line in errors.splitlines() if line.startswith(("ptune: me/", "ptune: you/", "ptune: hub:"))]
    rights, foreign, missing = told_of
    assert rights.startswith("ptune: you/prompt is not pushed: your token lacks the right to do this")
    assert foreign.startswith("ptune: me/model is not pushed: it holds other things than an export (config.json); name")
    assert missing.startswith("ptune: hub:me/nothing cannot be fetched from the Hub: the Hub has no such repository")
    assert files_of(root / "me" / "model").keys() == {"config.json"}


def test_what_stands_against_a_push_is_said_before_anything_is_exported(hub, folder, tmp_path):
    target = str(tmp_path / "target")
    to = [*("export", folder, "--to", target), "--push"]
    early = [
        ({"HF_TOKEN": ""}, [*to, "me/prompt"], "me/prompt is not pushed: there is no token: set HF_TOKEN to a token"),
        ({"HF_TOKEN": "hf_old"}, [*to, "me/prompt"], "me/prompt is not pushed: the Hub does not know your token: set"),
        ({"HF_TOKEN": "hf_me"}, [*to, "a/b/c"], "--push names a repository as ORG/NAME, got 'a/b/c'"),
        ({}, [*to, "prompt"], "--push names a repository as ORG/NAME, got 'prompt'"),
        (
            {},
            [*to, "me/prompt", "--all-formats"],
            "--push takes one format and no embedded backbone, got --all-formats",
        ),
        ({}, ["export", folder, "--message", "x", "--to", target], "--message needs --push ORG/NAME"),
        ({}, ["export", folder], "give --to DIR, or --push ORG/NAME, or both"),
    ]
    process = {"endpoint": hub, "home": tmp_path / "home"}
    codes, _, errors = called([call[:2] for call in early], **process)
    told = errors.splitlines()
    assert (codes, len(told)) == ([1, 1, 2, 2, 2, 2, 2], len(early)), errors
    for line, (_, _, message) in zip(told, early, strict=True):
        assert line.startswith(f"ptune: {message}")
    calls = [[{}, [*to, "me/prompt"]]]
    closed = {**process, "endpoint": "http://127.0.0.1:9", "HF_TOKEN": "hf_me"}
    codes, _, errors = called(calls, **closed)
    assert (codes, "me/prompt is not pushed: [Errno 111] Connection refused" in errors) == ([1], True), errors
    codes, _, errors = called(calls, **process, HF_TOKEN="hf_me", HF_HUB_OFFLINE="1")
    assert (codes, "because HF_HUB_OFFLINE says not to use the network" in errors) == ([1], True), errors
    assert not (tmp_path / "target").exists()


def test_a_folder_that_would_name_a_place_on_this_machine_is_not_pushed(ptune, tiny, tmp_path, monkeypatch):
    write_native(tmp_path / "mine", make_task_artifact("classification", tiny("bert"), method="v2", length=3))
    monkeypatch.setattr("ptune.artifacts.hub.HubTarget.check", lambda _: None)
    told = ptune("export", "mine", "--push", "me/prompt", "--format", "peft")
    assert told.code == 2
    assert "has no Hub id, and a folder of the format peft would name it by its place on this machine" in told.err
