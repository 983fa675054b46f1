"""Searches for several objectives: rungs, samplers and the best follow the front, and a replay does the same."""

import statistics

import pytest

from ptune.record import journal
from ptune.record.events import Suggested
from ptune.record.front import Standing, fronts
from ptune.record.history import History
from ptune.searching.asha import Rungs
from ptune.searching.by_front import RungPlaces
from ptune.searching.simulate import simulate
from ptune.searching.vectors import BEST, LATEST
from support.refusals import refused_fields
from support.simulated import ceiling, curve, make_job, resume, start

SHORT = {"beside": ["prompt_length"]}
PLAIN = {
    "parameters": {
        "length": {"low": 4, "high": 128, "log": True},
        "dropout": {"low": 0.0, "high": 0.5},
        "lr": {"low": 1e-4, "high": 0.3, "log": True},
    }
}
"""A space without conditions."""


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: None)


def played(path, slots=4, objectives=SHORT, curve=curve, **options):
    conductor = start(make_job(objectives=objectives, **options), path)
    simulate(conductor, curve, slots=slots)
    return conductor


def wavering(config, epoch):
    """A curve that falls in every third epoch, so that an epoch and the best so far are not the same."""
    return curve(config, epoch) - 0.1 * (epoch % 3 == 0)


def of(history):
    return {trial.number: (trial.best_value, -(trial.config["length"])) for trial in history.ranked()}


def test_the_front_is_what_no_other_trial_beats(path):
    history = played(path, trials=32).history
    points, front = of(history), history.front
    beaten = {
        one
        for one, (value, short) in points.items()
        for other, (its, its_short) in points.items()
        if its >= value and its_short >= short and (its, its_short) != (value, short)
    }
    assert set(front.numbers) == points.keys() - beaten
    assert len(front.numbers) > 2
    values = [trial.best_value for trial in front.trials]
    assert values == sorted(values, reverse=True)
    assert history.best is front.trials[0]
    assert history.best.best_value == max(value for value, _ in points.values())


def test_the_knee_is_the_best_where_the_job_says_so(path):
    history = played(path, trials=24, objectives={**SHORT, "choose": "knee"}).history
    assert history.best is history.front.knee
    assert history.ranked()[1:] != history.front.trials[1:], "the knee was the best in the metric"
    assert history.configurations()[0].trials[0] is history.best


def test_a_rung_lets_both_ends_of_the_front_go_on():
    rungs = Rungs([1], eta=3)
    places = RungPlaces(rungs, alone=False)
    for trial, reached in enumerate([(0.9, -128), (0.6, -64), (0.5, -4), (0.55, -100), (0.5, -120), (0.45, -8)]):
        places.record(trial, 1, Standing(reached))
    assert [trial for trial in range(6) if rungs.goes_on(trial, 1)] == [0, 2]


def test_an_arrival_moves_the_places_of_the_others():
    rungs = Rungs([1], eta=2)
    places = RungPlaces(rungs, alone=False)
    places.record(0, 1, Standing((0.5, -10.0)))
    places.record(1, 1, Standing((0.4, -20.0)))
    assert rungs.promotable() == (0, 1)
    places.record(2, 1, Standing((0.6, -5.0)))
    places.record(3, 1, Standing((0.3, -1.0)))
    assert [rungs.goes_on(trial, 1) for trial in range(4)] == [False, False, True, True]
    places.discard(2)
    assert [rungs.goes_on(trial, 1) for trial in (0, 1, 3)] == [True, False, False]


def test_what_is_outside_of_the_bounds_goes_on_last():
    rungs = Rungs([1], eta=2)
    places = RungPlaces(rungs, alone=False)
    places.record(0, 1, Standing((0.9,), 0.5))
    places.record(1, 1, Standing((0.2,)))
    assert rungs.promotable() == (1, 1)


