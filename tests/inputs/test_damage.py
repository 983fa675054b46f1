"""Whatever happens to the files of a journal or an artifact: they are read, or refused in words, never more.

Hypothesis cuts them, overwrites bytes, and puts values of every type in the place of those that they hold.
"""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptune.artifacts.load import load_artifact
from ptune.errors import PtuneError
from ptune.record.history import History
from ptune.record.journal import read
from support.same_examples import examples

FIXTURES = Path(__file__).parents[1] / "fixtures"
JOURNAL = (FIXTURES / "interrupted/journal.jsonl").read_bytes()
ARTIFACT = FIXTURES / "finished/artifact"
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=4), inner, max_size=2)),
    max_leaves=4,
)


def edited(content: object, draw: st.DataObject, value: object) -> object:
    """Some JSON with a value in the place of one that it holds, or without one of its keys."""
    if not isinstance(content, dict | list) or not content or draw.draw(st.integers(0, 3)) == 0:
        return value
    places = list(content) if isinstance(content, dict) else range(len(content))
    place = draw.draw(st.sampled_from(places))
    if isinstance(content, dict) and draw.draw(st.integers(0, 5)) == 0:
        return {key: item for key, item in content.items() if key != place}
    copy = dict(content) if isinstance(content, dict) else list(content)
    copy[place] = edited(content[place], draw, value)
    return copy


def answered(call, *arguments) -> None:
    """Call; an error must be one that ptune raises on purpose, and say something."""
    said = "read"
    try:
        call(*arguments)
    except PtuneError as error:
        said = str(error)
    assert said.strip()


@pytest.fixture
def journal(tmp_path):
    """Write a journal and read it as a search."""

    def call(content: bytes) -> None:
        path = tmp_path / "journal.jsonl"
        path.write_bytes(content)
        answered(lambda: History.of(read(path)))

    return call


@examples(100)
@given(place=st.integers(0, len(JOURNAL)), patch=st.binary(max_size=6), cut=st.integers(0, 200))
def test_a_journal_with_a_hole_or_a_patch_is_read_or_refused(journal, place, patch, cut):
    journal(JOURNAL[:place] + patch + JOURNAL[place + cut :])


@examples(250)
@given(draw=st.data(), value=VALUES)
def test_a_journal_with_other_values_is_read_or_refused(journal, draw, value):
    lines = JOURNAL.splitlines()
    number = draw.draw(st.integers(0, len(lines) - 1))
    lines[number] = json.dumps(edited(json.loads(lines[number]), draw, value)).encode()
    journal(b"\n".join(lines) + b"\n")


@examples(100)
@given(draw=st.data())
def test_a_journal_whose_lines_are_doubled_lost_or_swapped_is_read_or_refused(journal, draw):
    lines = JOURNAL.splitlines()
    order = draw.draw(st.lists(st.integers(0, len(lines) - 1), min_size=1, max_size=len(lines) + 3))
    journal(b"\n".join(lines[number] for number in order) + b"\n")


@examples(200)
@given(draw=st.data(), value=VALUES)
def test_an_artifact_with_other_values_is_read_or_refused(tmp_path, draw, value):
    folder = tmp_path / "artifact"
    shutil.copytree(ARTIFACT, folder, dirs_exist_ok=True)
    content = json.loads((ARTIFACT / "artifact.json").read_text())
    (folder / "artifact.json").write_text(json.dumps(edited(content, draw, value)))
    answered(load_artifact, folder)


@examples(100)
@given(draw=st.data(), patch=st.binary(max_size=6), cut=st.integers(0, 60))
def test_an_artifact_with_a_hole_or_a_patch_is_read_or_refused(tmp_path, draw, patch, cut):
    folder = tmp_path / "artifact"
    shutil.copytree(ARTIFACT, folder, dirs_exist_ok=True)
    path = folder / draw.draw(st.sampled_from(["artifact.json", "prompt.safetensors"]))
    content = path.read_bytes()
    place = draw.draw(st.integers(0, min(len(content), 4_000)))
    path.write_bytes(content[:place] + patch + content[place + cut :])
    answered(load_artifact, folder)
