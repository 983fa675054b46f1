"""How optimistic the winner of a search is said to be, held against searches whose truth is known."""

import statistics
from dataclasses import replace

import pytest

from ptune.record.events import DataSource
from ptune.record.history import History
from ptune.record.journal import read
from ptune.record.optimism import optimism
from ptune.record.wording import optimism_text
from ptune.searching.simulate import simulate
from ptune.spec.job import Job
from support.made_headers import header_of
from support.simulated import make_job, start
from support.surfaces import Surface

SEARCHES = [(kind, seed) for kind in ("four", "eight", "branched") for seed in range(500, 512)]


def searched(tmp_path, kind, seed, selection, trials=30):
    """A search of random configurations on a surface, and by how much its winner's score is too good."""
    surface = Surface(kind, seed)
    job = make_job(trials=trials, sampler="random", seed=seed, space=surface.table).model_dump(mode="json")
    job["task"]["selection"] = selection
    conductor = start(Job.model_validate(job), tmp_path / f"{kind}-{seed}-{selection}.jsonl")
    simulate(conductor, lambda config, epoch: surface.report(surface.own(config), epoch), 4)
    history = conductor.history
    best = history.best
    return history, history.best_value - surface.true(surface.own(best.config), best.best_epoch)


@pytest.mark.parametrize(("selection", "tolerance"), [("smoothed", 0.005), ("first", 0.008)])
def test_over_many_searches_it_is_what_the_winners_lack(tmp_path, selection, tolerance):
    played = [searched(tmp_path, kind, seed, selection) for kind, seed in SEARCHES]
    said = statistics.fmean(optimism(history) for history, _ in played)
    true = statistics.fmean(gap for _, gap in played)
    assert said == pytest.approx(true, abs=tolerance)
    assert true > 0.002


def test_a_smoothed_winner_is_less_optimistic_than_one_of_a_single_epoch(tmp_path):
    smoothed, single = (searched(tmp_path, "four", 500, selection)[0] for selection in ("smoothed", "first"))
    assert 0 < optimism(smoothed) < optimism(single)


def test_a_replayed_journal_says_the_same(tmp_path):
    history, _ = searched(tmp_path, "four", 501, "smoothed")
    again = History.of(read(tmp_path / "four-501-smoothed.jsonl"))
    assert optimism(again) == optimism(history)


def test_curves_without_noise_are_not_optimistic_and_nothing_is_said_of_them(tmp_path):
    conductor = start(make_job(trials=6, sampler="random"), tmp_path / "journal.jsonl")
    simulate(conductor, lambda _, epoch: 0.5 + 0.01 * epoch, 2)
    assert optimism(conductor.history) == pytest.approx(0.0, abs=1e-9)
    assert optimism_text(optimism(conductor.history), 6) == ""


def test_short_curves_are_as_noisy_as_the_dev_split_is_small(tmp_path):
    job = make_job(trials=12, epochs=1, sampler="random", stopping={"type": "none"})
    said = []
    for rows in (100, 10_000):
        conductor = start(job, tmp_path / f"{rows}.jsonl")
        simulate(conductor, lambda *_: 0.8, 2)
        history = conductor.history
        data = {"dev": DataSource("made", "0" * 64, rows)}
        history.first = replace(header_of(job), data=data)
        said.append(optimism(history))
    assert said[0] > 5 * said[1] > 0


def test_nothing_is_said_without_a_result_or_where_noise_is_unknown(tmp_path):
    conductor = start(make_job(trials=2, epochs=2, sampler="random", metric="loss"), tmp_path / "journal.jsonl")
    assert optimism(conductor.history) is None
    simulate(conductor, lambda *_: 0.4, 1)
    assert optimism(conductor.history) is None


def test_it_is_told_in_two_digits_where_it_matters():
    assert optimism_text(0.01234, 48) == "best of 48 trials, so optimistic by about 0.012"
    assert [optimism_text(amount, trials) for amount, trials in ((None, 48), (1e-5, 48), (0.01, 1))] == ["", "", ""]