@pytest.mark.parametrize("sampler", ["auto", "tpe", "nsgaii", "nsgaiii", "random", "qmc"])
@pytest.mark.parametrize("objectives", [SHORT, None], ids=["several objectives", "the metric alone"])
def test_a_search_cut_anywhere_goes_on_as_it_would_have(path, tmp_path, sampler, objectives):
    whole = played(path, slots=1, trials=12, sampler=sampler, space=PLAIN, objectives=objectives, curve=wavering)
    events = journal.read(path)
    cuts = [index for index, event in enumerate(events) if isinstance(event, Suggested) and event.trial in (4, 9, 11)]
    for cut in cuts:
        part = tmp_path / f"cut-{cut}.jsonl"
        part.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:cut]))
        again = resume(part)
        simulate(again, wavering, slots=1)
        assert [trial.config for trial in again.history.trials.values()] == [
            trial.config for trial in whole.history.trials.values()
        ]
        assert again.history.ranked() == whole.history.ranked()
        assert again.history == History.of(journal.read(part))


def hypervolume(history):
    """The area that a front of accuracy and shortness covers above 0.75 and below 128 tokens."""
    front = [(trial.best_value - 0.75, 128 - trial.config["length"]) for trial in history.front.trials]
    area, reached = 0.0, 0.0
    for value, room in front:
        area += max(0.0, value) * max(0.0, room - reached)
        reached = max(reached, room)
    return area


def mean_area(folder, sampler, seeds=4):
    """Of some searches, what their fronts cover."""
    areas = []
    for seed in range(seeds):
        path = folder / f"{sampler}-{seed}.jsonl"
        options = {"trials": 60, "epochs": 3, "stopping": {"type": "none"}, "seed": seed, "sampler": sampler}
        areas.append(hypervolume(played(path, **options, space=PLAIN).history))
    return statistics.fmean(areas)


def test_the_sampler_covers_more_of_the_front_than_chance(tmp_path):
    assert mean_area(tmp_path, "tpe") > mean_area(tmp_path, "random")


@pytest.mark.parametrize("sampler", ["nsgaii", "nsgaiii"])
def test_a_child_has_the_values_of_its_parents_or_mutates_and_is_no_copy(path, sampler):
    history = played(path, slots=1, trials=40, sampler=sampler, space=PLAIN).history
    configs = [tuple(trial.config[name] for name in ("length", "dropout", "lr")) for trial in history.trials.values()]
    assert len(set(configs)) >= len(configs) - 1, "a parameter that mutates may take its old value by chance"
    inherited = [
        sum(any(config[axis] == earlier[axis] for earlier in configs[:number]) for axis in range(3))
        for number, config in enumerate(configs)
    ]
    assert sum(count >= 1 for count in inherited[20:]) > 15


def test_failures_and_what_rests_are_told_to_the_sampler(path):
    conductor = played(path, trials=20)
    listed = conductor._study._study.get_trials(deepcopy=False)
    states = {trial.number: trial.state.name for trial in listed}
    assert set(states.values()) == {"COMPLETE"}
    failed = [trial.number for trial in conductor.history.trials.values() if trial.status == "failed"]
    assert failed
    worst = [min(trial.values[axis] for trial in listed) for axis in (0, 1)]
    assert all(trial.values == worst for trial in listed if trial.number in failed)


def test_of_many_trials_a_sampler_sees_the_best_and_the_latest(path):
    conductor = played(path, trials=400, epochs=1, stopping={"type": "none"}, sampler="random")
    listed = [trial.number for trial in conductor._study._study.get_trials(deepcopy=False)]
    older = {number: trial.standing for number, trial in conductor.history.trials.items() if number < 400 - LATEST}
    known = {number: standing for number, standing in older.items() if standing is not None}
    best = sorted([number for layer in fronts(known) for number in layer][:BEST])
    assert listed == [*best, *range(400 - LATEST, 400)]


def test_a_search_without_objectives_decides_as_one_objective_alone(path):
    history = played(path, objectives=None, trials=12).history
    assert history.front is None
    assert {len(trial.standing.utilities) for trial in history.ranked()} == {1}
    assert ceiling(history.best.config) > 0.6


