"""A tokenizer is read from the files that a folder holds, in each form of the Hub, and never made up."""

import io
import json
import random
from pathlib import Path

import pytest
from sentencepiece import SentencePieceTrainer

from ptune.backbone.load import load_backbone
from ptune.backbone.tokenizer import load_tokenizer
from ptune.errors import BackboneError
from support.families import WORDS

NAMED = {
    "t5": ("spiece.model", {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}),
    "albert": ("spiece.model", {"control_symbols": ["<pad>", "[CLS]", "[SEP]", "[MASK]"]}),
    "deberta-v2": ("spm.model", {"control_symbols": ["[PAD]", "[CLS]", "[SEP]", "[MASK]"]}),
    "xlm-roberta": ("sentencepiece.bpe.model", {}),
    "llama": ("tokenizer.model", {"model_type": "bpe"}),
    "gemma2": ("tokenizer.model", {"model_type": "bpe"}),
}


def folder_of(path: Path, family: str) -> Path:
    """A folder that says of which family it is, and holds nothing else."""
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(json.dumps({"model_type": family}), encoding="utf-8")
    return path


def train(path: Path, **options) -> None:
    """Train a sentencepiece model on a few hundred lines of a few words."""
    draw, model = random.Random(0), io.BytesIO()
    lines = (" ".join(draw.sample(WORDS, 6)) for _ in range(300))
    options = {"vocab_size": 60, "hard_vocab_limit": False, "minloglevel": 2, **options}
    SentencePieceTrainer.train(sentence_iterator=lines, model_writer=model, **options)
    path.write_bytes(model.getvalue())


@pytest.mark.parametrize("family", NAMED)
def test_a_folder_with_only_a_sentencepiece_model_has_a_tokenizer(family, tmp_path):
    name, options = NAMED[family]
    train(folder_of(tmp_path, family) / name, **options)
    tokenizer = load_tokenizer(tmp_path, "mine")
    ids = tokenizer("red green blue", add_special_tokens=False)["input_ids"]
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.decode(ids).strip() == "red green blue"


def test_a_backbone_loads_with_only_a_sentencepiece_model(tiny_backbone, tmp_path):
    for file in ("config.json", "model.safetensors"):
        (tmp_path / file).write_bytes((tiny_backbone("t5") / file).read_bytes())
    name, options = NAMED["t5"]
    train(tmp_path / name, **options)
    tokenizer = load_backbone(str(tmp_path)).tokenizer
    assert tokenizer.convert_ids_to_tokens(tokenizer("red blue")["input_ids"]) == ["▁red", "▁blue", "</s>"]


@pytest.mark.parametrize("family", [*NAMED, "bert", "mpnet", "roberta", "gpt2", "qwen2", "deberta"])
def test_a_folder_without_a_tokenizer_is_refused_by_name(family, tmp_path):
    with pytest.raises(BackboneError, match=r"mine has no tokenizer in .*: it holds no tokenizer\.json, no vocabulary"):
        load_tokenizer(folder_of(tmp_path, family), "mine")


@pytest.mark.parametrize(
    ("family", "held"), [("roberta", "vocab.json"), ("gpt2", "vocab.json"), ("gpt2", "merges.txt")]
)
def test_half_a_vocabulary_is_none(family, held, tmp_path):
    (folder_of(tmp_path, family) / held).write_text("{}", encoding="utf-8")
    with pytest.raises(BackboneError, match=r"mine has no tokenizer in .*vocab\.json and merges\.txt"):
        load_tokenizer(tmp_path, "mine")


@pytest.mark.parametrize(
    ("family", "reads"), [("t5", "spiece.model"), ("albert", "spiece.model"), ("roberta", "merges.txt and vocab.json")]
)
def test_a_vocabulary_of_another_kind_of_tokenizer_is_refused_by_name(family, reads, tmp_path):
    (folder_of(tmp_path, family) / "vocab.txt").write_text("a", encoding="utf-8")
    with pytest.raises(BackboneError, match="the tokenizer of mine is incomplete") as caught:
        load_tokenizer(tmp_path, "mine")
    assert str(caught.value).endswith(f"reads tokenizer.json or {reads}, and {tmp_path} lacks {reads}")


def test_a_model_under_a_name_that_its_family_does_not_read_is_refused(tmp_path):
    train(folder_of(tmp_path, "t5") / "tokenizer.model")
    with pytest.raises(BackboneError, match=r"lacks spiece\.model$"):
        load_tokenizer(tmp_path, "mine")


@pytest.mark.parametrize(("name", "content"), [("tokenizer.json", "{}"), ("tokenizer.json", "no")])
def test_a_damaged_tokenizer_is_refused_with_the_reason(name, content, tmp_path):
    (folder_of(tmp_path, "mpnet") / name).write_text(content, encoding="utf-8")
    with pytest.raises(BackboneError, match="the tokenizer of mine cannot be loaded from"):
        load_tokenizer(tmp_path, "mine")
