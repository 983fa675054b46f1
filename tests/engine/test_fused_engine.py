"""How the engine hands out its passes, and what ends a trial without touching its neighbours."""

import math
import shutil
import time
from dataclasses import replace

import pytest
import torch

from ptune.engine.fused import Engine, Failure, Report
from ptune.engine.slots import Slot
from ptune.engine.state import previous, read, save
from ptune.errors import DivergedError, EngineError
from ptune.prompts.forward import eval_mini_batches
from ptune.record.objective import Objective
from support.closeness import near
from support.worlds import CONFIGS, World, finish


def engine_with(world: World, configs: dict[int, dict], token_budget: int = 100_000) -> Engine:
    engine = Engine(world.backbone, token_budget)
    for number, config in configs.items():
        engine.join(*world.trial(number, config))
    return engine


def passes(engine: Engine) -> int:
    count = 0
    while engine.busy:
        engine.step()
        count += 1
    return count


def test_nothing_trains_before_a_goal_is_set(world):
    engine = engine_with(world, {0: CONFIGS["head"]})
    assert not engine.busy
    assert engine.step() == []


def test_trials_share_passes_until_the_token_budget_is_full(world):
    configs = dict.fromkeys(range(4), CONFIGS["v2 all layers"])
    counts = {}
    for budget in (100_000, 130):
        engine = engine_with(world, configs, budget)
        for trial in configs:
            engine.advance(trial, 1)
        counts[budget] = passes(engine)
        for trial in configs:
            shutil.rmtree(world.folder / "trials" / f"{trial:04d}")
    plan, _ = world.trial(0, configs[0])
    alone = {
        budget: len(configs) * (plan.steps_per_epoch + len(eval_mini_batches(plan.dev, budget))) for budget in counts
    }
    assert counts[100_000] < 0.7 * alone[100_000]
    assert counts[100_000] < counts[130] <= alone[130]


def test_trials_that_finish_an_epoch_together_are_scored_together(world, monkeypatch):
    from ptune.engine import fused

    scored = []
    real = fused.forward

    def noting(backbone, groups):
        scored.append([group.draws is None for group in groups])
        return real(backbone, groups)

    monkeypatch.setattr(fused, "forward", noting)
    engine = engine_with(world, dict.fromkeys(range(3), CONFIGS["v2 all layers"]))
    for trial in range(3):
        engine.advance(trial, 1)
    passes(engine)
    assert scored[-1] == [True, True, True]
    assert all(len(set(one)) == 1 for one in scored)


def test_a_pass_wastes_little_on_padding(world, monkeypatch):
    from ptune.engine import fused

    seen = []

    def watched(backbone, groups):
        widths = [int(group.examples.lengths[group.indices].max()) for group in groups]
        rows = [len(group.indices) for group in groups]
        seen.append((sum(rows) * max(widths), sum(r * w for r, w in zip(rows, widths, strict=True))))
        return real(backbone, groups)

    real = fused.forward
    monkeypatch.setattr(fused, "forward", watched)
    engine = engine_with(world, dict.fromkeys(range(6), CONFIGS["v2 all layers"]))
    for trial in range(6):
        engine.advance(trial, 1)
    finish(engine)
    assert all(padded <= 1.2 * own for padded, own in seen)
    assert any(padded > own for padded, own in seen)


def test_under_a_tight_budget_every_trial_moves_on(world):
    engine = engine_with(world, dict.fromkeys(range(3), CONFIGS["v2 all layers"]), token_budget=1)
    for trial in range(3):
        engine.advance(trial, 1)
    outcomes = finish(engine)
    assert [outcome.trial for outcome in outcomes] == [0, 1, 2]


def test_a_diverging_trial_leaves_alone(world):
    engine = engine_with(world, {0: CONFIGS["v2 all layers"], 1: CONFIGS["v2 all layers"]})
    clean = engine_with(world, {2: CONFIGS["v2 all layers"]})
    with torch.no_grad():
        engine._slots[0].learner.head().out.weight.fill_(math.nan)
    for trial in (0, 1):
        engine.advance(trial, 2)
    outcomes = finish(engine)

    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    assert [failure.trial for failure in failures] == [0]
    assert isinstance(failures[0].error, DivergedError)
    assert "trial 0" in str(failures[0].error)
    assert "epoch 1" in str(failures[0].error)
    reports = [outcome for outcome in outcomes if isinstance(outcome, Report)]
    assert [(report.trial, report.epoch) for report in reports] == [(1, 1), (1, 2)]
    assert all(math.isfinite(report.metrics["loss"]) for report in reports)
    assert clean.advance(2, 1) is None


