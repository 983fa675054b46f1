"""Population-based training: who is a parent, what its children change, and what follows from the journal alone."""

import math
from collections import Counter
from contextlib import closing

import numpy as np
import pytest

from ptune.errors import EngineError
from ptune.record.events import Suggested
from ptune.record.history import FINAL, History
from ptune.record.journal import Journal, read
from ptune.record.ranking import ranked
from ptune.searching.conductor import Conductor
from ptune.searching.perturb import perturbed
from ptune.searching.plan import Pace, plan, stopping_early
from ptune.searching.simulate import simulate
from ptune.spec.budget import startup_of
from ptune.spec.job import Tables, job_problems
from ptune.spec.space import Space
from ptune.spec.starts import OF_PROMPT
from ptune.spec.trial import TrialSpec
from support.made_headers import header_of
from support.refusals import refused_fields
from support.simulated import LAYERS, curve, make_job, start

PLAIN = {
    "method": {"value": "v2"},
    "length": {"low": 4, "high": 128, "log": True},
    "depth": {"low": 1, "high": "layers"},
    "dropout": {"low": 0.0, "high": 0.5, "step": 0.1},
    "lr": {"low": 1e-4, "high": 1.0, "log": True},
    "batch_size": {"choices": [8, 32, 16]},
    "passes": {"low": 1, "high": 6},
    "warmup": {"low": 0.0, "high": 0.4},
    "optimizer": {"choices": ["adam", "adamw"]},
}
MIXED = {
    "method": {"choices": ["head", "v1", "v2"]},
    "encoder": [
        {"choices": ["embedding", "lstm"], "when": {"method": "v1"}},
        {"choices": ["mlp"], "when": {"method": "v2"}},
    ],
    "length": {"low": 2, "high": 32, "when": {"method": ["v1", "v2"]}},
    "lr": [
        {"low": 1e-2, "high": 1e-1, "log": True, "when": {"method": ["head", "v2"]}},
        {"low": 1e-2, "high": 1e-1, "log": True, "when": {"encoder": "embedding", "method": "v1"}},
        {"low": 1e-4, "high": 1e-3, "log": True, "when": {"encoder": "lstm", "method": "v1"}},
    ],
    "backbone_lr": {"low": 1e-6, "high": 1e-4, "log": True, "when": {"method": "head"}},
}


def job_of(parameters=PLAIN, trials=24, baseline=(), **options):
    options = {"epochs": 2, "stopping": {"type": "none"}, "limits": {"inherit": True}, **options}
    space = {"parameters": parameters, "baseline": list(baseline)}
    return make_job(trials=trials, space=space, sampler="pbt", **options)


def played(path, slots=1, **options):
    """The events of a whole search."""
    simulate(start(job_of(**options), path), reached, slots)
    return read(path)


def reached(config, epoch):
    return curve({"encoder": "embedding", **config}, epoch)


def suggestions(events):
    return [event for event in events if isinstance(event, Suggested)]


@pytest.mark.parametrize("slots", [1, 4])
def test_trials_go_on_from_the_best_quarter_of_those_that_have_ended(path, slots):
    history, ranks = History(), Counter()
    for event in played(path, slots, trials=60):
        if isinstance(event, Suggested):
            ended = [trial.number for trial in ranked(one for one in history.trials.values() if one.status in FINAL)]
            assert (event.inherits is None) == (len(ended) < startup_of(60)), event.trial
            if event.inherits is not None:
                rank = ended.index(event.inherits.trial)
                assert rank < min(startup_of(60), math.ceil(len(ended) / 4))
                ranks[rank] += 1
        history.apply(event)
    assert len(ranks) > 5, "each of the best may be drawn"
    assert history.trials[59].epochs_before > 4, "lines of parents are long"


def test_a_child_is_near_the_trial_whose_prompt_it_takes_up(path):
    trials = History.of(played(path, 3, trials=60)).trials
    near = 0
    for child in trials.values():
        if child.inherited is not None:
            parent = trials[child.inherited.trial]
            shape = [name for name in OF_PROMPT if name in child.config]
            assert {name: child.config[name] for name in shape} == {name: parent.config[name] for name in shape}
            assert child.config != parent.config
            near += abs(math.log(child.config["lr"] / parent.config["lr"])) < 0.23
    assert near > 30, "three of four move by a quarter"
    shapes = [(trial.config["length"], trial.config["depth"]) for trial in trials.values()]
    assert len(set(shapes[:10])) == 10
    assert set(shapes[13:]) <= set(shapes[:13]), "with three slots, three begin before ten have ended"


