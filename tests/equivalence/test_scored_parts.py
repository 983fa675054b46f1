"""What a report on a part of dev says is what the reference says of those examples, and a state goes on with it."""

import shutil
from dataclasses import replace

import pytest

from ptune.backbone.load import load_backbone
from ptune.data.dev_parts import dev_parts
from ptune.data.sources import Splits
from ptune.engine.fused import Engine
from ptune.engine.reference import predict_alone, train_alone
from ptune.engine.state import read
from ptune.record.dev_part import DEV_EXAMPLES
from ptune.record.trial_record import TrialRecord
from ptune.run.trial_states import TrialStates
from ptune.run.trials import TrialFactory
from ptune.spec.budget import Budget
from ptune.spec.stopping import Asha
from support.closeness import near
from support.words_and_spans import job_for, trials_of
from support.worlds import CONFIGS, World, finish
from support.written_texts import echoes, make_writer, writing_job

GROWING = {"dev_grows": True, "stopping": {"type": "asha", "eta": 2, "grace": 1, "spacing": 2}}
CONFIG = CONFIGS["v2 longer, dropout"]


@pytest.fixture
def growing(world, monkeypatch) -> World:
    """A world in which reports are scored on 8, 15 and then all 30 examples."""
    monkeypatch.setattr("ptune.spec.growing.LEAST", 5)
    return replace(world, budget=GROWING)


def reports_of(world: World, configs: dict[int, dict], reports: int) -> dict[int, list[dict[str, float]]]:
    engine = Engine(world.backbone, token_budget=2_000)
    for number, config in configs.items():
        engine.join(*world.trial(number, config))
        engine.advance(number, reports)
    outcomes = finish(engine)
    return {number: [one.metrics for one in outcomes if one.trial == number] for number in configs}


def test_each_report_says_what_the_reference_says_of_its_part(growing):
    names = ["v2 all layers", "v1 mlp around", "head"]
    found = reports_of(growing, {number: CONFIGS[name] for number, name in enumerate(names)}, 4)
    for number, name in enumerate(names):
        assert [report.get(DEV_EXAMPLES) for report in found[number]] == [8.0, 15.0, None, None]
        for report, size in enumerate((8, 15, 30, 30), 1):
            plan, learner = growing.trial(number, CONFIGS[name])
            split = plan.scored_on(report)
            train_alone(growing.backbone, learner, plan, report)
            measured = plan.task.measure(predict_alone(growing.backbone, learner, plan, split), split)
            said = {key: found[number][report - 1][key] for key in measured}
            assert (len(split), said) == (size, near(measured)), (name, report)


def test_all_trials_are_scored_on_the_same_nested_parts_of_the_jobs_own_draw(growing):
    (one, _), (other, _) = growing.trial(0, CONFIGS["head"]), growing.trial(1, CONFIGS["v2 mlp"])
    expected = [part.texts for part in dev_parts(growing.splits.dev, [8, 15], seed=7)]
    for plan in (one, other):
        assert [plan.scored_on(report).splits[0].texts for report in (1, 2)] == expected
        assert plan.scored_on(3) is plan.dev
    assert set(expected[0]) < set(expected[1])


def test_the_learner_that_is_kept_is_of_the_reports_on_the_most_of_dev(growing):
    for goal in (1, 2, 3, 4):
        (history,) = reports_of(growing, {0: CONFIG}, goal).values()
        state = growing.folder / "trials" / "0000" / "state.safetensors"
        saved = read(state)
        plan, learner = growing.trial(0, CONFIG)
        best = plan.objective.best_index(saved.history) + 1
        train_alone(growing.backbone, learner, plan, best)
        for key, tensor in learner.collapsed().items():
            assert (saved.best[key] - tensor).abs().max() < 1e-4, (goal, best, key)
        assert len(history) == 1
        assert best == goal or goal == 4, "each larger part begins anew"


@pytest.mark.parametrize("config", ["v2 longer, dropout", "v1 mlp around"])
def test_what_is_handed_on_is_of_the_best_report_in_the_journal_whatever_was_saved_after_it(growing, config):
    """As where a process ends between saving a state and writing its report."""
    told: list[dict[str, float]] = []
    for goal in (1, 2, 3, 4):
        (new,) = reports_of(growing, {0: CONFIGS[config]}, goal).values()
        told += new
        plan, _ = growing.trial(0, CONFIGS[config])
        state = str(plan.state_path.relative_to(growing.folder))
        for known in range(max(1, goal - 1), goal + 1):
            trial = TrialRecord(0, plan.config, plan.objective, "stopped", told[:known], state)
            saved, _ = TrialStates(growing.folder).best(trial)
            plan, learner = growing.trial(0, CONFIGS[config])
            train_alone(growing.backbone, learner, plan, trial.best_epoch)
            for key, tensor in learner.collapsed().items():
                assert (saved.best[key] - tensor).abs().max() < 1e-4, (goal, known, key)


