"""The benchmark of searches: what is known of its surfaces, and that every search plays on them."""

import numpy as np
import pytest
import search_rivals as rivals
from scipy.stats import spearmanr

import searching
from ptune.record.curve_table import table_of, write_table
from support.recorded import recorded_grid
from support.recorded_surface import RecordedSurface
from support.surfaces import HORIZON, SPACES, Surface

GRID = Surface("grid", 0)
"""One for all searches: what it is known to have as its optimum takes a second to find."""


@pytest.mark.parametrize("kind", SPACES)
def test_a_surface_has_a_known_optimum_and_a_region_at_chance(kind):
    surface = Surface(kind, 3)
    draws = np.random.default_rng(0)
    values = np.array([surface.best(surface.drawn(draws)) for _ in range(200)])
    assert values.max() <= surface.optimum
    assert 0.1 < np.mean(values < 0.51) < 0.8
    assert np.mean(values > surface.optimum - 0.01) < 0.1


def test_on_late_surfaces_first_epochs_say_little_and_the_third_says_much():
    agreement = []
    for seed in range(8):
        surface = Surface("late", seed)
        draws = np.random.default_rng(seed)
        configs = [surface.drawn(draws) for _ in range(100)]
        best = [surface.best(config) for config in configs]
        agreement.append([spearmanr([surface.report(one, epoch) for one in configs], best)[0] for epoch in (1, 3)])
    first, third = np.mean(agreement, axis=0)
    assert first < 0.6
    assert third > 0.85


def test_reports_are_the_true_value_with_noise():
    surface = Surface("four", 1)
    draws = np.random.default_rng(0)
    configs = [surface.drawn(draws) for _ in range(120)]
    off = [surface.report(config, HORIZON) - surface.true(config, HORIZON) for config in configs]
    assert abs(np.mean(off)) < 0.004
    assert 0.008 < np.std(off) < 0.02
    assert surface.report(configs[0], 1) == surface.report(dict(reversed(configs[0].items())), 1)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A table of recorded curves as a surface."""
    folder = tmp_path_factory.mktemp("recorded")
    path = folder / "curves.parquet"
    write_table(table_of([recorded_grid(folder / "journal.jsonl")]), path)
    return RecordedSurface(str(path), 0)


def test_a_table_is_a_surface_of_ranges_around_what_was_recorded(recorded):
    lengths = recorded.space.parameters["length"]
    assert [(definition.when["method"], definition.low, definition.high) for definition in lengths] == [
        ("v1", 3, 9),
        ("v2", 4, 25),
    ]
    draws = np.random.default_rng(0)
    configs = [recorded.drawn(draws) for _ in range(50)]
    assert {config["method"] for config in configs} == {"v1", "v2"}
    assert 0 <= recorded.optimum - max(map(recorded.best, configs)) < 0.1
    config = configs[0]
    around = np.mean([recorded.report(config, epoch) for epoch in (3, 4, 5)])
    assert recorded.true(config, 4) == pytest.approx(around)


@pytest.mark.parametrize("name", searching.SEARCHES)
def test_a_search_plays_on_a_table(recorded, name):
    one = played(name, recorded, 20)
    regrets = searching.regret_by_epoch(recorded, one, 20)
    assert len(regrets) == 20
    assert min(regrets) >= -1e-9


def test_of_a_search_that_does_not_choose_itself_what_looks_best_counts(recorded):
    looks = played("random, all epochs", recorded, 20)
    assert recorded.report(*looks[-1].chosen) == max(epoch.value for epoch in looks)


@pytest.mark.parametrize("name", searching.SEARCHES)
def test_a_search_uses_up_its_epochs_and_a_seed_decides_it(name):
    one, again = (played(name, GRID, 40) for _ in range(2))
    assert one == again
    assert 35 <= len(one) <= 40
    regrets = searching.regret_by_epoch(GRID, one, 40)
    assert len(regrets) == 40
    assert regrets[-1] >= 0.0
    assert regrets[-1] < max(regrets)


def played(name, surface, epochs):
    with searching.SEARCHES[name](surface, 0, epochs) as search:
        return rivals.play(search, surface, searching.SLOTS, epochs)


def test_a_table_has_a_line_for_each_search(capsys, tmp_path):
    played = searching.play_all("grid", 0, epochs=45)
    lines = searching.table([searching.summary(played, "grid", name) for name in searching.SEARCHES])
    assert [line.partition("  ")[0] for line in lines[2:]] == list(searching.SEARCHES)
    searching.draw(played, "grid", tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 10_000


def test_a_whole_grid_lacks_what_noise_hides():
    whole = searching.whole_grid([GRID])
    assert whole["epochs"] == 108 * HORIZON
    assert 0.0 <= whole["regret"] < 3.0
