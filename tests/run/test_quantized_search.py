"""A search on a quantized backbone: what it records, exports and confirms, and what it refuses."""

import shutil
import sys
from pathlib import Path

import pytest

from ptune.artifacts.export import write_export
from ptune.artifacts.formats.format import Export
from ptune.artifacts.formats.registry import BY_NAME
from ptune.artifacts.load import load_artifact
from ptune.artifacts.predict import Predictor
from ptune.backbone.load import load_backbone
from ptune.backbone.quantize import QuantizedLinear
from ptune.errors import ArtifactError, BackboneError, SpecError
from ptune.report.findings import findings
from ptune.report.page import page
from ptune.run.confirm import confirmation
from ptune.run.local import LocalRunner
from ptune.run.prepare import prepare
from ptune.run.search import resume_search, start_search
from ptune.serving.catalogue import Catalogue
from ptune.spec.configuration import complete
from ptune.spec.job import Job
from ptune.tracking.location import DATABASE
from ptune.tracking.parameters import search_params
from support.closeness import near
from support.interrupting import Interrupting
from support.made_artifacts import make_artifact, write_native
from support.small_jobs import changed, small_job

BUDGET = {"trials": 3, "epochs": 2, "sampler": "random", "stopping": {"type": "none"}}


@pytest.fixture(scope="module")
def job(tiny_backbone, tmp_path_factory):
    plain = small_job(tmp_path_factory.mktemp("data"), tiny_backbone("bert"), **BUDGET)
    return changed(plain, backbone={"quantization": "int8"})


@pytest.fixture(scope="module")
def searched(job, tmp_path_factory, blank_database):
    """The job, searched once."""
    runs = tmp_path_factory.mktemp("runs")
    shutil.copy(blank_database, runs / DATABASE)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return start_search(job, "", runs, LocalRunner())


def test_the_artifact_answers_on_the_quantized_backbone(searched, job):
    predictor = Predictor.load(searched.folder / "artifact")
    assert any(isinstance(module, QuantizedLinear) for module in predictor.backbone.model.modules())
    rows = [line.split("\t") for line in Path(job.task.data.dev).read_text(encoding="utf-8").splitlines()[1:]]
    answers = predictor.predict([(text,) for text, _ in rows])
    right = sum(answer["label"] == label for answer, (_, label) in zip(answers, rows, strict=True))
    assert right / len(rows) == searched.best.best_report["accuracy"]


def test_everything_that_tells_of_the_search_says_so(searched):
    header = searched.history.header
    assert search_params(header)["backbone.quantization"] == "int8"
    assert load_artifact(searched.folder / "artifact").manifest.backbone.quantization == "int8"
    assert "float32, matrices in int8" in (searched.folder / "artifact" / "README.md").read_text()
    assert "float32, matrices in int8" in page(findings(searched.history, {}, [], "complete"), searched.history)


def test_a_search_that_is_taken_up_goes_on_quantized(searched, job, runs):
    assert start_search(job, "", runs, Interrupting(3)).status == "interrupted"
    resumed = resume_search("small", runs, LocalRunner())
    for number, trial in searched.history.trials.items():
        losses = [report["loss"] for report in resumed.history.trials[number].reports]
        assert losses == near([report["loss"] for report in trial.reports])


def test_a_confirmation_keeps_the_quantization(searched):
    assert confirmation(searched.history, top=1, seeds=2)[0].backbone.quantization == "int8"


PLAIN = {"method": "v2", "length": 4}
WORDS = {"method": "v1", "length": 4, "template": "around"}


@pytest.mark.parametrize(
    ("name", "family", "config"),
    [("peft", "bert", PLAIN), ("cartridge", "llama", PLAIN), ("hf", "bert", WORDS)],
)
def test_other_tools_are_held_to_the_quantized_backbone(name, family, config, tiny_backbone, tmp_path, monkeypatch):
    backbone = load_backbone(str(tiny_backbone(family)), quantization="int8")
    export = Export(make_artifact(backbone, **config), tmp_path / "export")
    assert "equal scores" in write_export(BY_NAME[name], export).checked
    assert "with its matrices in int8" in (export.target / "README.md").read_text()
    monkeypatch.setattr(Export, "as_trained", lambda _, model: model)
    with pytest.raises(ArtifactError, match="gives other scores than ptune"):
        BY_NAME[name].check(export, export.target)


def test_a_model_of_mlflow_requires_what_quantizes_its_backbone(tiny_backbone, tmp_path):
    backbone = load_backbone(str(tiny_backbone("bert")), quantization="int8")
    export = Export(make_artifact(backbone, **PLAIN), tmp_path / "export")
    assert "equal scores" in write_export(BY_NAME["mlflow"], export).checked
    assert "torchao==" in (export.target / "requirements.txt").read_text()
    assert "whole weights" not in (export.target / "README.md").read_text()


def test_one_server_holds_whole_or_quantized_weights(tiny, tiny_backbone, tmp_path):
    quantized = load_backbone(str(tiny_backbone("bert")), quantization="int8")
    for name, backbone in {"one": quantized, "two": quantized, "whole": tiny("bert")}.items():
        write_native(tmp_path / name, make_artifact(backbone, method="v2", length=3))
    folders = {name: tmp_path / name for name in ("one", "two")}
    (backbone,) = {predictor.backbone.quantization for predictor in Catalogue.load(folders).predictors.values()}
    assert backbone == "int8"
    with pytest.raises(ArtifactError, match=r"matrices in int8, whole in float32; start a server for each"):
        Catalogue.load({**folders, "whole": tmp_path / "whole"})


def test_an_artifact_does_not_answer_on_other_weights(tiny, tiny_backbone):
    quantized = load_backbone(str(tiny_backbone("bert")), quantization="int8")
    with pytest.raises(ArtifactError, match="its quantization is None, not 'int8'"):
        Predictor(make_artifact(quantized, method="v2", length=3), tiny("bert"))


def test_trials_that_tune_the_backbone_need_whole_weights(job):
    tables = job.model_dump()
    tables["space"] = {"parameters": {"method": {"value": "head"}, "backbone_lr": {"low": 1e-5, "high": 1e-3}}}
    law = "quantization = 'int8' is for weights that stay as they are, and trials with a backbone_lr train them"
    with pytest.raises(ValueError, match=law):
        Job.model_validate(tables)
    with pytest.raises(SpecError, match=law):
        complete({"method": "head", "backbone_lr": 1e-4}, job, layers=3)
    tables["backbone"]["quantization"] = None
    Job.model_validate(tables)


def test_nothing_starts_without_the_library(job, runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchao", None)
    with pytest.raises(BackboneError, match=r"\[backbone\]\.quantization: .* pip install 'ptune\[quantization\]'"):
        prepare(job, runs)
