"""A real search whose trials inherit: a child starts from what its parent had learned, and the artifact says so."""

import pytest
import torch

from ptune.artifacts import native
from ptune.backbone.load import load_backbone
from ptune.engine.state import read as read_state
from ptune.run.local import LocalRunner
from ptune.run.prepare import prepare
from ptune.run.repair import examine
from ptune.run.search import start_search
from ptune.run.trials import TrialFactory
from ptune.run.warm import keep_start, learned
from ptune.spec.job import Job
from support.small_jobs import small_job

PARENT = {"method": "v2", "length": 3, "depth": 2, "lr": 0.05}
POINTS = [PARENT, {**PARENT, "length": 4, "depth": 3, "lr": 0.02}, {**PARENT, "lr": 0.03}]


@pytest.fixture
def inheriting(tiny_backbone, tmp_path, runs):
    job = small_job(tmp_path / "data", tiny_backbone("bert"), trials=3, epochs=2, inherit=True)
    content = job.model_dump(mode="json")
    space = {**content["space"], "baseline": POINTS}
    stopping = {"budget": {**content["budget"], "stopping": {"type": "none"}}}
    job = Job.model_validate({**content, **stopping, "space": space, "resources": {"slots": 1}})
    return start_search(job, "", runs, LocalRunner())


def test_a_child_starts_from_what_its_parent_has_learned(inheriting):
    folder, trials = inheriting.folder, inheriting.history.trials
    assert [trial.inherited and trial.inherited.trial for trial in trials.values()] == [None, 0, 0]
    best = read_state(folder / trials[0].state).best
    for number in (1, 2):
        start = learned(folder, number)
        assert start.inherited == trials[number].inherited
        assert all(torch.equal(start.tensors[name], tensor) for name, tensor in best.items())
    job = inheriting.history.job
    backbone = load_backbone(job.backbone.id)
    factory = TrialFactory(job, prepare(job).splits, backbone, folder)
    larger, same = (factory.make(number, trials[number].config)[1].collapsed() for number in (1, 2))
    assert all(torch.equal(same[name], tensor) for name, tensor in best.items())
    own, parents = (
        table.view(len(table), depth, -1) for table, depth in ((larger["prompt.0"], 3), (best["prompt.0"], 2))
    )
    assert torch.equal(own[:3, 1:], parents)

    manifest = native.read(folder / "artifact").manifest
    assert manifest.provenance.inherited == trials[manifest.trial].inherited


def test_a_repaired_journal_still_says_what_was_inherited_and_what_was_cloned(inheriting):
    folder, trials = inheriting.folder, inheriting.history.trials
    journal = folder / "journal.jsonl"
    lines = journal.read_bytes().split(b"\n")
    [place] = [index for index, line in enumerate(lines) if b'"suggested"' in line and b'"trial": 1,' in line]
    lines[place] = b"damaged"
    journal.write_bytes(b"\n".join(lines))
    recovered = examine(folder).journal
    assert recovered.restored == [1]
    assert recovered.history.trials[1].inherited == trials[1].inherited

    def cloned():
        history = examine(folder).journal.history
        return history.trials[1], list(history.answers)

    lines[0] = lines[0].replace(b'"inherit": true', b'"inherit": false')
    journal.write_bytes(b"\n".join(lines))
    clone, answers = cloned()  # as earlier versions kept it
    assert (clone.inherited, clone.cloned, clone.warm, answers) == (None, 0, True, [])

    lines[0] = lines[0].replace(b'"inherit": false', b'"inherit": true')
    journal.write_bytes(b"\n".join(lines))
    keep_start(folder, trials[0], 1, "asked")
    clone, answers = cloned()
    assert (clone.inherited, clone.by_user, answers) == (None, "warm clone of 0", ["asked"])
