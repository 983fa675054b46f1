"""Trials whose layers compute on tokens without padding reach the numbers of trials on padded rows."""

from dataclasses import replace

import pytest

from ptune.backbone.load import load_backbone
from support.worlds import assert_together_as_alone, trained_together

pytestmark = pytest.mark.gpu

EPOCHS = 2
NAMES = ["v2 all layers", "v2 longer, dropout", "v2 last layer", "v2 first layer, shifted", "v1 mlp around", "head"]


@pytest.fixture
def padded(world, tiny_backbone, device):
    """A function from a family to a world on it."""
    return lambda family: replace(world, backbone=load_backbone(str(tiny_backbone(family)), device=device))


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_trials_together_are_each_the_trial_alone_on_padded_rows(family, padded):
    plain = padded(family)
    unpadded = replace(plain, backbone=replace(plain.backbone, unpadded=True))
    assert_together_as_alone(unpadded, plain, NAMES, EPOCHS)


@pytest.mark.parametrize(("family", "part"), [("bert", "intermediate"), ("llama", "mlp")])
def test_a_layer_is_given_tokens_alone(family, part, padded):
    world = padded(family)
    given = []
    for module in world.backbone.model.modules():
        if hasattr(module, part):
            getattr(module, part).register_forward_hook(lambda _, inputs, __: given.append(tuple(inputs[0].shape[:2])))
    trained_together(replace(world, backbone=replace(world.backbone, unpadded=True)), NAMES[:2], 1)
    assert given
    # Where one position of each row is read, BERT's last layer computes that one alone.
    assert all(rows == 1 or width == 1 for rows, width in given), "tokens of all rows stand in one"
