"""Who may read a file is the umask's decision, whatever writes it."""

import os
import stat
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ptune.artifacts.folders import write_tensors
from ptune.files import replacing, write_json

EXPECTED = {0o022: 0o644, 0o002: 0o664, 0o077: 0o600}


@contextmanager
def under(umask: int):
    before = os.umask(umask)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", EXPECTED)
def test_text_and_tensors_are_readable_alike(tmp_path, umask):
    with under(umask):
        write_json(tmp_path / "about.json", {})
        write_tensors(tmp_path / "prompt.safetensors", {"prompt": torch.ones(2, 3)})
        with replacing(tmp_path / "state.safetensors") as draft:
            save_file({"prompt": torch.ones(2, 3)}, draft)
    modes = {path.name: mode(path) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("about.json", "prompt.safetensors", "state.safetensors"), EXPECTED[umask])


def test_a_file_that_takes_the_place_of_another_has_the_mode_of_a_new_one(tmp_path):
    path = tmp_path / "prompt.safetensors"
    path.touch(mode=0o600)
    with under(0o022):
        write_tensors(path, {"prompt": torch.ones(2, 3)})
    assert mode(path) == 0o644
