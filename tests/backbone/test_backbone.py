"""What names a backbone's hidden states and tokens among those that a node keeps."""

import copy
import json
import shutil
from dataclasses import replace

from transformers import ByT5Tokenizer

from ptune.backbone import backbone as module
from ptune.backbone.hashes import settings_hashes
from ptune.backbone.load import load_backbone
from ptune.prompts.layout import bind
from ptune.spec.template import plain


def test_a_copied_folder_computes_and_spells_the_same(tiny_backbone, tmp_path):
    one = load_backbone(str(tiny_backbone("bert")))
    other = load_backbone(str(shutil.copytree(tiny_backbone("bert"), tmp_path / "copy")))
    assert (one.forward_hash, one.tokenizer_hash) == (other.forward_hash, other.tokenizer_hash)


def test_added_tokens_are_another_spelling(tiny_backbone, tmp_path):
    plain = load_backbone(str(tiny_backbone("bert")))
    tokenizer = copy.deepcopy(plain.tokenizer)
    tokenizer.add_tokens(["loudest"])
    assert replace(plain, tokenizer=tokenizer).tokenizer_hash != plain.tokenizer_hash
    folder = shutil.copytree(tiny_backbone("bert"), tmp_path / "copy")
    (folder / "added_tokens.json").write_text(json.dumps({"loudest": 999}))
    assert settings_hashes(folder) != dict(plain.settings), "an artifact is held to the same tokenizer"


def test_calling_a_tokenizer_changes_no_spelling(tiny_backbone):
    backbone = load_backbone(str(tiny_backbone("bert")))
    backbone.tokenizer(["red", "red green"], padding=True, truncation=True, max_length=3)
    assert backbone.tokenizer_hash == load_backbone(str(tiny_backbone("bert"))).tokenizer_hash


def test_other_code_computes_anew(tiny_backbone, monkeypatch):
    before = load_backbone(str(tiny_backbone("bert"))).forward_hash
    monkeypatch.setattr(module, "_own_code", lambda: "another release")
    assert load_backbone(str(tiny_backbone("bert"))).forward_hash != before


def test_a_tokenizer_that_is_code_has_no_name_to_keep_tokens_by(tiny_backbone):
    backbone = load_backbone(str(tiny_backbone("t5"))).with_cache(10**6)
    slow = replace(backbone, tokenizer=ByT5Tokenizer())
    assert slow.tokenizer_hash is None
    assert slow.tokenizer("red")["input_ids"] == bind(plain(["text"]), slow, ["text"], 16).encode(["red"]).ids
