"""Data from a Hub over HTTP, in a process of its own because the endpoint is read at import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.fake_hub import fake_hub

CARD = """\
---
configs:
- config_name: plain
  data_files:
  - split: train
    path: train.csv
  - split: validation
    path: validation.csv
---
"""

CLIENT = """\
import sys
from ptune.data.sources import load_splits
from ptune.errors import DataError
from ptune.spec.data import ClassificationData as Data
try:
    splits = load_splits(Data(source=sys.argv[1], config=sys.argv[2], dev="validation"), seed=0)
    print(splits.dev.source, splits.train.texts, splits.train.labels, splits.labels)
except DataError as error:
    print(error)
"""


@pytest.fixture
def repositories(tmp_path) -> Path:
    folder = tmp_path / "hub" / "someone" / "films"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text(CARD)
    for split in ("train", "validation"):
        (folder / f"{split}.csv").write_text("text,label\nfine film,1\ndull film,0\n")
    return tmp_path / "hub"


def ask(endpoint: str, home: Path, source: str, config: str = "plain", offline: bool = False) -> str:
    settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_OFFLINE": str(int(offline))}
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")} | settings
    command = [sys.executable, "-c", CLIENT, source, config]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


FILMS = "someone/films:plain:validation [('fine film',), ('dull film',)] [1, 0] ['0', '1']\n"


def test_a_hub_data_set_is_downloaded_once_and_then_needs_no_hub(repositories, tmp_path):
    home = tmp_path / "home"
    with fake_hub(repositories) as endpoint:
        assert ask(endpoint, home, "someone/films") == FILMS
    assert ask(endpoint, home, "someone/films", offline=True) == FILMS


@pytest.mark.parametrize(
    ("source", "config", "expected"),
    [
        (
            "someone/films",
            "plane",
            "someone/films:plane: cannot be loaded: BuilderConfig 'plane' not found. Available: ['plain']",
        ),
        (
            "someone/flims",
            "plain",
            "someone/flims:plain: cannot be loaded: Dataset 'someone/flims' doesn't exist on the Hub",
        ),
    ],
)
def test_what_the_hub_does_not_have_is_refused(repositories, tmp_path, source, config, expected):
    with fake_hub(repositories) as endpoint:
        assert ask(endpoint, tmp_path / "home", source, config).startswith(expected)
