"""P-tuning v1 on every family: prompt tokens at any place take part, and the head reads the right token."""

import pytest
import torch

from ptune.backbone.word_embeddings import read_word_embeddings
from support.closeness import close
from support.passes import every_family, examples_for, group_for, scores_of
from support.transformers_passes import hidden_states

TEMPLATES = ["before", "between", "after", "around", "everywhere", "Is [P:2] {a} cold? [P] {b} or [P]"]


@every_family
@pytest.mark.parametrize("template", TEMPLATES)
def test_every_prompt_token_gets_a_gradient(family, template, tiny):
    backbone = tiny(family)
    group = group_for(backbone, method="v1", length=5, template=template, encoder="embedding")
    scores_of(backbone, group)[0].square().sum().backward()
    assert group.learner.prompt().encoder.table.grad.abs().amax(dim=1).min() > 0.0


@every_family
@pytest.mark.parametrize("template", TEMPLATES)
def test_the_head_reads_the_class_token_or_the_very_last(family, template, tiny):
    backbone = tiny(family)
    examples = examples_for(backbone, method="v1", length=5, template=template)
    for row in examples.rows:
        (read,) = row.reads
        if backbone.family.reads == "first":
            assert row.ids[read] == backbone.tokenizer.cls_token_id
        else:
            assert read == len(row.ids) - 1


@every_family
@pytest.mark.parametrize("template", ["before", "everywhere"])
def test_scores_are_those_of_transformers_on_embeddings_put_together_by_hand(family, template, tiny, reference):
    backbone = tiny(family)
    group = group_for(backbone, rows=[1], method="v1", length=5, template=template, encoder="mlp")
    row = group.examples.rows[1]
    vectors = group.learner.prompt()()
    embeds = torch.stack([vectors[-id_ - 1] if id_ < 0 else backbone.embed(torch.tensor(id_)) for id_ in row.ids])
    types = torch.tensor([row.types])
    with torch.inference_mode():
        features = hidden_states(reference(family), inputs_embeds=embeds[None], token_type_ids=types)[:, row.reads[0]]
        if backbone.pooler is not None:
            features = backbone.pooler(features)
        close(scores_of(backbone, group)[0], group.learner.head()(features))


@every_family
def test_prompt_tokens_change_the_scores(family, tiny):
    backbone = tiny(family)
    group = group_for(backbone, method="v1", length=3, encoder="embedding")
    before = scores_of(backbone, group)[0].detach()
    with torch.no_grad():
        group.learner.prompt().encoder.table.mul_(-1.0)
    assert (scores_of(backbone, group)[0] - before).abs().amax(dim=1).min() > 1e-3


@every_family
def test_word_embeddings_are_found_in_a_backbones_files(family, tiny, tiny_backbone):
    backbone = tiny(family)
    theirs = backbone.model.get_input_embeddings().weight
    assert torch.equal(read_word_embeddings(tiny_backbone(family), backbone.shape.embedding), theirs)