@pytest.mark.parametrize(
    ("objectives", "options", "place", "law"),
    [
        ({"beside": ["prompt_lenght"]}, {}, "objectives.beside", "did you mean 'prompt_length'?"),
        ({"beside": ["accuracy"]}, {}, "objectives.beside", "accuracy is task.metric already"),
        ({"beside": ["peak_memory_mb"]}, {}, "objectives.beside", "name training_memory_mb, or bound it with at_most"),
        ({"beside": ["loss", "loss"]}, {}, "objectives", "once"),
        ({}, {}, "objectives", "state beside, at_most or at_least"),
        ({"at_most": {"f2": 1}}, {}, "objectives.at_most", "must name a cost or a metric"),
        ({"at_most": {"backbone_share": "1"}}, {}, "objectives.at_most.backbone_share", "such as '0.1%', got '1'"),
        ({"at_least": {"accuracy": 0.5}, "choose": "knee"}, {}, "objectives", "choose = 'knee' needs"),
        (
            SHORT,
            {"stopping": {"type": "median"}},
            "budget.stopping",
            "rank under asha or screen or none, got type = 'median'",
        ),
        (SHORT, {"folds": 3, "stopping": {"type": "none"}}, "objectives", "with folds the mean of one metric decides"),
    ],
)
def test_what_objectives_cannot_be_is_refused_by_name(objectives, options, place, law):
    assert law in refused_fields(make_job, objectives=objectives, **options)[place]


def test_a_bound_may_be_a_share_in_percent_and_stays_what_it_is_in_a_record():
    job = make_job(objectives={"at_most": {"backbone_share": "0.1%", "prompt_length": 20}})
    assert job.objectives.at_most == {"backbone_share": 0.001, "prompt_length": 20.0}
    assert type(job).model_validate_json(job.model_dump_json()) == job


def test_a_prompt_that_is_too_long_is_rejected_before_it_trains_and_counts_as_no_trial(path):
    conductor = played(path, trials=16, objectives={"at_most": {"prompt_length": 20}})
    history = conductor.history
    rejected = [trial for trial in history.trials.values() if trial.config["length"] > 20]
    assert len(rejected) > 3
    assert {(trial.status, trial.epoch) for trial in rejected} == {("failed", 0)}
    assert "prompt_length <= 20 must hold, got" in rejected[0].reason
    assert len(history.trials) - len(rejected) == 16 == history.planned - len(rejected)
    assert history.best.config["length"] <= 20
    assert history == History.of(journal.read(path))


def test_bounds_that_almost_nothing_keeps_end_a_search_nevertheless(path):
    space = {"parameters": {"length": {"choices": [4, *range(1000, 1020)]}, "lr": {"low": 1e-4, "high": 1e-2}}}
    conductor = played(path, trials=2, sampler="random", space=space, objectives={"at_least": {"prompt_length": 1019}})
    assert conductor.done
    kept = [trial for trial in conductor.history.trials.values() if trial.config["length"] == 1019]
    assert len(kept) < 2
    assert len(conductor.history.trials) == 22


def test_what_its_results_take_out_of_the_bounds_is_never_the_best(path):
    bounds = {"at_most": {"loss": 0.3}, "at_least": {"accuracy": 0.6}}
    history = played(path, trials=12, objectives=bounds).history
    outside = [trial for trial in history.trials.values() if trial.broken]
    assert outside
    assert all(trial not in history.ranked() for trial in outside)
    assert all(trial.best_report["loss"] <= 0.3 and trial.best_value >= 0.6 for trial in history.ranked())
    assert history.best is not None
    nobody = played(path.with_name("other.jsonl"), trials=6, objectives={"at_least": {"accuracy": 0.99}}).history
    assert nobody.best is None
    assert "accuracy >= 0.99 must hold, got 0." in nobody.trials[0].broken[0]


@pytest.mark.parametrize(
    ("space", "place", "law"),
    [
        ({"parameters": {"length": {"low": 30, "high": 60}}}, "objectives.at_most", "no length of the space keeps"),
        (
            {"parameters": {"length": {"low": 3, "high": 60}}, "baseline": [{"length": 40}]},
            "space.baseline.0.length",
            "prompt_length <= 20 must hold, got 40",
        ),
    ],
)
def test_lengths_that_no_bound_lets_through_are_refused_before_a_search_starts(space, place, law):
    assert law in refused_fields(make_job, space=space, objectives={"at_most": {"prompt_length": 20}})[place]


def test_a_process_of_the_metric_alone_is_refused_by_name():
    ((place, law),) = refused_fields(make_job, sampler="gp", objectives={"beside": ["prompt_length"]}).items()
    assert (place, law) == (
        "budget.sampler",
        "'gp' models the metric alone; 'auto', 'tpe' and 'random' take several objectives",
    )
