"""Converted weights: the numbers of ordinary loading, written once, mapped by everyone, never needed."""

import os
import shutil
from pathlib import Path

import pytest
import torch

from ptune.backbone import checkpoint
from ptune.backbone.load import load_backbone
from ptune.node_files import default_folder
from support.families import make_backbone

ROOM = 10**8


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PTUNE_CACHE", str(tmp_path / "cache"))


def copies() -> list[Path]:
    return sorted((default_folder() / "weights").glob("*/*.safetensors"))


def lies_in(tensor: torch.Tensor) -> str:
    """The file that a tensor's memory is mapped from; empty for memory of the process."""
    for line in Path("/proc/self/maps").read_text(encoding="ascii").splitlines():
        span, *_, place = line.split(maxsplit=5) if line.count("/") else (line.split()[0], "")
        start, end = (int(edge, 16) for edge in span.split("-"))
        if start <= tensor.data_ptr() < end:
            return place
    raise AssertionError("a tensor lies somewhere")


def weights(backbone) -> dict[str, torch.Tensor]:
    return backbone.module_dict().state_dict()


@pytest.mark.parametrize("family", ["bert", "roberta", "gpt2", "deberta-v2", "t5", "bart", "llama", "gemma2"])
@pytest.mark.parametrize("lm", [False, True])
def test_converted_weights_are_those_of_ordinary_loading(family, lm, tmp_path):
    folder = str(make_backbone(family, tmp_path / "backbone", lm=lm))
    plain = load_backbone(folder, dtype="bfloat16", lm=lm)
    shared = load_backbone(folder, dtype="bfloat16", lm=lm, shared=ROOM)
    assert copies()
    expected, found = weights(plain), weights(shared)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) and expected[name].dtype == found[name].dtype for name in found)
    assert len(list(plain.parameters())) == len(list(shared.parameters())), "tied weights stay tied"


def test_converted_weights_are_mapped_and_written_once(tmp_path):
    folder = str(make_backbone("bert", tmp_path / "backbone"))
    first = load_backbone(folder, dtype="bfloat16", shared=ROOM)
    (copy,) = copies()
    written = copy.stat().st_mtime_ns
    second = load_backbone(folder, dtype="bfloat16", shared=ROOM)
    places = {lies_in(parameter) for one in (first, second) for parameter in one.parameters()}
    assert places == {str(copy)}
    assert copy.stat().st_mtime_ns == written


def test_weights_of_the_right_type_are_mapped_where_they_lie(tmp_path):
    folder = make_backbone("bert", tmp_path / "backbone")
    backbone = load_backbone(str(folder), dtype="float32", shared=ROOM)
    assert {lies_in(parameter) for parameter in backbone.parameters()} == {str(folder / "model.safetensors")}
    assert not copies()


def test_a_copy_is_never_needed(tmp_path, monkeypatch):
    folder = str(make_backbone("bert", tmp_path / "backbone"))
    assert load_backbone(folder, dtype="bfloat16", shared=1000).dtype == torch.bfloat16
    blocked = tmp_path / "a file"
    blocked.write_text("no folder")
    monkeypatch.setenv("PTUNE_CACHE", str(blocked))
    assert load_backbone(folder, dtype="bfloat16", shared=ROOM).dtype == torch.bfloat16
    assert not copies()


def test_the_copy_asked_for_longest_ago_gives_way(tmp_path):
    folders = [make_backbone("bert", tmp_path / name, vocab_size=200 + n) for n, name in enumerate("abc")]
    size = sum(parameter.numel() * 2 for parameter in load_backbone(str(folders[0])).parameters())
    for age, folder in enumerate(folders[:2]):
        load_backbone(str(folder), dtype="bfloat16", shared=ROOM)
        for path in (default_folder() / "weights").glob("*/"):
            os.utime(path, (age + path.stat().st_mtime - 100, age + path.stat().st_mtime - 100))
    before = {path.parent for path in copies()}
    load_backbone(str(folders[2]), dtype="bfloat16", shared=int(2.5 * size))
    after = {path.parent for path in copies()}
    assert (len(before), len(after), len(before & after)) == (2, 2, 1)


def test_a_copy_that_goes_before_it_is_read_is_not_missed(tmp_path, monkeypatch):
    folder = make_backbone("bert", tmp_path / "backbone")
    monkeypatch.setattr(checkpoint, "in_type", lambda *_: tmp_path / "gone")
    assert load_backbone(str(folder), dtype="bfloat16", shared=ROOM).dtype == torch.bfloat16


def test_a_copy_cut_short_by_a_full_disk_is_made_again(tmp_path, monkeypatch):
    folder = make_backbone("bert", tmp_path / "backbone")
    (folder / "generation_config.json").write_text('{"pad_token_id": 0}')

    def full(source, target):
        Path(target).write_text(Path(source).read_text()[:5])
        raise OSError("no space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(shutil, "copyfile", full)
        assert load_backbone(str(folder), dtype="bfloat16", shared=ROOM).dtype == torch.bfloat16
    load_backbone(str(folder), dtype="bfloat16", shared=ROOM)
    (copied,) = (default_folder() / "weights").glob("*/generation_config.json")
    assert copied.read_text() == '{"pad_token_id": 0}'


def test_an_edited_copy_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("PTUNE_CACHE", str(tmp_path / "cache"))
    folder = make_backbone("bert", tmp_path / "backbone")
    load_backbone(str(folder), dtype="bfloat16", shared=ROOM)
    before = {path: path.read_bytes() for path in copies()}
    assert before
    for path, content in before.items():
        path.chmod(0o600)
        path.write_bytes(content[:-2] + b"\x00\x00")
    load_backbone(str(folder), dtype="bfloat16", shared=ROOM)
    assert {path: path.read_bytes() for path in copies()} == before
