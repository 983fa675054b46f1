"""Whole searches on the devices that Ray gives to engines; `--device` says which."""

import csv

import pytest
import torch

from ptune.artifacts.predict import Predictor
from ptune.raytune.runner import RayRunner
from ptune.record.events import Metered
from ptune.record.journal import read
from ptune.run.local import LocalRunner
from support.closeness import near
from support.small_search import JOURNAL, small_job, small_search

pytestmark = [pytest.mark.gpu, pytest.mark.slow, pytest.mark.usefixtures("embedded_ray")]
MIB = 2**20


@pytest.fixture(scope="module")
def kind(request):
    """What a job calls the device."""
    name = request.config.getoption("--device")
    if name == "pretended":
        pytest.skip("a pretended GPU is known to one process alone")
    return name


@pytest.fixture
def job(tiny_backbone, tmp_path, kind):
    """A small job, by what it asks of the machine."""

    def make(**resources):
        made = small_job(tmp_path, tiny_backbone("bert"), trials=4)
        return made.model_copy(update={"resources": made.resources.model_copy(update={"device": kind, **resources})})

    return make


def two_gpus():
    """Skip what takes two GPUs where there are fewer."""
    if torch.cuda.device_count() < 2:
        pytest.skip(f"it takes two GPUs, and there are {torch.cuda.device_count()} here")


def searched(runner, job, folder):
    """The history of a search, and what it leaves behind."""
    folder.mkdir(exist_ok=True)
    with small_search(folder, job) as (prepared, conductor), runner.open(prepared, folder) as session:
        session.train(conductor)
        return conductor.history, session.conclude(conductor.history)


def readings(folder):
    """What engines took, by the number of each."""
    return {event.engine: event.usage for event in read(folder / JOURNAL) if isinstance(event, Metered)}


def taken_of_gpus():
    """Bytes of each GPU that are in use."""
    return [total - free for free, total in map(torch.cuda.mem_get_info, range(torch.cuda.device_count()))]


def agree(history, other):
    """Whether two searches trained the same to the same numbers."""
    for number, trial in history.trials.items():
        assert (trial.config, trial.status) == (other.trials[number].config, "complete")
        for ours, theirs in zip(trial.reports, other.trials[number].reports, strict=True):
            assert [ours[name] for name in ("loss", "train_loss")] == near([theirs["loss"], theirs["train_loss"]])


def test_an_engine_that_ray_places_computes_on_the_device_of_the_job_as_one_process_does(job, folder, tmp_path, kind):
    history, _ = searched(RayRunner(), job(), folder)
    alone, _ = searched(LocalRunner(), job(), tmp_path / "alone")
    agree(history, alone)
    assert any(name.startswith("gpu_0") for name in readings(folder)[0]) == (kind == "cuda")


def test_a_prompt_that_was_trained_on_a_device_answers_on_a_cpu(job, folder, tmp_path):
    history, conclusion = searched(RayRunner(), job(), folder)
    with (tmp_path / "dev.tsv").open(encoding="utf-8") as file:
        dev = list(csv.DictReader(file, delimiter="\t"))
    predictor = Predictor.load(conclusion.artifact, device="cpu")
    assert predictor.backbone.device.type == "cpu"
    answers = predictor.predict([row["text"] for row in dev])
    right = sum(answer["label"] == row["label"] for answer, row in zip(answers, dev, strict=True))
    assert right / len(dev) == pytest.approx(history.best.best_report["accuracy"], abs=1.01 / len(dev))


def test_two_engines_compute_on_devices_of_their_own(job, folder, tmp_path, kind):
    if kind == "cuda":
        two_gpus()
    before = taken_of_gpus()
    asked = job(engines=2, slots=1)
    with small_search(folder, asked) as (prepared, conductor), RayRunner().open(prepared, folder) as session:
        session.train(conductor)
        grown = [now - then for now, then in zip(taken_of_gpus(), before, strict=True)]
    assert set(readings(folder)) == {0, 1}
    assert kind == "cpu" or sum(more > 100 * MIB for more in grown) == 2, "a context of CUDA alone takes more"
    alone, _ = searched(LocalRunner(), job(), tmp_path / "alone")
    agree(conductor.history, alone)


def test_a_backbone_on_two_gpus_trains_to_the_numbers_of_one(job, folder, tmp_path):
    two_gpus()
    history, _ = searched(RayRunner(), job(gpus_per_engine=2), folder)
    alone, _ = searched(LocalRunner(), job(), tmp_path / "alone")
    agree(history, alone)
    assert {name[:5] for name in readings(folder)[0] if name.startswith("gpu_")} == {"gpu_0", "gpu_1"}
