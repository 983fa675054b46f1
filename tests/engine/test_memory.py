"""A pass's budget follows the device; freed memory stays with the process."""

import platform

import pytest

from ptune.backbone import budget
from ptune.backbone.budget import token_budget
from ptune.backbone.load import load_backbone
from ptune.engine.memory import keep_freed_memory


def test_freed_memory_stays_where_the_allocator_is_glibcs():
    assert keep_freed_memory() == (platform.libc_ver()[0] == "glibc")


@pytest.mark.parametrize("family", ["bert", "gpt2", "t5"])
def test_a_stated_budget_is_kept_and_an_automatic_one_is_of_use(tiny, family):
    assert token_budget(tiny(family), 777) == 777
    assert 256 <= token_budget(tiny(family), "auto") <= 4_096


def test_a_budget_shrinks_with_the_memory_that_is_free(tiny, monkeypatch):
    roomy = token_budget(tiny("bert"), "auto")
    per_token = budget._saved_per_token(tiny("bert"))
    monkeypatch.setattr(budget, "_free", lambda _: int(1_000 * per_token))
    assert 256 <= token_budget(tiny("bert"), "auto") < 1_000 < roomy


def test_what_a_token_takes_grows_with_the_backbone(tiny, minilm):
    large = load_backbone(str(minilm))
    assert budget._saved_per_token(large) > 4 * budget._saved_per_token(tiny("bert"))
