"""`ptune predict`: texts in, JSON lines out."""

import io
import json

import pytest

from made_artifacts import PAIR, make_artifact
from ptune.artifacts import native
from ptune.backbone.load import load_backbone
from ptune.cli.predict import chunks, read_rows
from ptune.errors import DataError


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


def test_pairs_take_two_texts(ptune, backbone, tmp_path):
    native.write(tmp_path / "pairs", make_artifact(backbone, fields=PAIR, method="v1", length=3, encoder="embedding"))
    (tmp_path / "pairs.tsv").write_text("It rained.\tThe ground is wet.\n")
    (one,) = answers(ptune("predict", tmp_path / "pairs", "--text", "It rained.", "--text2", "The ground is wet."))
    assert answers(ptune("predict", tmp_path / "pairs", "--file", tmp_path / "pairs.tsv")) == [one]
    result = ptune("predict", tmp_path / "pairs", "--text", "It rained.")
    assert (result.code, result.err) == (2, "ptune: --text: 2 text(s) are needed (premise, hypothesis), got 1\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--text", "a", "--text2", "b"], "1 text(s) are needed (text), got 2"),
        (["--text", "  "], "a text is empty"),
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
