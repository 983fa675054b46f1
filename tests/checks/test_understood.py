"""What a job makes of its data: rows, answers, tokens and an input, as training has them."""

import json
import os
import subprocess
import sys

import pytest
from rich.cells import cell_len

from ptune.backbone.plain_tokenizer import PlainTokenizer
from ptune.backbone.tokenizer import load_tokenizer
from ptune.checks.file import check_file
from ptune.checks.understood import Lengths, understood
from ptune.errors import BackboneError
from ptune.report.understood import lines
from support.input_cases import toml

TEXTS = ["a good film", "a long film " * 20, "dull"]


def told(folder, more: str, changes=None, width: int = 80):
    """A job's data sets as it understands them, and the lines that say so."""
    (folder / "j.toml").write_text(toml({"task.data.source": None, **(changes or {})}, more), encoding="utf-8")
    checked = check_file(folder / "j.toml", read_data=True)
    assert checked.problems == []
    data = understood(checked.job, checked.splits, checked.profile)
    return data, list(lines(data, width))


def test_rows_answers_lengths_and_an_input_are_those_of_training(tmp_path):
    rows = "".join(f"{text},{label}\n" for text, label in zip(TEXTS, "ynn", strict=True))
    (tmp_path / "a.csv").write_text("text,label\n" + rows, encoding="utf-8")
    (data,), _ = told(tmp_path, '[task.data]\ntrain = "a.csv"\ndev = "a.csv[:2]"\nmax_length = 16\n')
    train, dev = data.splits
    assert (train.rows, train.answers, dev.rows) == (3, [("n", 2), ("y", 1)], 2)
    assert train.lengths == Lengths(shortest=3, median=5, longest=62, over=1, of=3)
    assert (data.example, data.answer) == ("[CLS] a good film [SEP]", "y")


def test_a_template_is_filled_in_with_the_prompt_in_its_place(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "Fine!", "label": 1}\n{"text": "Bad.", "label": 0}\n', encoding="utf-8")
    data = '[task.data]\ntrain = "a.jsonl"\ndev = "a.jsonl"\n'
    values = {"method": '"v1"', "length": "3", "template": '"around"'}
    v1 = {f"space.parameters.{name}.value": value for name, value in values.items()}
    v1["space.baseline"] = '[{length = 3, template = "around"}]'
    (around,), _ = told(tmp_path, data, v1)
    assert around.example == "[CLS] [P] x 2 fine! [P] [SEP]"
    (words,), _ = told(tmp_path, f'{data}template = "Review: {{text}} So?"\n')
    assert words.example == "[CLS] review : fine! so? [SEP]"


def test_a_candidate_that_the_model_writes_stands_there_as_masks(tmp_path, tiny_language_model):
    (tmp_path / "a.jsonl").write_text('{"text": "red", "noun": "old cold", "label": true}\n', encoding="utf-8")
    data = (
        '[task.data]\ntrain = "a.jsonl"\ndev = "a.jsonl"\nspan = "noun"\ntemplate = "{text} {noun}"\nmax_length = 32\n'
    )
    infill = {"backbone.id": f'"{tiny_language_model("bert")}"', "task.kind": '"infill"'}
    (understood_set,), _ = told(tmp_path, data, infill)
    assert understood_set.example == "[CLS] red [MASK] [MASK] [SEP]"


@pytest.mark.parametrize("width", [80, 120])
def test_lines_fit_a_terminal_and_hold_no_control_signs(tmp_path, width):
    labels = [f"a label with number {number}" for number in range(30)]
    rows = [{"text": f"\x1b[31m한국어 text {number}\n" * 30, "label": labels[number]} for number in range(30)]
    (tmp_path / "a.json").write_text(json.dumps(rows), encoding="utf-8")
    _, printed = told(tmp_path, '[task.data]\ntrain = "a.json"\ndev = "a.json"\n', width=width)
    assert width - 20 < max(map(cell_len, printed)) <= width
    assert "\x1b" not in "".join(printed)
    assert any("30 labels, from" in line for line in printed)


def test_a_look_at_data_takes_no_torch(tmp_path):
    (tmp_path / "j.toml").write_text(toml(), encoding="utf-8")
    code = (
        "import sys; from ptune.cli.main import run; assert run(['validate', 'j.toml', '--data']) == 0;"
        "print({'torch', 'transformers', 'datasets', 'pandas'} & set(sys.modules))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "set()"
    assert "420 rows; done 105, other 105, reader 105, writer 105" in done.stdout


def test_the_plain_tokenizer_makes_the_tokens_of_transformers(minilm):
    plain, whole = PlainTokenizer(minilm), load_tokenizer(minilm, "minilm")
    texts = ["I offered to weld the gate.", "Straße 한국어 ¿qué?"]
    assert plain(texts, add_special_tokens=False)["input_ids"] == whole(texts, add_special_tokens=False)["input_ids"]
    for pair in (texts[:1], texts):
        ours, theirs = plain(*pair), whole(*pair, return_special_tokens_mask=True)
        assert ours == {key: theirs[key] for key in ours}
    names = ("cls_token_id", "mask_token_id", "unk_token_id", "truncation_side")
    assert [getattr(plain, name) for name in names] == [getattr(whole, name) for name in names]


@pytest.mark.parametrize("content", ["[" * 100_000, "[]", "\udcff"])
def test_the_plain_tokenizer_refuses_settings_that_are_no_object(minilm, tmp_path, content):
    (tmp_path / "tokenizer.json").write_bytes((minilm / "tokenizer.json").read_bytes())
    (tmp_path / "tokenizer_config.json").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(BackboneError, match=r"holds no readable tokenizer_config\.json"):
        PlainTokenizer(tmp_path)
