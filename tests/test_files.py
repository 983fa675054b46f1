"""Files are whole or absent, whatever stops the writer."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ptune.files import content_hash, replacing, value_hash, write_json, write_text


def test_a_text_is_written_whole_into_folders_made_for_it(tmp_path):
    path = tmp_path / "a" / "b" / "note.txt"
    write_text(path, "흡연 — naïve\n")
    assert path.read_text(encoding="utf-8") == "흡연 — naïve\n"
    assert [file.name for file in path.parent.iterdir()] == ["note.txt"]


def test_json_is_readable_and_keeps_its_order(tmp_path):
    write_json(tmp_path / "value.json", {"b": 1, "a": "é"})
    assert (tmp_path / "value.json").read_text(encoding="utf-8") == '{\n  "b": 1,\n  "a": "é"\n}\n'


def test_a_failing_writer_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "state"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "new, but ha\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_writes_nothing_leaves_the_old_file(tmp_path):
    path = tmp_path / "state"
    write_text(path, "old")
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert path.read_text() == "old"


def test_a_reader_never_sees_a_part(tmp_path):
    path = tmp_path / "state"
    write_text(path, "0" * 100_000)
    code = (
        "import sys, pathlib; from ptune.files import write_text\n"
        "for n in range(10**9): write_text(pathlib.Path(sys.argv[1]), str(n % 10) * 100_000)"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(path)])
    try:
        seen = {path.read_text() for _ in range(300)}
    finally:
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
    assert all(len(text) == 100_000 and len(set(text)) == 1 for text in seen | {path.read_text()})


def test_threads_that_write_the_same_file_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "state"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: write_text(path, str(n) * 10_000), range(10), chunksize=1))
    assert len(set(path.read_text())) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_content_is_known_by_its_sha256(tmp_path):
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert content_hash(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_value_is_known_whatever_its_key_order():
    assert value_hash({"a": 1, "b": [1, 2]}) == value_hash({"b": [1, 2], "a": 1})
    assert value_hash({"a": 1}) != value_hash({"a": "1"})
    assert value_hash([1, 2]) != value_hash([2, 1])


def test_hashes_are_the_same_in_every_process():
    code = "from ptune.files import value_hash; print(value_hash({'é': [1, 2.5, None]}))"
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert result.stdout.strip() == value_hash({"é": [1, 2.5, None]})


def test_paths_without_a_folder_are_written_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_text(Path("note.txt"), "here")
    assert (tmp_path / "note.txt").read_text() == "here"
