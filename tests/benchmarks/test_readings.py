"""How benchmarks read what they measured: operators by kind of work, memory by slot."""

import pytest
from growth import per_slot, slot_counts
from limit import REST, group_of


@pytest.mark.parametrize(
    ("operator", "group"),
    [
        ("aten::addmm", "matrix products"),
        ("aten::_softmax_backward_data", "attention"),
        ("aten::_scaled_dot_product_flash_attention_for_cpu_backward", "attention"),
        ("aten::native_layer_norm_backward", "elementwise"),
        ("aten::fill_", "copies and fresh memory"),
        ("SelectBackward0", REST),
        ("mmap", REST),
    ],
)
def test_an_operator_belongs_to_one_kind_of_work(operator, group):
    assert group_of(operator) == group


def test_memory_per_slot_is_the_slope_over_slots():
    found = [{"slots": slots, "held_mb": 10.0 + 1.5 * slots} for slots in slot_counts(9)]
    assert slot_counts(9) == [1, 2, 4, 8]
    assert per_slot(found, "held_mb") == pytest.approx(1.5)