def test_a_later_state_that_has_lost_the_best_of_the_journal_is_not_handed_on(growing):
    (told,) = reports_of(growing, {0: CONFIG}, 3).values()
    plan, _ = growing.trial(0, CONFIG)
    trial = TrialRecord(0, plan.config, plan.objective, "stopped", told[:1], "trials/0000/state.safetensors")
    saved, problems = TrialStates(growing.folder).best(trial)
    assert saved is None
    assert [str(problem).partition(", ")[2] for problem in problems] == [
        f"saved at report {held}, does not hold the learner of the best one" for held in (3, 2)
    ]


def test_a_trial_that_was_interrupted_says_the_same(growing):
    (unbroken,) = reports_of(growing, {3: CONFIG}, 4).values()
    shutil.rmtree(growing.folder / "trials" / "0003")
    broken = [report for goal in (1, 2, 3, 4) for report in reports_of(growing, {3: CONFIG}, goal)[3]]
    timed = {"seconds", "peak_memory_mb"}
    assert [{**one, **dict.fromkeys(timed)} for one in broken] == [{**one, **dict.fromkeys(timed)} for one in unbroken]


def test_a_pass_that_does_not_fit_is_cut_on_a_part_as_on_all_of_dev(growing):
    (whole,) = reports_of(growing, {0: CONFIG}, 2).values()
    shutil.rmtree(growing.folder / "trials" / "0000")
    engine = Engine(growing.backbone, token_budget=40)
    engine.join(*growing.trial(0, CONFIG))
    engine.advance(0, 2)
    small = [outcome.metrics for outcome in finish(engine)]
    for one, other in zip(whole, small, strict=True):
        assert one["loss"] == near(other["loss"])
        assert one[DEV_EXAMPLES] == other[DEV_EXAMPLES]


@pytest.mark.parametrize("kind", ["tokens", "span", "entity"])
def test_kinds_with_several_rows_an_example_are_scored_on_whole_examples(kind, tiny_backbone, tmp_path, monkeypatch):
    monkeypatch.setattr("ptune.spec.growing.LEAST", 5)
    job = job_for(kind, str(tiny_backbone("bert")), tmp_path)
    job = job.model_copy(update={"budget": Budget(trials=4, epochs=3, dev_grows=True, stopping=Asha(spacing=3))})
    ((plan, learner),) = trials_of(job, load_backbone(job.backbone.id), tmp_path, [{"method": "v2", "length": 3}])
    engine = Engine(load_backbone(job.backbone.id), token_budget=2_000)
    engine.join(plan, learner)
    engine.advance(0, 2)
    first, second = (outcome.metrics for outcome in finish(engine))
    split = plan.scored_on(1)
    assert (first[DEV_EXAMPLES], len(split), DEV_EXAMPLES in second) == (6, 6, False)
    if kind != "tokens":
        assert split.row_counts.sum() > len(split)


def test_written_texts_are_those_of_the_part(tmp_path, monkeypatch):
    monkeypatch.setattr("ptune.spec.growing.LEAST", 2)
    backbone = load_backbone(str(make_writer("gpt2", tmp_path / "writer")), lm=True)
    job = writing_job(backbone.id, budget={"trials": 1, "epochs": 3, "dev_grows": True, "stopping": {"spacing": 3}})
    splits = Splits(echoes(20, 1), echoes(9, 2), None, [])
    plan, learner = TrialFactory(job, [splits], backbone, tmp_path).make(0, {"method": "v2", "length": 3})
    engine = Engine(backbone, token_budget=2_000)
    engine.join(plan, learner)
    engine.advance(0, 2)
    first, second = (outcome.metrics for outcome in finish(engine))
    assert (first[DEV_EXAMPLES], DEV_EXAMPLES in second) == (3, False)
    split = plan.scored_on(1)
    again, fresh = TrialFactory(job, [splits], backbone, tmp_path / "again").make(0, {"method": "v2", "length": 3})
    train_alone(backbone, fresh, again, 1)
    answers = plan.task.predict(backbone, fresh, split, 2_000)
    assert {key: first[key] for key in ("loss", "bleu", "exact_match")} == near(
        {key: plan.task.measure(answers, split)[key] for key in ("loss", "bleu", "exact_match")}
    )
