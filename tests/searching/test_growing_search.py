"""A search whose dev split grows with the rungs ends with scores on all of dev, and counts no others beside them."""

import math
import random
from statistics import fmean

import pytest

from ptune.record import journal
from ptune.record.dev_part import DEV_EXAMPLES
from ptune.record.events import LimitReached
from ptune.record.history import FINAL, History
from ptune.record.requests import Add, Request, Stop
from ptune.searching.importance import importances
from ptune.searching.pasha import noise_of
from ptune.searching.simulate import simulate
from ptune.searching.study import Study
from ptune.spec.growing import part_sizes
from ptune.spec.stopping import HALVING
from support.made_histories import curve as made_curve
from support.made_histories import history_of
from support.simulated import ceiling, make_job, resume, start

ROWS = 2_000
PARTS = part_sizes(make_job(limits={"dev_grows": True}).budget, ROWS)
RULES = [{"type": name, "grace": 1} | ({"spacing": 3} if name == "asha" else {}) for name in HALVING]


ENDS = range(4, 10)
"""The epochs that are scored on all of dev."""


def job(trials=12, stopping=None, sampler="random", seed=0, **limits):
    return make_job(trials, stopping=stopping, sampler=sampler, seed=seed, limits={"dev_grows": True, **limits})


def score(config, epoch):
    """An accuracy that rises, with the noise of as many examples as the epoch is scored on."""
    size = next((size for last, size in PARTS if epoch <= last), None)
    noise = random.Random(repr((sorted(config.items(), key=str), epoch))).gauss(0, 0.4 * (size or ROWS) ** -0.5)
    value = ceiling(config) - 0.02 * (9 - epoch) / 9 + noise
    return {"accuracy": value, "loss": 1 - value} | ({} if size is None else {DEV_EXAMPLES: float(size)})


def played(path, slots=2, **settings):
    conductor = start(job(**settings), path, ROWS)
    simulate(conductor, score, slots)
    return conductor.history


@pytest.mark.parametrize("slots", [1, 4])
@pytest.mark.parametrize("stopping", RULES, ids=str)
def test_the_best_trial_is_one_that_was_scored_on_all_of_dev(path, stopping, slots):
    history = played(path, slots, stopping=stopping, trials=16)
    best = history.best
    assert (best.status, best.epoch, best.dev_examples) == ("complete", 9, None)
    whole = [trial for trial in history.trials.values() if trial.epoch > PARTS[-1][0]]
    means = [fmean(one["accuracy"] for one in trial.reports[max(3, end - 3) : end]) for trial in whole for end in ENDS]
    assert history.best_value == pytest.approx(max(means))
    assert {trial.status for trial in history.trials.values()} <= FINAL
    assert [trial.number for trial in history.ranked()][: len(whole)] == [
        trial.number for trial in sorted(whole, key=lambda trial: (-trial.best_value, trial.number))
    ]


@pytest.mark.parametrize("limits", [{"epochs_total": 30}, {"epochs_total": 61}, {"patience": 12}])
@pytest.mark.parametrize("stopping", RULES, ids=str)
def test_so_it_is_where_a_limit_ends_the_search(path, stopping, limits):
    best = played(path, stopping=stopping, trials=40, **limits).best
    assert (best.status, best.epoch, best.dev_examples) == ("complete", 9, None)


def test_a_target_is_reached_on_all_of_dev_alone(path):
    first = max(score(trial.config, 1)["accuracy"] for trial in played(path.with_name("a"), trials=30).trials.values())
    history = played(path, trials=30, target=round(first - 0.001, 4))
    early = [trial for trial in history.trials.values() if trial.values[0] >= first - 0.001]
    assert early, "a score on a part is good enough by itself"
    reached = [event for event in journal.read(path) if isinstance(event, LimitReached)]
    assert len(history.trials) == 30 or history.best_value >= first - 0.001
    assert bool(reached) == (history.best_value >= first - 0.001)


