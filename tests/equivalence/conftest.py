"""The fixture of the small world; see worlds.py."""

from collections.abc import Callable
from pathlib import Path

import pytest
from worlds import World, sentences

from ptune.backbone.load import load_backbone
from ptune.data.sources import Splits


@pytest.fixture
def world(tiny_backbone: Callable[[str], Path], tmp_path: Path) -> World:
    """A tiny BERT and a few dozen sentences."""
    splits = Splits(sentences(42, 1), sentences(30, 2), None, ["no", "yes"])
    return World(load_backbone(str(tiny_backbone("bert"))), splits, tmp_path)
