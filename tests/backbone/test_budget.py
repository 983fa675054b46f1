"""A pass's budget follows the device and its memory."""

import pytest

from ptune.backbone import budget
from ptune.backbone.budget import token_budget
from ptune.backbone.load import load_backbone


@pytest.mark.parametrize("family", ["bert", "gpt2", "t5"])
def test_a_stated_budget_is_kept_and_an_automatic_one_is_of_use(tiny, family):
    assert token_budget(tiny(family), 777) == 777
    assert 256 <= token_budget(tiny(family), "auto") <= 2_048


def test_a_budget_shrinks_with_the_memory_that_is_free(tiny, monkeypatch):
    roomy = token_budget(tiny("bert"), "auto")
    per_token = budget._saved_per_token(tiny("bert"))
    monkeypatch.setattr(budget, "_free", lambda _: int(1_000 * per_token))
    assert 256 <= token_budget(tiny("bert"), "auto") < 1_000 < roomy


def test_what_a_token_takes_grows_with_the_backbone(tiny, minilm):
    large = load_backbone(str(minilm))
    assert budget._saved_per_token(large) > 4 * budget._saved_per_token(tiny("bert"))