def test_a_target_that_only_noise_reaches_ends_nothing(path):
    lucky = {DEV_EXAMPLES: 223.0}

    def flat(_config, epoch):
        return {"accuracy": 0.9 if epoch == 1 else 0.7, "loss": 0.3} | (lucky if epoch == 1 else {})

    conductor = start(job(trials=9, target=0.85), path, ROWS)
    simulate(conductor, flat, 1)
    assert (conductor.history.limit, len(conductor.history.trials)) == (None, 9)


def test_patience_does_not_wait_for_what_only_a_part_has_reached(path):
    """The lucky score of a part is no record that scores on all of dev would have to break."""

    def rising(_config, epoch):
        part = {DEV_EXAMPLES: 223.0} if epoch <= 3 else {}
        return {"accuracy": 0.99 if part else 0.5 + 0.01 * epoch, "loss": 0.3} | part

    conductor = start(job(trials=3, patience=5), path, ROWS)
    simulate(conductor, rising, 1)
    assert conductor.history.limit is None
    assert conductor.history.best_value == pytest.approx(0.58), "the mean of epochs 7 to 9"


def with_a_bad_one_ahead(path, how, **limits):
    """A search whose first trial beyond the parts scores 0.55 on all of dev and ends there; others score 0.79."""
    conductor = start(job(trials=30, constant_epochs=4, **limits), path, ROWS)
    bad, running = None, []
    while True:
        while len(running) < 2 and (turn := conductor.next_turn()) is not None:
            running.append((turn.trial, turn.epoch + 1))
        if not running:
            return conductor.history, bad
        trial, epoch = running.pop(0)
        part = next(({DEV_EXAMPLES: float(size)} for last, size in PARTS if epoch <= last), {})
        bad = trial if bad is None and epoch == 2 else bad
        accuracy = 0.79 if trial != bad else 0.8 if part else 0.55
        constant = float(how == "constant" and bad in (None, trial))
        metrics = {"accuracy": accuracy, "loss": 0.3, "constant_prediction": constant, **part}
        decision = conductor.report(trial, epoch, metrics, "state")
        if how == "user" and trial == bad and not part:
            conductor.answer(Request.to(Stop(trial)))
        elif decision == "continue":
            running.append((trial, epoch + 1))


@pytest.mark.parametrize("how", ["user", "constant"])
def test_a_trial_that_is_cut_short_on_all_of_dev_leads_no_search_that_reaches_a_limit(path, how):
    history, bad = with_a_bad_one_ahead(path, how, patience=6)
    assert (history.limit.limit, history.trials[bad].status) == ("patience", "stopped")
    assert (history.trials[bad].epoch, history.trials[bad].dev_examples) == (4, None)
    assert (history.best.status, history.best_value, history.dev_examples) == ("complete", 0.79, None)
    assert history.ranked()[1].number == bad, "on as much of dev, it ranks by its score"


def test_a_trial_that_is_complete_on_a_part_leads_none_either(path):
    def curve(config, epoch):
        return {**score(config, epoch), "accuracy": 0.9 if config["epochs"] else 0.7}

    conductor = start(job(trials=30, patience=9), path, ROWS)
    conductor.answer(Request.to(Add({"method": "v2", "epochs": 2})))
    simulate(conductor, curve, 1)
    history = conductor.history
    assert history.limit.limit == "patience"
    assert (history.trials[0].status, history.trials[0].dev_examples) == ("complete", 667)
    assert (history.best.status, history.dev_examples) == ("complete", None)


@pytest.mark.parametrize("how", ["user", "constant"])
def test_a_trial_that_is_cut_short_is_no_parent_where_others_rest(path, how):
    history, bad = with_a_bad_one_ahead(path, how, inherit=True)
    parents = {(trial.inherited.trial, trial.inherited.epoch) for trial in history.trials.values() if trial.inherited}
    assert parents
    assert history.trials[bad].best_epoch == 4
    assert (bad, 4) not in parents


