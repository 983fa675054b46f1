"""Plans: a real conductor in virtual time, on engines whose trials slow each other down."""

from dataclasses import replace

import pytest

from ptune.searching.made_up import made_up
from ptune.searching.plan import Pace, Planned, flattens_at, plan, play, stopping_early
from ptune.searching.simulate import simulate
from ptune.spec.space import Space
from support.made_headers import header_of
from support.simulated import LAYERS, SPACE, curve, make_job, start

FULL = {"type": "none"}
PACE = Pace(alone_s=2.0, together_s=5.0, slots=4, start_s=10.0)
RESOLVED = Space(**SPACE).resolved(LAYERS)


def level(_config, _epoch):
    return 0.5


def planned(engines=(1,), **job):
    return list(plan(header_of(make_job(sampler="random", **job), LAYERS), PACE, engines))


def test_an_epoch_takes_longer_beside_others_and_less_than_after_them():
    assert [PACE.epoch_s(trials) for trials in (1, 2, 3, 4)] == [2.0, 3.0, 4.0, 5.0]
    assert PACE.gain == pytest.approx(4 * 2.0 / 5.0)
    assert Pace(2.0, 2.0, 1, 0.0).epoch_s(1) == 2.0


@pytest.mark.parametrize("stopping", [FULL, None])
def test_one_engine_whose_trials_do_not_slow_each_other_plays_a_search_as_slots_do(tmp_path, stopping):
    job = make_job(trials=12, stopping=stopping)
    slots = simulate(start(job, tmp_path / "slots"), curve, 4, lambda _: 3.0)
    engine = play(start(job, tmp_path / "engine"), curve, 1, Pace(3.0, 3.0, 4, 0.0))
    assert engine.epochs == slots.epochs
    assert (engine.makespan, engine.busy) == pytest.approx((slots.makespan, slots.busy))


def test_the_time_of_trials_that_share_an_engine_is_that_of_their_passes(tmp_path):
    played = play(start(make_job(trials=5, epochs=2, stopping=FULL), tmp_path / "journal"), level, 1, PACE)
    assert played.epochs == 10
    assert played.makespan == pytest.approx(2 * 5.0 + 2 * 2.0), "four beside each other, then one alone"
    two = play(start(make_job(trials=5, epochs=2, stopping=FULL), tmp_path / "two"), level, 2, PACE)
    assert two.makespan == pytest.approx(2 * 4.0), "three and two"


def test_a_plan_says_what_each_number_of_engines_takes_and_where_more_hardly_help():
    one, two, many = planned((1, 2, 16), trials=24, epochs=3, stopping=FULL)
    assert (one.trials, one.epochs, one.fewest_epochs, one.most_epochs) == (24, 72, 72, 72)
    assert one.wall_s == pytest.approx(10.0 + 6 * 3 * 5.0)
    assert two.wall_s == pytest.approx(10.0 + 3 * 3 * 5.0)
    assert two.device_hours == pytest.approx(2 * two.wall_s / 3600)
    assert flattens_at([one, two]) is None
    assert flattens_at([one, two, many, replace(many, engines=32)]) == 16


def test_limits_of_time_bound_the_epochs_and_those_of_results_are_left_out():
    (free,) = planned(trials=200, stopping=FULL)
    hour = 200 * PACE.together_s / PACE.slots / 3600  # what two hundred epochs take
    (timed,) = planned(trials=200, stopping=FULL, limits={"hours": hour, "target": 0.1, "patience": 1})
    assert free.epochs == 1800
    assert 150 <= timed.epochs <= 220
    (shared,) = planned((2,), trials=None, stopping=FULL, limits={"device_hours": hour})
    assert 150 <= shared.epochs <= 220


def test_early_stopping_is_proposed_where_it_saves():
    header = header_of(make_job(trials=27, sampler="random", stopping=FULL), LAYERS)
    cheaper = stopping_early(header, PACE, 1)
    assert isinstance(cheaper, Planned)
    assert cheaper.epochs < 0.5 * 27 * 9
    assert stopping_early(header_of(make_job(), LAYERS), PACE, 1) is None
    assert stopping_early(header_of(make_job(epochs=1, stopping=FULL), LAYERS), PACE, 1) is None


def test_made_up_curves_rise_and_can_be_learned():
    curves = made_up(RESOLVED, 5)
    config = {"method": "v2", "length": 40, "encoder": "embedding", "depth": 6, "dropout": 0.1, "lr": 0.01}
    assert curves(config, 1) == curves(config, 1)
    assert curves(config, 9) > curves(config, 1)
    rates = [10 ** (-4 + step / 10) for step in range(41)]
    values = [sum(curves(config | {"lr": rate}, epoch) for epoch in range(9, 29)) for rate in rates]
    best = values.index(max(values))
    assert values[0] < values[best] or values[-1] < values[best]
    assert all(
        abs(values[index] - values[best]) < abs(min(values) - values[best])
        for index in (max(0, best - 3), min(40, best + 3))
    )
