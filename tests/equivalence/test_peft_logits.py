"""An exported prompt scores the same under PEFT's own loader as under ptune, on every family PEFT can take."""

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification

from ptune.artifacts.artifact import Artifact
from ptune.artifacts.predict import Predictor
from ptune.backbone.backbone import Backbone
from ptune.backbone.families import FAMILIES
from ptune.backbone.load import load_backbone
from support.closeness import close
from support.families import make_backbone
from support.made_artifacts import PAIR, make_artifact, scores_of, write_native, write_peft

SHORT_AND_LONG = [
    ("red",),
    ("cold loud sweet bitter plain round flat old new long short red",),
    ("a quiet blue morning, and then rain",),
]


def peft_scores(folder: Path, backbone_folder: Path, backbone: Backbone, artifact: Artifact, texts) -> torch.Tensor:
    """Scores [texts, labels] of one padded batch, by PEFT's loader and transformers' classification model."""
    base = AutoModelForSequenceClassification.from_pretrained(
        backbone_folder, num_labels=len(artifact.manifest.sets[0].labels)
    )
    model = PeftModel.from_pretrained(base, folder).eval()
    tokenizer = backbone.tokenizer
    encoded = [
        tokenizer(*row, truncation="longest_first", max_length=artifact.manifest.task.data.max_length) for row in texts
    ]
    pad = len(tokenizer) - 1  # a token that no text here holds
    base.config.pad_token_id = pad if base.config.pad_token_id is None else base.config.pad_token_id
    width = max(len(row["input_ids"]) for row in encoded)
    filler = {"input_ids": base.config.pad_token_id, "attention_mask": 0, "token_type_ids": 0}
    batch = {
        name: torch.tensor([row[name] + [filler[name]] * (width - len(row[name])) for row in encoded])
        for name in encoded[0]
    }
    with torch.inference_mode():
        return model(**batch).logits


@pytest.mark.parametrize("family", sorted(name for name, family in FAMILIES.items() if family.peft))
def test_peft_gives_the_scores_of_ptune(family, tiny_backbone, tiny, tmp_path):
    backbone = tiny(family)
    artifact = make_artifact(backbone, method="v2", length=5, labels=["a", "b", "c"])
    write_peft(tmp_path / "adapter", artifact)
    scores = peft_scores(tmp_path / "adapter", tiny_backbone(family), backbone, artifact, SHORT_AND_LONG)
    close(scores_of(Predictor(artifact, backbone), SHORT_AND_LONG), scores)
    assert scores.std(dim=0).min() > 0.01, "scores that ignore the text would prove nothing"


@pytest.mark.parametrize("family", ["bert", "roberta", "electra", "llama"])
def test_peft_gives_the_scores_of_ptune_for_pairs(family, tiny_backbone, tiny, tmp_path):
    backbone = tiny(family)
    texts = [("red green", "old"), ("a loud, bitter afternoon", "not quiet at all"), ("warm", "cold")]
    artifact = make_artifact(backbone, PAIR, method="v2", length=3)
    write_peft(tmp_path / "adapter", artifact)
    scores = peft_scores(tmp_path / "adapter", tiny_backbone(family), backbone, artifact, texts)
    close(scores_of(Predictor(artifact, backbone), texts), scores)


def test_peft_gives_the_scores_of_ptune_on_heads_of_another_width_than_the_model_suggests(tmp_path):
    folder = make_backbone("qwen3", tmp_path / "wide", head_dim=16)
    backbone = load_backbone(str(folder))
    artifact = make_artifact(backbone, method="v2", length=4)
    write_peft(tmp_path / "adapter", artifact)
    scores = peft_scores(tmp_path / "adapter", folder, backbone, artifact, SHORT_AND_LONG)
    close(scores_of(Predictor(artifact, backbone), SHORT_AND_LONG), scores)


def test_peft_gives_the_scores_of_ptune_on_a_real_backbone_and_text(minilm, shared_data, tmp_path):
    backbone = load_backbone("packaged:minilm")
    lines = (shared_data / "sst2" / "dev.tsv").read_text(encoding="utf-8").splitlines()[1:9]
    texts = [(line.split("\t")[0],) for line in lines]
    artifact = make_artifact(backbone, method="v2", length=20, encoder="mlp", max_length=64)
    write_peft(tmp_path / "adapter", artifact)
    scores = peft_scores(tmp_path / "adapter", minilm, backbone, artifact, texts)
    close(scores_of(Predictor(artifact, backbone), texts), scores)


def test_both_formats_give_the_same_answers(tiny, tmp_path):
    artifact = make_artifact(tiny("roberta"), method="v2", length=5)
    write_native(tmp_path / "native", artifact)
    write_peft(tmp_path / "peft", artifact)
    answers = [Predictor.load(tmp_path / kind).predict(SHORT_AND_LONG) for kind in ("native", "peft")]
    assert answers[0] == answers[1]
