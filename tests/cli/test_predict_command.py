"""`ptune predict`: texts in, JSON lines out."""

import csv
import io
import json
import os
import subprocess
import sys

import pytest

from ptune.api.prompt import load
from ptune.artifacts.artifact import Artifact
from ptune.backbone.load import load_backbone
from ptune.cli.answers import cells
from ptune.cli.predict import chunks, given_rows, read_rows
from ptune.errors import DataError
from ptune.spec.task import Classification
from support.closeness import near
from support.every_kind import SAMPLES, sample_artifact
from support.made_artifacts import PAIR, make_artifact, write_native


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("packaged:minilm")


@pytest.fixture
def artifact(backbone, tmp_path):
    write_native(tmp_path / "artifact", make_artifact(backbone, method="v2", length=4))
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


def test_options_are_the_texts_of_one_input_or_inputs_of_one_text():
    assert given_rows(["x", "y"], None, ["a"]) == [("x",), ("y",)]
    assert given_rows(["x", "y"], None, ["a", "b"]) == given_rows(["x"], "y", ["a", "b"]) == [("x", "y")]
    assert given_rows(["x", "y", "z"], None, ["a", "b", "c"]) == [("x", "y", "z")]
    with pytest.raises(DataError, match=r"one input is 2 texts \(a, b\), got 3; give several inputs with --file"):
        given_rows(["x", "y"], "z", ["a", "b"])
    with pytest.raises(DataError, match=r"1 text is needed \(a\), got 3"):
        given_rows(["x", "y"], "z", ["a"])


def test_an_artifact_of_several_data_sets_is_told_which(ptune, backbone, tmp_path):
    write_native(tmp_path / "joint", several(make_artifact(backbone, method="v2", length=4)))
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
    write_native(tmp_path / "pairs", make_artifact(backbone, fields=PAIR, method="v1", length=3, encoder="embedding"))
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


def test_the_first_chunks_are_small_so_that_answers_come_soon():
    assert [len(chunk) for chunk in chunks(("x",) for _ in range(130))] == [32, 64, 34]
    assert max(len(chunk) for chunk in chunks(("x",) for _ in range(5_000))) == 1024
    assert [len(chunk) for chunk in chunks((("x",) for _ in range(3)), largest=1)] == [1, 1, 1]


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_table_is_answered_by_every_kind_of_task_as_lines_and_as_a_table(
    ptune, kind, tiny_backbone, tiny_language_model, tmp_path
):
    sample = SAMPLES[kind]
    folder = (tiny_language_model if sample.words else tiny_backbone)(sample.family)
    write_native(tmp_path / kind, sample_artifact(kind, load_backbone(str(folder), lm=sample.words)))
    prompt = load(tmp_path / kind)
    expected = prompt.predict(sample.rows)
    columns = [f"column {number}" for number in range(len(prompt.inputs))]
    (tmp_path / "rows.jsonl").write_text(
        "".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in sample.rows)
    )
    given = ["predict", tmp_path / kind, "--file", tmp_path / "rows.jsonl", "--columns", ",".join(columns)]
    assert answers(ptune(*given)) == expected
    assert [list(answer) for answer in expected] == [sample.keys] * len(expected)

    assert ptune(*given, "--to", tmp_path / "answers.csv").out == ""
    with (tmp_path / "answers.csv").open(newline="") as stream:
        table = list(csv.DictReader(stream))
    assert table == [{name: str(value) for name, value in cells(answer, prompt.labels).items()} for answer in expected]
    assert ptune(*given, "--format", "csv").out == (tmp_path / "answers.csv").read_text()
    options = [word for text in sample.rows[0] for word in ("--text", text)]
    assert [answer.keys() for answer in answers(ptune("predict", tmp_path / kind, *options))] == [set(sample.keys)]