def test_values_move_a_little_or_are_drawn_anew_within_the_space():
    space = Space(parameters=PLAIN).resolved(LAYERS)
    parent = TrialSpec.from_config(
        {"length": 9, "depth": 3, "dropout": 0.2, "lr": 0.9, "batch_size": 16, "passes": 2, "optimizer": "adam"}
    ).to_config()
    draws = np.random.default_rng(0)
    children = [perturbed(space, parent, draws) for _ in range(800)]
    for child in children:
        assert (child["length"], child["depth"]) == (9, 3)
        assert all(space.parameters[name][0].contains(value) for name, value in child.items()), child
    seen = {name: Counter(child[name] for child in children) for name in children[0]}
    moved = 800 * 0.75 / 2
    assert seen["lr"][0.9 / 1.25] == pytest.approx(moved, rel=0.15)
    assert seen["lr"][1.0] == pytest.approx(moved, rel=0.15), "the end of the range"
    assert len(seen["lr"]) > 150, "a quarter is drawn anew"
    assert seen["dropout"].keys() == {0.1 * step for step in range(6)}
    assert min(seen["dropout"][0.1], seen["dropout"][0.1 * 3]) > moved * 0.85
    assert seen["batch_size"][8] == pytest.approx(seen["batch_size"][32], rel=0.2)
    assert seen["batch_size"][16] < 100
    assert min(seen["passes"][1], seen["passes"][3]) > moved * 0.85
    assert min(seen["warmup"][0.0], seen["warmup"][0.05 * 0.4]) > moved * 0.85, "zero is left, too"
    assert seen["optimizer"]["adam"] == pytest.approx(800 * 0.875, rel=0.1)


def test_conditions_hold_and_networks_hand_on_what_they_have_computed(path):
    events = played(path, 2, parameters=MIXED, trials=40)
    space, trials = Space(**job_of(MIXED).space.model_dump()).resolved(LAYERS), History.of(events).trials
    children = [trial for trial in trials.values() if trial.inherited is not None]
    assert {trial.config["method"] for trial in trials.values()} == {"head", "v1", "v2"}
    assert len(children) > 20
    for child in children:
        parent = trials[child.inherited.trial]
        assert (child.config["method"], child.config["encoder"]) == ("v1", "embedding")
        assert parent.config["length"] == child.config["length"]
        assert 1e-2 <= child.config["lr"] <= 1e-1
        assert not space.misfits({name: child.config[name] for name in ("method", "encoder", "length", "lr")})
    assert {trials[child.inherited.trial].config["encoder"] for child in children} == {"embedding", "lstm"}


def test_nothing_goes_on_where_no_trial_so_far_can_hand_on_its_prompt(path):
    baseline = [{"method": "head"}] * 8
    events = suggestions(played(path, parameters=MIXED, trials=24, baseline=baseline))
    assert [event.inherits for event in events[:9]] == [None] * 9


def test_points_that_are_stated_are_tried_as_they_are(path):
    baseline = [{"lr": 0.001 * (number + 1)} for number in range(12)]
    events = suggestions(played(path, baseline=baseline))
    assert [event.config["lr"] for event in events[:12]] == [point["lr"] for point in baseline]
    assert [event.inherits is None for event in events] == [True] * 12 + [False] * 12


def test_a_journal_that_is_cut_anywhere_leads_to_the_same_trials(path):
    events = played(path, parameters=MIXED, trials=16)
    whole = [(event.config, event.inherits) for event in suggestions(events)]
    assert any(inherits for _, inherits in whole)
    for cut in range(1, len(events), 7):
        with closing(Journal(path.with_name(f"{cut}.jsonl"))) as writer:
            conductor = Conductor(writer, [writer.append(event) for event in events[:cut]])
            simulate(conductor, reached, slots=1)
            again = suggestions(read(path.with_name(f"{cut}.jsonl")))
        assert [(event.config, event.inherits) for event in again] == whole


def test_what_trains_decides_nothing(path):
    third = []
    for value in (0.1, 0.99):
        conductor = start(job_of(trials=15), path.with_name(f"{value}.jsonl"))
        for _ in range(12):
            turn = conductor.next_turn()
            for epoch in (1, 2):
                conductor.report(turn.trial, epoch, {"accuracy": reached(turn.config, epoch), "loss": 0.5}, "state")
        first, _ = conductor.next_turn(), conductor.next_turn()
        conductor.report(first.trial, 1, {"accuracy": value, "loss": 0.5}, "state")
        third.append(conductor.history.trials[conductor.next_turn().trial])
    assert third[0].inherited.trial < 12
    assert (third[0].number, third[0].config) == (third[1].number, third[1].config)
    assert third[0].inherited == third[1].inherited