@pytest.mark.parametrize("sampler", ["auto", "tpe", "gp", "nsgaii"])
def test_a_search_cut_anywhere_goes_on_as_it_would_have(path, sampler):
    fixed = {"method": {"value": "v1"}, "encoder": {"value": "mlp"}}
    space = {"parameters": {"lr": {"low": 1e-3, "high": 0.1, "log": True}, **fixed}}
    made = make_job(14, sampler=sampler, space=space, limits={"dev_grows": True})
    conductor = start(made, path, ROWS)
    simulate(conductor, score, 1)
    lines = path.read_bytes().splitlines(keepends=True)
    cut = path.with_name("cut.jsonl")
    cut.write_bytes(b"".join(lines[: len(lines) // 2]))
    again = resume(cut)
    simulate(again, score, 1)
    assert numbers(again.history) == numbers(conductor.history)
    assert numbers(History.of(journal.read(cut))) == numbers(conductor.history)


def numbers(history):
    return [(trial.config, trial.status, trial.reports, trial.best_value) for trial in history.ranked()]


def test_a_sampler_learns_the_best_of_the_reports_on_the_most_of_dev(path):
    made = job(trials=9, sampler="tpe")
    study = Study(made.space.resolved(12), made.budget, seed=0, trials=9)
    study.ask(0)
    for epoch, (utility, examples) in enumerate([(0.9, 223), (0.6, 667), (0.7, 667), (0.5, 2e3), (0.4, 2e3)], 1):
        study.report(0, epoch, utility, scored_on=examples)
    study.tell(0, "complete")
    (trial,) = study._study.get_trials()
    assert list(trial.intermediate_values.values()) == [0.9, 0.6, 0.7, 0.5, 0.5]
    assert trial.value == 0.5


@pytest.mark.parametrize("part", [0.9, 0.7])
def test_a_sampler_that_knows_whole_results_alone_takes_none_on_a_part_for_better(path, part):
    """Trial 0 comes to 0.75 on all of dev; the others stop at the first rung, and a tenth lies between their scores."""
    space = {"parameters": {"method": {"value": "v2"}, "lr": {"low": 1e-3, "high": 0.1, "log": True}}}
    made = make_job(9, sampler="nsgaii", space=space, limits={"dev_grows": True})
    study = Study(made.space.resolved(12), made.budget, seed=0, trials=9)
    for number in range(4):
        study.ask(number)
    for epoch, (utility, examples) in enumerate([(0.8, 223), (0.8, 667), (0.75, math.inf)], 1):
        study.report(0, epoch, utility, scored_on=examples)
    study.tell(0, "complete")
    for number in (1, 2):
        study.report(number, 1, part - 0.1 * number, scored_on=223)
        study.tell(number, "stopped")
    study.tell(3, "failed")
    listed = [trial.value for trial in study._storage._list(0)]
    lowered = max(0.0, part - 0.1 - 0.75)
    assert listed == pytest.approx([0.75, part - 0.1 - lowered, part - 0.2 - lowered, part - 0.2 - lowered])


def test_what_mattered_is_told_by_scores_on_the_most_of_dev():
    """However high the scores on a part are, what is better on all of dev comes before them."""

    def shares(luck):
        draws = random.Random(1)
        made = []
        for _ in range(60):
            config = {"lr": 10 ** draws.uniform(-3, -1), "length": draws.randint(4, 64)}
            size = 4 if config["length"] < 20 else 1
            values = [0.8 + draws.gauss(0, 0.02) + (luck if size == 1 else 0.0) for _ in range(size)]
            trial = made_curve(values, config, "stopped", dev_examples=[223, 667, 667, 0][:size])
            made.append(trial)
            if size == 4:
                del trial.reports[-1][DEV_EXAMPLES]
        return importances(history_of(made, rows=ROWS))

    assert shares(0.1) == shares(-0.1)
    assert next(iter(shares(0.1))) == "length"


def test_pasha_counts_places_as_equal_by_the_error_of_the_smaller_part():
    part = made_curve([0.8, 0.8])
    part.reports[0][DEV_EXAMPLES] = 100.0
    history = history_of([part, part], rows=900)
    whole = noise_of(history_of([made_curve([0.8, 0.8])] * 2, rows=900))([0, 1], 2, 1)
    assert noise_of(history)([0, 1], 2, 1) == pytest.approx(3 * whole, rel=0.03)