def test_a_row_of_a_table_has_a_cell_for_each_labels_value():
    assert cells({"label": "b", "probabilities": {"b": 0.75, "a": 0.25}}, ["a", "b"]) == {
        "label": "b",
        "probabilities.a": 0.25,
        "probabilities.b": 0.75,
    }
    assert cells({"object": "x", "probabilities": {"x": 1.0}}, ["x", "y"]) == {
        "object": "x",
        "probabilities": '{"x": 1.0}',
    }
    tagged = {"words": ["a", "b"], "tags": ["O", "B-é"], "entities": [{"type": "é"}]}
    assert cells(tagged, ["O", "B-é"]) == {"words": "a b", "tags": "O B-é", "entities": '[{"type": "é"}]'}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--columns", "text"], "--columns needs --file with a table"),
        (["--file", "-", "--columns", "text"], "--columns needs --file with a table"),
        (["--text", "a", "--to", "answers.xlsx"], "the suffix must be one of .jsonl, .csv, or --format"),
        (["--file", "gone.txt"], "gone.txt: there is no such file"),
        (["--file", "gone.csv"], "gone.csv: there is no such file"),
    ],
)
def test_wrong_options_are_refused(ptune, artifact, options, message):
    result = ptune("predict", artifact, *options)
    assert (result.code, result.out) == (2, "")
    assert message in result.err


def test_nothing_is_written_where_an_input_is_wrong(ptune, artifact, tmp_path):
    (tmp_path / "texts.txt").write_bytes(b"good\n\xff\xfe\n")
    result = ptune("predict", artifact, "--file", tmp_path / "texts.txt", "--to", tmp_path / "answers.csv")
    assert result.code == 2
    assert "not UTF-8: line 2 holds the byte 0xff" in result.err
    assert not (tmp_path / "answers.csv").exists()


def test_rows_of_json_are_no_texts_and_a_prompt_in_mlflow_is_exported_first(ptune, artifact, tmp_path):
    (tmp_path / "rows").write_text('{"text": "a lovely film"}\n')
    result = ptune("predict", artifact, "--file", tmp_path / "rows")
    assert result.code == 2
    assert "line 1 is a JSON object" in result.err
    assert "--file DATA.jsonl" in " ".join(result.err.split())
    result = ptune("predict", "models:/triage@best", "--text", "x")
    assert result.code == 2
    assert "ptune export models:/triage@best --to DIR" in " ".join(result.err.split())


def test_whoever_types_is_told_how_and_answered_line_by_line(artifact):
    """On a terminal of its own: the hint comes before anything is loaded, and an answer before the next line."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "ptune", "predict", str(artifact)]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        os.close(theirs)
        assert "one input on each line; Ctrl-D ends" in process.stderr.readline()
        for text in ("a lovely film", "rain"):
            os.write(ours, f"{text}\n".encode())
            assert json.loads(process.stdout.readline())["label"] in ("no", "yes")
        os.write(ours, b"\x04")
        assert process.wait() == 0
    os.close(ours)


def test_a_command_of_its_own_answers_without_what_only_training_needs(artifact, tiny_backbone, tiny):
    """The same answer on the same weights, though the compiler, SymPy and other libraries were never imported."""
    families = ["deberta-v2", "llama", "modernbert", "t5"]
    unused = {"accelerate", "datasets", "mlflow", "optuna", "pandas", "ray", "scipy", "sklearn", "torchmetrics"}
    unused |= {"torch._dynamo.config", "torch._inductor", "torch._refs", "torch.distributed.tensor", "torchao", "sympy"}
    code = f"""
import sys
from ptune.cli.main import run
assert run(["predict", {str(artifact)!r}, "--text", "rain"], owns_process=True) == 0
from ptune.backbone.load import load_backbone
for folder in {[str(tiny_backbone(family)) for family in families]!r}:
    print(float(sum(weights.double().abs().sum() for weights in load_backbone(folder).model.parameters())))
print(*sorted({unused} & sys.modules.keys()))
import torch
print(torch._dynamo.config.__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer, *weights, imported, compiler = done.stdout.splitlines()
    alike = [sum(tensor.double().abs().sum() for tensor in tiny(family).model.parameters()) for family in families]
    assert [float(total) for total in weights] == near([float(total) for total in alike])
    assert json.loads(answer)["probabilities"] == near(load(artifact).predict("rain")["probabilities"])
    assert imported == ""
    assert compiler == "torch._dynamo.config", "the compiler is there for whoever asks for it"
