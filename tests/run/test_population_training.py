"""A real search by population-based training: children take up trained prompts, also after the search was killed."""

import shutil

import pytest
import torch

from ptune.artifacts import native
from ptune.backbone.load import load_backbone
from ptune.engine.state import read as read_state
from ptune.record.events import Suggested
from ptune.record.journal import JOURNAL, read
from ptune.run.local import LocalRunner
from ptune.run.prepare import prepare
from ptune.run.search import resume_search, start_search
from ptune.run.trials import TrialFactory
from ptune.run.warm import learned
from ptune.spec.job import Job
from support.small_jobs import small_job

V2 = {"method": {"value": "v2"}, "dropout": {"low": 0.0, "high": 0.3}}


@pytest.fixture
def trained(tiny_backbone, tmp_path, runs):
    job = small_job(
        tmp_path / "data",
        tiny_backbone("bert"),
        trials=7,
        epochs=1,
        sampler="pbt",
        inherit=True,
        stopping={"type": "none"},
    )
    content = job.model_dump(mode="json")
    space = {"parameters": {**content["space"]["parameters"], "method": [V2["method"]], "dropout": [V2["dropout"]]}}
    job = Job.model_validate({**content, "space": space, "resources": {"slots": 1}})
    return start_search(job, "", runs, LocalRunner())


def suggestions(folder):
    return [(event.config, event.inherits) for event in read(folder / JOURNAL) if isinstance(event, Suggested)]


def test_children_begin_with_the_prompt_of_the_trial_whose_values_they_perturb(trained):
    folder, trials = trained.folder, trained.history.trials
    children = [trial for trial in trials.values() if trial.inherited is not None]
    assert [child.number for child in children] == [4, 5, 6]
    job = trained.history.job
    factory = TrialFactory(job, prepare(job).splits, load_backbone(job.backbone.id), folder)
    for child in children:
        parent = trials[child.inherited.trial]
        best = read_state(folder / parent.state).best
        assert learned(folder, child.number).inherited == child.inherited
        begins = factory.make(child.number, child.config)[1].collapsed()
        assert begins.keys() == best.keys()
        assert all(torch.equal(begins[name], tensor) for name, tensor in best.items())
        ends = read_state(folder / child.state).best
        assert not torch.equal(ends["prompt.0"], best["prompt.0"])
        assert (child.config["length"], child.config["depth"]) == (parent.config["length"], parent.config["depth"])
        assert (child.config["lr"], child.config["dropout"]) != (parent.config["lr"], parent.config["dropout"])
    manifest = native.read(folder / "artifact").manifest
    assert manifest.provenance.inherited == trials[manifest.trial].inherited


def test_a_search_that_was_killed_proposes_what_it_would_have_proposed(trained, runs):
    whole = suggestions(trained.folder)
    lines = (trained.folder / JOURNAL).read_bytes().splitlines(keepends=True)
    [place] = [index for index, line in enumerate(lines) if b'"suggested"' in line and b'"trial": 5,' in line]
    (trained.folder / JOURNAL).write_bytes(b"".join(lines[:place]))
    for number in (5, 6):
        shutil.rmtree(trained.folder / f"trials/{number:04d}")
    resumed = resume_search(trained.name, runs, LocalRunner())
    assert suggestions(resumed.folder) == whole
