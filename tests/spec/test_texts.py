"""Strings that nothing takes are refused by their key, before they become the name of a file."""

from pathlib import Path

import pytest

from ptune.errors import SpecError
from ptune.spec.extends import read_chain
from ptune.spec.load import load_job, read_tables
from ptune.spec.texts import unusable
from support.refusals import refused
from support.tiny_job import write_job


def test_strings_are_found_wherever_they_stand() -> None:
    tables = {"name": "a\0", "task": {"data": {"text": ["fine", "half \ud83d"]}}, "seed": 3, "labels": ["é", "好"]}
    assert [*unusable(tables)] == [
        "name: a string cannot hold a null character, got 'a\\x00'",
        "task.data.text.1: a string must be valid Unicode, got 'half \\ud83d'",
    ]


def test_a_file_is_refused_with_every_such_string(tmp_path: Path) -> None:
    job = tmp_path / "job.toml"
    job.write_text('name = "a\\u0000"\nspace = "b\\u0000.toml"\n')
    assert refused(SpecError, read_chain, job).splitlines() == [
        f"{job}: name: a string cannot hold a null character, got 'a\\x00'",
        f"{job}: space: a string cannot hold a null character, got 'b\\x00.toml'",
    ]


@pytest.mark.parametrize(
    ("override", "law"),
    [
        ('task.data.train="a\\u0000b.tsv"', "task.data.train: a string cannot hold a null character"),
        ("name=a\udcffb", "name: a string must be valid Unicode"),
    ],
)
def test_so_is_an_override(tmp_path: Path, override: str, law: str) -> None:
    assert law in refused(SpecError, load_job, write_job(tmp_path), [override])


def test_so_are_tables_in_memory() -> None:
    assert "name: a string cannot hold a null character" in refused(SpecError, read_tables, {"name": "\0"})