def test_a_damaged_parent_is_passed_over_and_another_one_perturbed(path):
    def keep(parent, trial):
        kept.append((parent.number, trial))
        if parent.number == damaged:
            raise EngineError("damaged")

    kept, damaged = [], None
    whole = suggestions(played(path))
    damaged = next(event.inherits.trial for event in whole if event.inherits)
    with closing(Journal(path.with_name("damaged.jsonl"))) as writer:
        conductor = Conductor(writer, [writer.append(header_of(job_of(), LAYERS))], keep)
        simulate(conductor, reached, slots=1)
    trials = conductor.history.trials
    first = next(trial for trial in trials.values() if trial.inherited)
    assert kept[:2] == [(damaged, first.number), (first.inherited.trial, first.number)]
    for child in trials.values():
        if child.inherited is not None:
            assert child.inherited.trial != damaged
            assert child.config["length"] == trials[child.inherited.trial].config["length"]


def test_values_are_new_where_the_space_has_new_ones(path):
    few = {**PLAIN, "length": {"value": 8}, "depth": {"value": 2}, "lr": {"choices": [0.01, 0.02, 0.04]}}
    few = {name: few[name] for name in ("method", "length", "depth", "lr", "batch_size", "optimizer")}
    configs = [tuple(event.config.values()) for event in suggestions(played(path, parameters=few, trials=18))]
    assert len(configs[6:]) == 12
    fresh = [config for number, config in enumerate(configs) if config not in configs[:number]]
    assert len(fresh) >= 11, "of 18 combinations"
    one = {"method": {"value": "v2"}, "lr": {"choices": [0.01, 0.02]}}
    repeated = suggestions(played(path.with_name("one.jsonl"), parameters=one, trials=9))
    assert all(event.inherits for event in repeated[4:]), "they go on all the same"


def test_parents_of_several_objectives_come_from_the_front_first(path):
    objectives = {"beside": ["prompt_length"], "at_most": {"prompt_length": 64}}
    trials = History.of(played(path, objectives=objectives, trials=30)).trials
    parents = {trials[trial.inherited.trial].config["length"] for trial in trials.values() if trial.inherited}
    lengths = [trial.config["length"] for trial in trials.values() if trial.reports]
    assert parents
    assert max(lengths) <= 64
    assert min(parents) == min(lengths), "the shortest one is on the front"


def test_a_population_is_planned_and_early_stopping_is_no_advice():
    header, pace = header_of(job_of(epochs=9), LAYERS), Pace(2.0, 5.0, 4, 10.0)
    (planned,) = plan(header, pace, [1])
    assert (planned.trials, planned.epochs) == (24, 24 * 9)
    assert stopping_early(header, pace, 1) is None


@pytest.mark.parametrize(
    ("options", "place", "law"),
    [
        ({"limits": {}}, "budget.inherit", "'pbt' needs inherit = true: its trials go on from the prompts of others"),
        (
            {"stopping": {"type": "asha"}},
            "budget.stopping",
            "'pbt' needs stopping = { type = \"none\" }: a trial is one",
        ),
        ({"stopping": {"type": "median"}}, "budget.stopping", "got type = 'median'"),
        ({"parameters": {**PLAIN, "encoder": {"value": "mlp"}}}, "budget.sampler", "this space has none"),
        ({"parameters": {"method": {"value": "v1"}, "lr": PLAIN["lr"]}}, "budget.sampler", 'encoder = "embedding"'),
        ({"parameters": {"method": {"value": "head"}, "lr": PLAIN["lr"]}}, "budget.sampler", "a method with a prompt"),
        ({"parameters": {**PLAIN, "backbone_lr": {"value": 1e-5}}}, "budget.sampler", "no backbone_lr"),
        (
            {"parameters": {name: PLAIN[name] for name in ("method", "length", "depth")}},
            "budget.sampler",
            "this space searches length, depth",
        ),
        ({"trials": 4}, "budget.trials", "'pbt' needs trials > 4: the first 4 begin afresh, got 4"),
        ({"folds": 3}, "budget.inherit", "with folds, a prompt that is inherited"),
    ],
)
def test_what_cannot_be_a_population_is_refused_by_name(options, place, law):
    ((where, text),) = refused_fields(job_of, **options).items()
    assert where == place
    assert law in text


def test_a_space_that_is_broken_elsewhere_is_not_judged():
    tables = Tables.of(job_of())
    space = Space(parameters={"method": {"value": "v2"}})
    laws = [job_problems(Tables(space=space, budget=tables.budget, dropped=dropped)) for dropped in ((), {"lr"})]
    assert [len(problems) for problems in laws] == [1, 0]