def test_a_freed_slot_takes_another_trial_between_passes(world):
    engine = engine_with(world, {0: CONFIGS["v2 all layers"]})
    engine.advance(0, 1)
    engine.step()
    engine.join(*world.trial(1, CONFIGS["v1 lstm before"]))
    engine.advance(1, 1)
    engine.leave(0)
    engine.leave(0)
    assert [outcome.trial for outcome in finish(engine)] == [1]


def test_a_report_that_exists_is_given_again(world):
    engine = engine_with(world, {0: CONFIGS["head"]})
    engine.advance(0, 2)
    first, second = finish(engine)
    assert engine.advance(0, 1) == first
    assert engine.advance(0, 2) == second
    assert not engine.busy


def test_a_slot_is_taken_once_and_only_trials_with_a_slot_advance(world):
    engine = engine_with(world, {0: CONFIGS["head"]})
    with pytest.raises(EngineError, match="trial 0 has a slot already"):
        engine.join(*world.trial(0, CONFIGS["head"]))
    with pytest.raises(EngineError, match=r"trial 5 has no slot \(slots: \[0\]\)"):
        engine.advance(5, 1)


def test_a_state_of_another_configuration_is_set_aside(world):
    engine = engine_with(world, {0: CONFIGS["head"]})
    engine.advance(0, 1)
    finish(engine)
    fresh = Engine(world.backbone, 100)
    plan, learner = world.trial(0, CONFIGS["v2 all layers"])
    (event,) = fresh.join(plan, learner)
    assert (event.trial, event.epoch, event.file) == (0, 0, "trials/0000/state.safetensors")
    assert "holds trial 0 with" in event.reason
    assert not plan.state_path.exists()
    assert plan.state_path.with_name("state.safetensors.damaged").exists()


