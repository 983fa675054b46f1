"""`ptune predict`: texts in, JSON lines out."""

import io
import json

import pytest

from ptune.artifacts import native
from ptune.artifacts.artifact import Artifact
from ptune.backbone.load import load_backbone
from ptune.cli.predict import chunks, given_rows, read_rows
from ptune.errors import DataError
from ptune.spec.task import Classification
from support.closeness import near
from support.made_artifacts import PAIR, make_artifact


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("packaged:minilm")


@pytest.fixture
def artifact(backbone, tmp_path):
    native.write(tmp_path / "artifact", make_artifact(backbone, method="v2", length=4))
    return tmp_path / "artifact"


def answers(result):
    assert result.code == 0, result.err
    return [json.loads(line) for line in result.out.splitlines()]


def test_a_text_is_labelled(ptune, artifact):
    (answer,) = answers(ptune("predict", artifact, "--text", "what a lovely film"))
    assert answer["label"] in ("no", "yes")
    assert sum(answer["probabilities"].values()) == pytest.approx(1.0)
    assert answer["label"] == max(answer["probabilities"], key=answer["probabilities"].get)


def test_lines_are_labelled_in_order(ptune, artifact, tmp_path, monkeypatch):
    texts = ["what a lovely film", "a dull film", "rain"]
    alone = [answers(ptune("predict", artifact, "--text", text))[0] for text in texts]
    (tmp_path / "texts.txt").write_text("\n\n".join(texts) + "\n")
    together = answers(ptune("predict", artifact, "--file", tmp_path / "texts.txt"))
    assert [answer["label"] for answer in together] == [answer["label"] for answer in alone]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(texts)))
    assert answers(ptune("predict", artifact)) == together


def test_every_text_option_is_an_input_of_its_own(ptune, artifact):
    together = answers(ptune("predict", artifact, "--text", "what a lovely film", "--text", "rain"))
    alone = [answers(ptune("predict", artifact, "--text", text))[0] for text in ("what a lovely film", "rain")]
    assert [answer["label"] for answer in together] == [answer["label"] for answer in alone]
    assert together[1]["probabilities"] == pytest.approx(alone[1]["probabilities"], abs=1e-4)


def test_several_options_are_not_taken_for_the_texts_of_one_input():
    with pytest.raises(DataError, match=r"one input is 2 texts \(a, b\), got --text 2 times; .* lines of --file"):
        given_rows(["x", "y"], None, ["a", "b"])
    with pytest.raises(DataError, match="got --text 2 times and --text2"):
        given_rows(["x", "y"], "z", ["a"])


def test_an_artifact_of_several_data_sets_is_told_which(ptune, backbone, tmp_path):
    native.write(tmp_path / "joint", several(make_artifact(backbone, method="v2", length=4)))
    texts = ["predict", tmp_path / "joint", "--text", "rain"]
    unnamed = ptune(*texts)
    assert (unnamed.code, "data sets, first, second: name the one" in unnamed.err) == (2, True), unnamed.err
    assert "did you mean 'second'?" in ptune(*texts, "--data-set", "secnd").err
    first, second = (answers(ptune(*texts, "--data-set", name))[0] for name in ("first", "second"))
    assert first["probabilities"]["no"] == near(second["probabilities"]["yes"])


def several(artifact):
    """The artifact with a second data set, whose head answers the other way round."""
    data = artifact.manifest.task.data.model_copy(update={"name": "first"})
    task = Classification(data=data, more=[data.model_copy(update={"name": "second"})])
    sets = [artifact.manifest.sets[0].model_copy(update={"name": name}) for name in task.set_names]
    heads = {name: tensor for name, tensor in artifact.tensors.items() if name.startswith("head.0.")}
    flipped = {name.replace("head.0", "head.1"): tensor.flip(0) for name, tensor in heads.items() if ".out." in name}
    second = {name.replace("head.0", "head.1"): tensor for name, tensor in heads.items()} | flipped
    manifest = artifact.manifest.model_copy(update={"task": task, "sets": sets})
    return Artifact(manifest, {**artifact.tensors, **second})


def test_pairs_take_two_texts(ptune, backbone, tmp_path):
    native.write(tmp_path / "pairs", make_artifact(backbone, fields=PAIR, method="v1", length=3, encoder="embedding"))
    (tmp_path / "pairs.tsv").write_text("It rained.\tThe ground is wet.\n")
    (one,) = answers(ptune("predict", tmp_path / "pairs", "--text", "It rained.", "--text2", "The ground is wet."))
    assert answers(ptune("predict", tmp_path / "pairs", "--file", tmp_path / "pairs.tsv")) == [one]
    result = ptune("predict", tmp_path / "pairs", "--text", "It rained.")
    assert (result.code, result.err) == (2, "ptune: --text: 2 texts are needed (premise, hypothesis), got 1\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--text", "a", "--text2", "b"], "1 text is needed (text), got 2"),
        (["--text", "  "], "--text: text is empty"),
        (["--text2", "b"], "--text2 needs --text"),
        (["--text", "a", "--backbone", "nowhere/at/all"], "nowhere/at/all"),
    ],
)
def test_wrong_input_is_refused(ptune, artifact, arguments, message):
    result = ptune("predict", artifact, *arguments)
    assert (result.code, result.out) == (2, "")
    assert message in result.err


def test_what_is_no_artifact_is_refused(ptune, tmp_path):
    assert ptune("predict", tmp_path / "nothing", "--text", "a").code == 2


def test_a_bad_line_is_named():
    with pytest.raises(DataError, match="line 2: 2 text"):
        list(read_rows(["a\tb\n", "a\n"], ["x", "y"]))


def test_tabs_belong_to_a_single_text():
    assert list(read_rows(["a\tb\r\n", " \n"], ["x"])) == [("a\tb",)]


def test_rows_are_answered_in_chunks_of_at_most_64():
    assert [len(chunk) for chunk in chunks(("x",) for _ in range(130))] == [64, 64, 2]
