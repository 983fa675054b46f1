"""Without a prompt a backbone computes what transformers computes, whatever is padded or packed, and stays frozen."""

import hashlib

import pytest
import torch

from ptune.backbone.families import FAMILIES
from support.closeness import close
from support.families import TINY
from support.passes import every_family, group_for, scores_of, stacked
from support.transformers_passes import hidden_states


def test_every_family_has_a_tiny_backbone():
    assert TINY.keys() == FAMILIES.keys()


@every_family
def test_hidden_states_are_those_of_transformers(family, tiny, reference):
    backbone = tiny(family)
    rows = stacked(backbone, method="head")
    zero = torch.zeros(3, dtype=torch.long)
    ours = backbone.forward(backbone.embed(rows.ids), rows.visible, rows.types, zero)

    mask = rows.visible.long()
    theirs = hidden_states(reference(family), input_ids=rows.ids, attention_mask=mask, token_type_ids=rows.types)
    close(ours[rows.visible], theirs[rows.visible])


@every_family
@pytest.mark.parametrize("config", [{"method": "head"}, {"method": "v2", "length": 3}, {"method": "v1", "length": 3}])
def test_padding_is_ignored(family, config, tiny):
    backbone = tiny(family)
    together = scores_of(backbone, group_for(backbone, **config))[0]
    alone = [scores_of(backbone, group_for(backbone, rows=[row], **config))[0] for row in range(3)]
    close(together, torch.cat(alone))


@every_family
def test_rows_packed_with_other_prompts_score_as_they_do_alone(family, tiny):
    backbone = tiny(family)
    positions = "shifted" if backbone.family.shifts else "auto"
    configs = [
        {"method": "v2", "length": 5},
        {"method": "v1", "length": 4, "template": "everywhere", "encoder": "mlp"},
        {"method": "v2", "length": 2, "depth": 1},
        {"method": "head"},
        {"method": "v2", "length": 3, "depth": 2, "side": "first", "positions": positions},
        {"method": "v1", "length": 2, "template": "after"},
    ]
    groups = [group_for(backbone, seed, **config) for seed, config in enumerate(configs)]
    for packed, group in zip(scores_of(backbone, *groups), groups, strict=True):
        close(packed, scores_of(backbone, group)[0])


@every_family
def test_the_backbone_stays_as_it_was_and_only_the_learner_moves(family, tiny):
    backbone = tiny(family)
    frozen = [*backbone.model.parameters(), *(backbone.pooler.parameters() if backbone.pooler else [])]
    before = [hashlib.sha256(parameter.detach().numpy().tobytes()).digest() for parameter in frozen]
    group = group_for(backbone, method="v2", length=3)
    start = [parameter.detach().clone() for parameter in group.learner.parameters()]
    optimizer = torch.optim.AdamW([*group.learner.parameters(), *frozen], lr=0.1, weight_decay=0.1)
    torch.nn.functional.cross_entropy(scores_of(backbone, group)[0], torch.tensor([0, 1, 2])).backward()
    optimizer.step()
    assert [hashlib.sha256(parameter.detach().numpy().tobytes()).digest() for parameter in frozen] == before
    assert all((old != new).any() for old, new in zip(start, group.learner.parameters(), strict=True))


@every_family
def test_the_second_text_has_another_type_where_the_family_knows_types(family, tiny):
    backbone = tiny(family)
    embedded = backbone.family.types and backbone.model.config.type_vocab_size > 1
    rows = stacked(backbone, method="v1", length=3, template="everywhere")
    assert set(rows.types.amax(dim=1).tolist()) == {int(embedded)}
    zero = torch.zeros(3, dtype=torch.long)
    embeds = backbone.embed(rows.ids.clamp(min=0))
    typed = backbone.forward(embeds, rows.visible, rows.types, zero)
    flat = backbone.forward(embeds, rows.visible, rows.types * 0, zero)
    assert torch.equal(typed, flat) != embedded
