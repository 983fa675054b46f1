"""Batches cover every example once, waste little on padding, and depend on their arguments alone."""

import numpy as np
import pytest

from ptune.data.batches import epoch_batches, eval_batches


@pytest.fixture(scope="module")
def lengths(shared_data) -> np.ndarray:
    """Words of 5,000 real sentences."""
    lines = (shared_data / "sst2" / "train_full.tsv").read_text(encoding="utf-8").splitlines()[1:5001]
    return np.array([len(line.split()) for line in lines])


def padded(batches, lengths) -> int:
    return sum(len(batch) * lengths[batch].max() for batch in batches)


def same(one, other) -> bool:
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("count", "batch_size"), [(1, 32), (31, 32), (32, 32), (33, 32), (5000, 32), (5000, 7), (40, 1)]
)
def test_an_epoch_holds_every_example_once(lengths, count, batch_size):
    batches = epoch_batches(lengths[:count], batch_size, seed=0, trial=0, epoch=1)
    assert np.array_equal(np.sort(np.concatenate(batches)), np.arange(count))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert len(batches[-1]) == (count % batch_size or batch_size)


def test_an_epoch_wastes_little_on_padding(lengths):
    batches = epoch_batches(lengths, 32, seed=0, trial=0, epoch=1)
    order = np.random.default_rng(0).permutation(len(lengths))
    unsorted = [order[start : start + 32] for start in range(0, len(order), 32)]
    assert padded(batches, lengths) < 1.15 * lengths.sum()
    assert padded(unsorted, lengths) > 2 * lengths.sum()


def test_the_order_depends_on_its_arguments_alone(lengths):
    first = epoch_batches(lengths, 32, seed=3, trial=1, epoch=2)
    np.random.default_rng(9).random(100)
    epoch_batches(lengths, 32, seed=3, trial=0, epoch=2)
    assert same(first, epoch_batches(lengths.tolist(), 32, seed=3, trial=1, epoch=2))


@pytest.mark.parametrize("change", [{"seed": 4}, {"trial": 0}, {"epoch": 3}, {"trial": 2, "epoch": 1}])
def test_another_seed_trial_or_epoch_gives_another_order(lengths, change):
    arguments = {"seed": 3, "trial": 1, "epoch": 2}
    assert not same(epoch_batches(lengths, 32, **arguments), epoch_batches(lengths, 32, **arguments | change))


def test_trials_side_by_side_want_batches_of_one_length_and_of_other_examples(lengths):
    one, other = (epoch_batches(lengths, 32, seed=0, trial=trial, epoch=1) for trial in (0, 1))
    wasted = [abs(lengths[a].max() - lengths[b].max()) for a, b in zip(one[:-1], other[:-1], strict=True)]
    assert np.mean(wasted) < 0.1 * lengths.mean()
    assert max(len(np.intersect1d(a, b)) for a, b in zip(one, other, strict=True)) < 16


def test_short_and_long_batches_alternate_by_chance(lengths):
    batches = epoch_batches(lengths, 32, seed=0, trial=0, epoch=1)
    means = [lengths[batch].mean() for batch in batches]
    rank = np.corrcoef(np.arange(len(means)), means)[0, 1]
    assert abs(rank) < 0.3


def test_the_remainder_is_as_long_as_any_other_examples(lengths):
    last = [lengths[epoch_batches(lengths, 64, seed=0, trial=0, epoch=epoch)[-1]].mean() for epoch in range(40)]
    assert 0.8 < np.mean(last) / lengths.mean() < 1.2


@pytest.mark.parametrize("max_tokens", [1, 64, 2048, 10**9])
def test_evaluation_holds_every_example_once_within_its_budget(lengths, max_tokens):
    batches = eval_batches(lengths, max_tokens)
    assert np.array_equal(np.sort(np.concatenate(batches)), np.arange(len(lengths)))
    assert all(len(batch) == 1 or len(batch) * lengths[batch].max() <= max_tokens for batch in batches)


def test_evaluation_fills_its_budget_and_wastes_little(lengths):
    batches = eval_batches(lengths, 2048)
    assert padded(batches, lengths) < 1.1 * lengths.sum()
    assert len(batches) < 1.2 * lengths.sum() / 2048 + 1


def test_no_examples_make_no_batches():
    assert epoch_batches([], 8, seed=0, trial=0, epoch=1) == []
    assert eval_batches([], 64) == []


def test_a_batch_holds_one_data_sets_examples(lengths):
    parts = np.repeat([0, 1, 2], [70, 9, 40])
    batches = epoch_batches(lengths[:119], 16, seed=0, trial=0, epoch=1, dataset_indices=parts)
    assert np.array_equal(np.sort(np.concatenate(batches)), np.arange(119))
    owners = [set(parts[batch].tolist()) for batch in batches]
    assert [len(own) for own in owners] == [1] * (5 + 1 + 3)
    order = [own.pop() for own in owners]
    assert order != sorted(order), "data sets take turns by chance"
    assert same(epoch_batches(lengths[:70], 16, 0, 0, 1, parts[:70]), epoch_batches(lengths[:70], 16, 0, 0, 1))
