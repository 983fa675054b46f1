"""The count of useful work agrees with what a real pass multiplies, where nothing is padded."""

import pytest
from flops import Sizes, training_flops
from torch.utils.flop_counter import FlopCounterMode
from workload import ROWS, Load, Setting, interleaved, per_step, read_sentences

from ptune.backbone.load import load_backbone

TOKENS, LENGTH = 24, 12


@pytest.fixture(autouse=True)
def few_batches(monkeypatch):
    """Epochs as short as the passes of a test allow: states are kept of all rows."""
    monkeypatch.setattr("workload._BATCHES", 4)


@pytest.fixture(scope="module")
def sentences(shared_data):
    return read_sentences(shared_data / "sst2", 8_000)


@pytest.fixture(scope="module")
def backbone():
    """Real widths; bfloat16, in which attention is made of matrix products that the counter sees on every CPU."""
    return load_backbone("packaged:minilm", dtype="bfloat16")


@pytest.mark.parametrize("kept", [False, True], ids=["computed", "kept"])
@pytest.mark.parametrize("depth", [1, 4, 6])
def test_useful_work_is_what_a_pass_without_padding_multiplies(backbone, sentences, depth, kept, tmp_path, monkeypatch):
    monkeypatch.setenv("PTUNE_CACHE", str(tmp_path / "states"))
    one = backbone.with_cache(2**30 if kept else 0)
    load = Load(one, sentences, Setting(slots=1, tokens=TOKENS, length=LENGTH, depth=depth), tmp_path)
    load.step()
    with FlopCounterMode(display=False) as counter:
        done = load.step()
    assert done.batches == [[TOKENS] * ROWS]
    useful = training_flops(Sizes.of(backbone), done.batches[0], LENGTH, 6 - depth, kept=kept)
    assert useful == pytest.approx(counter.get_total_flops(), rel=0.03)


def test_rows_cost_nothing_but_their_own_tokens():
    sizes = Sizes(layers=4, hidden=8, inner=32)
    both = training_flops(sizes, [5, 9], prefix=3, first=1)
    assert both == training_flops(sizes, [5], prefix=3, first=1) + training_flops(sizes, [9], prefix=3, first=1)


def test_kept_states_save_the_forward_of_the_layers_below_and_nothing_else():
    sizes = Sizes(layers=4, hidden=8, inner=32)
    saved = training_flops(sizes, [5], 3, first=2) - training_flops(sizes, [5], 3, first=2, kept=True)
    layer = 5 * (4 * 2 * 8 * 8 + 2 * 2 * 8 * 32) + 2 * 2 * 5 * 5 * 8
    assert saved == 2 * layer


def test_every_slot_takes_a_step_in_a_pass_of_even_rows(tiny, sentences, tmp_path):
    loads = {slots: Load(tiny("bert"), sentences, Setting(slots=slots, tokens=8), tmp_path) for slots in (1, 3)}
    passes = interleaved(loads, passes=2)
    assert {slots: [len(one.batches) for one in each] for slots, each in passes.items()} == {1: [1, 1], 3: [3, 3]}
    assert all(per_step(each) > 0.0 for each in passes.values())