def truncated(content):
    return content[: len(content) * 2 // 3]


def with_a_flipped_bit(content):
    return content[:-5] + bytes([content[-5] ^ 8]) + content[-4:]


def with_another_report(content):
    return content.replace(b'\\"accuracy\\": 0.', b'\\"accuracy\\": 1.', 1)


def full_of_nulls(content):
    return bytes(len(content))


@pytest.mark.parametrize("damage", [truncated, with_a_flipped_bit, with_another_report, full_of_nulls])
def test_a_damaged_state_is_absent(world, damage):
    config = CONFIGS["v2 longer, dropout"]
    whole = engine_with(world, {0: config})
    whole.advance(0, 4)
    expected = [outcome.metrics for outcome in finish(whole)]
    latest, earlier = world.trial(0, config)[0].state_path, previous(world.trial(0, config)[0].state_path)
    for damaged, epoch in (([latest], 3), ([latest, earlier], 0)):
        for path in damaged:
            content = path.read_bytes()
            assert damage(content) != content
            path.write_bytes(damage(content))
        engine = Engine(world.backbone, 100_000)
        events = engine.join(*world.trial(0, config))
        assert [(event.epoch, event.file) for event in events] == [(epoch, f"trials/0000/{p.name}") for p in damaged]
        engine.advance(0, 4)
        reports = finish(engine)
        assert [report.epoch for report in reports] == list(range(epoch + 1, 5))
        for report in reports:
            assert report.metrics["loss"] == near(expected[report.epoch - 1]["loss"])


def test_a_state_whose_tensors_do_not_fit_is_absent(world):
    plan, learner = world.trial(0, CONFIGS["v2 all layers"])
    engine = Engine(world.backbone, 100_000)
    engine.join(plan, learner)
    engine.advance(0, 1)
    finish(engine)
    wider = Slot(plan, world.trial(0, CONFIGS["v2 longer, dropout"])[1])
    save(wider)
    events = Engine(world.backbone, 100_000).join(*world.trial(0, CONFIGS["v2 all layers"]))
    assert [event.epoch for event in events] == [1], "the earlier state is sound"
    assert "has another shape" in events[0].reason


def test_a_damaged_state_is_named(world, tmp_path):
    path = tmp_path / "state.safetensors"
    path.write_bytes(b"not a state")
    with pytest.raises(EngineError, match=r"state\.safetensors is not a readable trial state"):
        read(path)
    with pytest.raises(EngineError, match="is not a readable trial state"):
        read(tmp_path / "missing.safetensors")


def test_reports_hold_what_people_compare(world):
    engine = engine_with(world, {0: CONFIGS["v2 all layers"]})
    engine.advance(0, 1)
    (report,) = finish(engine)
    length, layers, width, classes = 5, world.backbone.shape.layers, world.backbone.shape.hidden, 2
    trained = length * layers * 2 * width + classes * (width + 1)
    assert report.metrics["trainable_parameters"] == trained
    assert report.metrics["backbone_share"] == trained / world.backbone.shape.parameters
    assert 0.5 <= report.metrics["majority_baseline"] <= 1.0
    assert report.metrics["peak_memory_mb"] > 0
    assert report.metrics["seconds"] > 0
    assert {"accuracy", "macro_f1", "loss", "train_loss", "lr", "constant_prediction"} <= report.metrics.keys()


def test_the_best_epoch_is_kept_not_the_last(world):
    engine = engine_with(world, {0: {"method": "v2", "length": 4, "lr": 0.1, "batch_size": 8}})
    engine.advance(0, 4)
    reports = [outcome.metrics for outcome in finish(engine)]
    tensors = read(world.folder / "trials" / "0000" / "state.safetensors").tensors
    last = {name: tensor for name, tensor in tensors.items() if name.startswith("learner.prompts.0.")}
    is_last = torch.equal(tensors["best.prompt.0"], next(iter(last.values())))
    assert is_last == Objective("accuracy", selection="smoothed").keeps_latest(reports)


def constant_scores(world: World, **changes) -> tuple[torch.Tensor, torch.Tensor]:
    """The first and the kept value of a head that never changes its answers, and so never scores better or worse."""
    plan, learner = world.trial(0, {"method": "head", "lr": 1e-9, "batch_size": 8})
    first = learner.collapsed()["head.0.out.weight"]
    engine = Engine(world.backbone, 100_000)
    engine.join(replace(plan, **changes), learner)
    engine.advance(0, 3)
    values = [outcome.metrics["accuracy"] for outcome in finish(engine)]
    assert len(values) == 3
    assert len(set(values)) == 1, "the case to test is gone"
    last = learner.collapsed()["head.0.out.weight"]
    kept = read(plan.state_path).best["head.0.out.weight"]
    assert not torch.equal(first, last)
    return kept, last


def test_of_equal_epochs_the_first_is_kept(world):
    kept, last = constant_scores(world)
    assert not torch.equal(kept, last)


def test_of_equal_epochs_the_last_is_kept_on_request(world):
    kept, last = constant_scores(world, objective=Objective("accuracy", selection="last"))
    assert torch.equal(kept, last)


def test_an_epoch_may_be_several_passes_over_few_examples(world):
    engine = engine_with(world, {0: {"method": "head", "batch_size": 8, "passes": 3}})
    assert world.trial(0, {"method": "head", "batch_size": 8, "passes": 3})[0].steps_per_epoch == 3 * 6
    engine.advance(0, 1)
    assert passes(engine) == 3 * 6 + 1, "the last one scores"


def test_trials_that_must_be_alone_take_turns_with_the_others(world, monkeypatch):
    from ptune.engine import fused

    packed = []
    real = fused.forward

    def watched(backbone, groups):
        packed.append([group.learner.needs_own_pass for group in groups])
        return real(backbone, groups)

    monkeypatch.setattr(fused, "forward", watched)
    tuned = {"method": "head", "backbone_lr": 1e-4, "batch_size": 8}
    engine = engine_with(world, {0: tuned, 1: CONFIGS["v2 all layers"], 2: tuned, 3: CONFIGS["v2 all layers"]})
    for trial in range(4):
        engine.advance(trial, 1)
    assert len(finish(engine)) == 4
    assert all(len(alone) == 1 for alone in packed if any(alone))
    assert any(len(alone) == 2 for alone in packed)


def test_the_time_of_a_pass_is_shared_by_the_tokens_of_its_trials(world):
    engine = Engine(world.backbone, 100_000)
    for number, batch_size in ((0, 2), (1, 8)):
        plan, learner = world.trial(number, CONFIGS["v2 all layers"] | {"batch_size": batch_size})
        engine.join(replace(plan, shares_time=True), learner)
        engine.advance(number, 1)
    began = time.monotonic()
    reports = {report.trial: report.metrics for report in finish(engine)}
    passed = time.monotonic() - began
    shares = [reports[number]["own_seconds"] for number in (0, 1)]
    assert 0.5 * passed < sum(shares) <= passed
    assert min(shares) > 0.05 * passed, "both see the same texts"
    assert reports[0]["seconds"] > 1.2 * shares[0], "while it held its slot, the other one trained, too"


def test_a_trial_whose_time_nobody_weighs_reports_none_of_its_own(world):
    engine = engine_with(world, {0: CONFIGS["v2 all layers"]})
    engine.advance(0, 1)
    (report,) = finish(engine)
    assert "own_seconds" not in report.metrics
