"""Several data sets under one prompt, and a search that starts from what another exported (P-Tuning v2's MPT-2)."""

import shutil
from types import SimpleNamespace

import pytest
import torch

from ptune.artifacts import native
from ptune.artifacts.predict import Predictor
from ptune.errors import ArtifactError, SpecError
from ptune.record.journal import JOURNAL, read
from ptune.run.load import load_job_backbone
from ptune.run.local import LocalRunner
from ptune.run.prepare import prepare
from ptune.run.search import start_search
from ptune.run.trials import TrialFactory, starting_tensors
from ptune.spec.job import Job
from ptune.tracking.location import DATABASE
from support.small_jobs import small_job, write_split
from support.worlds import sentences

FIXED = {
    "parameters": {
        "method": {"value": "v2"},
        "length": {"value": 4},
        "lr": {"low": 1e-3, "high": 1e-1, "log": True},
        "batch_size": {"value": 8},
    }
}


def second_set(folder):
    """Data of another size whose labels have other names."""
    made = {"train": sentences(24, 11), "dev": sentences(16, 12), "test": sentences(16, 13)}
    files = {role: write_split(folder / f"second-{role}.tsv", split) for role, split in made.items()}
    return {"name": "second", **files, "labels": ["no", "yes"], "max_length": 32}


@pytest.fixture(scope="module")
def job(tiny_backbone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    single = small_job(folder, tiny_backbone("bert"), trials=2, epochs=2)
    content = single.model_dump()
    content["task"]["data"]["name"] = "first"
    content["task"]["more"] = [second_set(folder)]
    return Job.model_validate({**content, "space": FIXED, "name": "joint"})


@pytest.fixture(scope="module")
def joint(job, tmp_path_factory, blank_database):
    """The outcome of its search, which tests read."""
    runs = tmp_path_factory.mktemp("runs")
    shutil.copy(blank_database, runs / DATABASE)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return start_search(job, "", runs, LocalRunner())


@pytest.fixture(scope="module")
def exported(joint):
    return joint.folder / "artifact"


def test_a_shared_prompt_has_a_head_for_each_set_and_batches_of_one_set(job, tmp_path):
    prepared = prepare(job)
    factory = TrialFactory(job, prepared.splits, load_job_backbone(job), tmp_path)
    plan, learner = factory.make(0, {"method": "v2", "length": 4, "batch_size": 8})

    assert (len(learner.prompts), len(learner.heads)) == (1, 2)
    assert plan.steps_per_epoch == 40 // 8 + 24 // 8
    from ptune.data.batches import epoch_batches

    batches = epoch_batches(plan.train.lengths, 8, plan.seed, 0, 0, plan.train.dataset_indices)
    assert sorted(index for batch in batches for index in batch) == list(range(64))
    assert all(len({int(plan.train.dataset_indices[index]) for index in batch}) == 1 for batch in batches)
    order = [int(plan.train.dataset_indices[batch[0]]) for batch in batches]
    assert order != sorted(order), "the sets take turns"


def test_metrics_are_means_and_each_sets_own(joint):
    report = joint.best.reports[-1]
    assert report["accuracy"] == pytest.approx((report["accuracy.first"] + report["accuracy.second"]) / 2)
    assert {"accuracy.first", "accuracy.second"} <= joint.conclusion.test.keys()
    header = next(iter(read(joint.folder / JOURNAL)))
    assert {"train.first", "dev.second", "test.second"} <= header.data.keys()


def test_an_artifact_of_several_sets_answers_for_each(exported):
    predictor = Predictor.load(exported)
    first, second = (predictor.predict([("red green",)], data_set=name) for name in ("first", "second"))
    assert first[0]["probabilities"].keys() == second[0]["probabilities"].keys() == {"no", "yes"}
    assert first[0]["probabilities"] != second[0]["probabilities"]
    with pytest.raises(ArtifactError, match=r"several data sets, first, second: name the one"):
        predictor.predict([("red green",)])


def test_every_trial_starts_from_the_artifacts_prompt(job, exported, runs, tmp_path):
    content = job.model_dump()
    content["task"]["more"] = []
    later = Job.model_validate({**content, "name": "later", "start": str(exported)})
    prepared = prepare(later)
    factory = TrialFactory(later, prepared.splits, load_job_backbone(later), tmp_path, prepared.start)
    _, learner = factory.make(3, {"method": "v2", "length": 4})

    tensors = native.read(exported).tensors
    torch.testing.assert_close(learner.prompt().encoder(), tensors["prompt.0"], rtol=0, atol=0)
    torch.testing.assert_close(learner.head().out.weight.detach(), tensors["head.0.out.weight"], rtol=0, atol=0)
    only_second = starting_tensors(native.read(exported), {"second": ["no", "yes"]})
    assert torch.equal(only_second["head.0.out.weight"], tensors["head.1.out.weight"])
    assert starting_tensors(native.read(exported), {"third": ["no", "yes"]}).keys() == {"prompt.0"}
    assert starting_tensors(native.read(exported), {"second": ["off", "on"]}).keys() == {"prompt.0"}
    assert start_search(later, "", runs, LocalRunner()).status == "complete"


def test_a_prompt_for_each_relation_goes_to_the_relation_of_its_name():
    sets = [SimpleNamespace(name=name, labels=["a"]) for name in ("P17", "P36")]
    tensors = {"prompt.0": torch.zeros(1), "prompt.1": torch.ones(1)}
    artifact = SimpleNamespace(manifest=SimpleNamespace(sets=sets), tensors=tensors)
    assert starting_tensors(artifact, {"P36": ["a"]})["prompt.0"] == 1.0
    turned = starting_tensors(artifact, {"P36": ["a"], "P17": ["a"]})
    assert (turned["prompt.0"], turned["prompt.1"]) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("changes", "law"),
    [
        ({"length": {"low": 2, "high": 6}}, r"every trial must have length = 4, as the artifact has, got \['2', '6'\]"),
        ({"encoder": {"value": "mlp"}}, "every trial must have encoder = 'embedding'"),
        ({"method": {"choices": ["v1", "v2"]}}, "every trial must have method = 'v2'"),
    ],
)
def test_a_space_of_other_shapes_is_refused_before_anything_starts(job, exported, changes, law):
    space = {"parameters": {**FIXED["parameters"], **changes}}
    with pytest.raises(SpecError, match=law):
        prepare(Job.model_validate({**job.model_dump(), "space": space, "start": str(exported)}))


def test_a_prompt_of_another_backbone_is_refused(job, exported, tiny_backbone):
    other = {"backbone": {"id": str(tiny_backbone("roberta"))}, "start": str(exported)}
    with pytest.raises(SpecError, match="the artifact's prompt belongs to"):
        prepare(Job.model_validate({**job.model_dump(), **other}))


def test_sets_of_one_name_are_refused(job):
    content = job.model_dump()
    content["task"]["more"][0]["name"] = "first"
    with pytest.raises(ValueError, match="data sets must have names that differ"):
        Job.model_validate(content)
