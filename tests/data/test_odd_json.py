"""JSON that is no table of rows is refused by file, row and column, and never ends the process."""

import json
import os
import subprocess
import sys

import pytest

from ptune.data.readers import read_file
from ptune.errors import DataError

GOOD = {"text": "a", "label": 1}


def refusal(path, content: bytes | str) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as caught:
        read_file(path)
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_null_is_refused_and_does_not_end_the_process(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_text("null", encoding="utf-8")
    code = "import sys, pathlib; from ptune.data.readers import read_file; read_file(pathlib.Path(sys.argv[1]))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, "a Python error, no signal"
    law = "row 1: a row must be an object with its columns, got null"
    assert done.stderr.strip().endswith(f"BadRowsError: {path}: {law}")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "null"), (5, "a number: 5"), (True, "a boolean: true"), ("é", 'a string: "é"'), ([1], "a list: [1]")],
)
def test_a_row_that_is_no_object_is_named(tmp_path, value, shown):
    law = f"row 2: a row must be an object with its columns, got {shown}"
    rows = [GOOD, value, GOOD]
    assert refusal(tmp_path / "a.json", json.dumps(rows)) == f"{tmp_path}/a.json: {law}"
    assert refusal(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows))) == f"{tmp_path}/a.jsonl: {law}"


def test_the_last_row_of_a_large_file_is_held_to_the_same_law(tmp_path):
    lines = [json.dumps({"text": "word " * 200, "label": number}) for number in range(12_000)]
    assert "row 12001: a row must be an object" in refusal(tmp_path / "a.jsonl", "\n".join([*lines, "5"]))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'{"text": "\xe9"}', "cannot be loaded: not UTF-8"),
        ("[" * 100_000, "cannot be loaded: values are nested too deep"),
        ('{"text": "a"', "cannot be loaded: Expecting ',' delimiter: line 1"),
        ('{"text": "a", "text": "b"}', "cannot be loaded: an object names the column 'text' twice"),
        ('{"n": ' + "9" * 5_000 + "}", "cannot be loaded: "),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(tmp_path, content, problem):
    assert refusal(tmp_path / "a.jsonl", content).startswith(f"{tmp_path}/a.jsonl: {problem}")


def test_a_file_that_never_ends_is_refused(tmp_path):
    os.mkfifo(tmp_path / "a.jsonl")
    with pytest.raises(DataError, match="is not an ordinary file"):
        read_file(tmp_path / "a.jsonl")


def test_objects_may_be_pretty_printed_one_after_another(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps({**GOOD, "nested": {"k": [n]}}, indent=2) for n in range(3)), encoding="utf-8")
    assert [row["nested"] for row in read_file(path)] == [{"k": [0]}, {"k": [1]}, {"k": [2]}]
