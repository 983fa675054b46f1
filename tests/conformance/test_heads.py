"""What the head reads is the family's usual feature, and a checkpoint's pooler is used only where it is pretrained."""

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from ptune.backbone.load import load_backbone
from support.closeness import close
from support.families import make_backbone
from support.passes import every_family, group_for, scores_of, stacked

POOLED = {"bert", "albert", "ernie", "layoutlm"}
DENSE = {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "data2vec-text", "roberta-prelayernorm", "xmod"}


@every_family
def test_only_poolers_that_are_pretrained_for_it_stand_under_the_head(family, tiny, reference):
    backbone = tiny(family)
    assert (backbone.pooler is not None) == (family in POOLED)
    assert not [name for name, _ in backbone.model.named_parameters() if "pooler" in name]
    has_one = getattr(reference(family), "pooler", None) is not None
    assert has_one == (family in POOLED | DENSE | {"jina_embeddings_v3"}), "the case to test is gone"


@pytest.mark.parametrize("family", ["bert", "ernie", "albert"])
def test_a_missing_pooler_is_left_out_not_drawn_at_random(family, tmp_path):
    folder = make_backbone(family, tmp_path / family, model={"add_pooling_layer": False})
    backbone = load_backbone(str(folder))
    assert backbone.pooler is None
    states = torch.randn(2, 32)
    assert backbone.pooled(states) is states


@pytest.mark.parametrize(
    "family", sorted(POOLED | DENSE | {"electra", "distilbert", "deberta", "deberta-v2", "jina_embeddings_v3"})
)
def test_scores_without_a_prompt_are_those_of_the_familys_own_classifier(family, tiny, tiny_backbone):
    backbone = tiny(family)
    group = group_for(backbone, method="head")
    rows = stacked(backbone, method="head")
    theirs = AutoModelForSequenceClassification.from_pretrained(tiny_backbone(family), num_labels=3).eval()
    _copy_head(group.learner.head(), theirs)
    types = {"token_type_ids": rows.types} if backbone.family.types else {}
    with torch.inference_mode():
        expected = theirs(input_ids=rows.ids, attention_mask=rows.visible.long(), **types).logits
    close(scores_of(backbone, group)[0], expected)


def _copy_head(head, model) -> None:
    out = getattr(model.classifier, "out_proj", model.classifier)
    out.load_state_dict(head.out.state_dict())
    if head.dense is not None:
        dense = getattr(model, "pooler", model.classifier)
        getattr(dense, "dense", getattr(model, "pre_classifier", None)).load_state_dict(head.dense.state_dict())
