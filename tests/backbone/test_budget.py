"""A pass's budget follows the device, its memory, and what rows and slots take of it."""

import pytest

from ptune.backbone import budget
from ptune.backbone.budget import dimensions, token_budget
from ptune.backbone.footprint import Pass, pass_bytes


@pytest.mark.parametrize("family", ["bert", "gpt2", "t5"])
def test_a_stated_budget_is_kept_and_an_automatic_one_is_of_use(tiny, family):
    assert token_budget(tiny(family), 777) == 777
    assert 256 <= token_budget(tiny(family), "auto") <= 2_048


def test_a_budget_shrinks_with_the_memory_that_is_free_and_with_what_slots_hold(tiny, monkeypatch):
    backbone = tiny("bert")
    roomy, sizes = token_budget(backbone, "auto"), dimensions(backbone)
    row = Pass(1, 16, 4, kept=sizes.layers, prefix=8, prompted=sizes.layers)
    room = 60 * pass_bytes(sizes, row)
    monkeypatch.setattr(budget, "free_bytes", lambda _: room / budget._SHARE)
    free = token_budget(backbone, "auto", [row])
    assert free == pytest.approx(60 * 16, rel=0.05)
    assert free < roomy
    assert token_budget(backbone, "auto", [row], held=room // 3) == pytest.approx(40 * 16, rel=0.05)
    assert token_budget(backbone, "auto", [row], held=2 * room) == budget._LEAST
