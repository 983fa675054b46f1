"""Invariants 1, 2, 3 and 5: a packed trial is the trial alone; only the learner changes; resuming is exact."""

import hashlib
import shutil
from dataclasses import replace

import pytest
import torch

from ptune.backbone.backbone import Backbone
from ptune.backbone.load import load_backbone
from ptune.data.sources import Splits
from ptune.engine.fused import Engine, Failure, Report
from ptune.engine.reference import predict_alone, score, train_alone
from ptune.engine.slots import Plan
from ptune.engine.state import read
from ptune.prompts.draws import Draws
from ptune.prompts.forward import MiniBatch, forward
from ptune.prompts.learner import Learner
from ptune.prompts.predict import predict
from support.closeness import close, close_gradients, near
from support.worlds import CONFIGS, TUNED, WORDED, World, finish, sentences

pytestmark = pytest.mark.gpu

EPOCHS = 3
MANUAL = {"method": "manual"}
FAITHFUL = {"method": "v2", "length": 5, "faithful": True, "batch_size": 8, "dropout": 0.1}


@pytest.fixture(params=["bert", "gpt2"])
def worded(request, tiny_language_model, world, device) -> World:
    """A world whose labels are words that the language head names."""
    words = {"template": "{text} It was [MASK]", "verbalizer": {"no": "cold", "yes": ["warm", "sweet"]}}
    backbone = load_backbone(str(tiny_language_model(request.param)), device=device, lm=True)
    return replace(world, backbone=backbone, data=words)


@pytest.fixture
def pair_of_sets(world) -> World:
    """Two data sets, the second with three labels and fewer examples."""

    def third(count: int, seed: int):
        split = sentences(count, seed)
        return replace(split, labels=[(label + number) % 3 for number, label in enumerate(split.labels)])

    return replace(world, more=[Splits(third(19, 3), third(11, 4), None, ["a", "b", "c"])])


def run(engine: Engine, goals: dict[int, int]) -> list[Report | Failure]:
    """Advance trials to their goals and return everything that came to an end."""
    outcomes = [report for trial, epoch in goals.items() if (report := engine.advance(trial, epoch))]
    return outcomes + finish(engine)


def alone(world: World, number: int, config: dict, epochs: int = EPOCHS) -> tuple[Learner, list[float], float]:
    """Train one trial by the reference; return its learner, every step's loss and the final dev accuracy."""
    plan, learner = world.trial(number, config)
    backbone = learner.backbone or world.backbone
    losses = train_alone(backbone, learner, plan, epochs)
    answers = predict_alone(backbone, learner, plan, plan.dev)
    return learner, losses, plan.task.measure(answers, plan.dev)["accuracy"]


def together(world: World, configs: dict[str, dict]) -> tuple[dict[int, Learner], dict[int, dict[str, float]]]:
    """Train trials on one engine; return their learners and their last reports."""
    engine = Engine(world.backbone, token_budget=2_000)
    trained = {}
    for number, config in enumerate(configs.values()):
        plan, learner = world.trial(number, config)
        engine.join(plan, learner)
        trained[number] = learner
    outcomes = run(engine, dict.fromkeys(trained, EPOCHS))
    return trained, {outcome.trial: outcome.metrics for outcome in outcomes if outcome.epoch == EPOCHS}


def check_each_equals_its_reference(world: World, configs: dict[str, dict]) -> None:
    """Losses agree, and so does what was trained.

    Where a gradient is as small as its rounding (the bias of a key in a tuned backbone has none at all), Adam makes
    whole steps of it: one value in a hundred may differ by more than 1e-5.
    """
    trained, final = together(world, configs)
    for number, (name, config) in enumerate(configs.items()):
        learner, losses, accuracy = alone(world, number, config)
        last_epoch = losses[-len(losses) // EPOCHS :]
        assert final[number]["train_loss"] == near(sum(last_epoch) / len(last_epoch)), name
        assert final[number]["accuracy"] == accuracy, name
        found = trained[number].collapsed()
        pairs = [(found[key], tensor) for key, tensor in learner.collapsed().items()]
        differences = torch.cat([(one - other).abs().flatten() for one, other in pairs])
        assert (differences > 1e-5).float().mean() < 0.01, name
        assert differences.max() < 1e-3, name


def test_one_packed_pass_gives_every_trial_its_own_losses_and_gradients(world):
    trials = [world.trial(number, config) for number, config in enumerate(CONFIGS.values())]
    draws = [Draws.of_step(torch.Generator().manual_seed(number)) for number in range(len(trials))]
    groups = [
        MiniBatch(learner, plan.train, range_of(plan.recipe.batch_size), plan.recipe.head_dropout, own_draws)
        for (plan, learner), own_draws in zip(trials, draws, strict=True)
    ]
    scored = forward(world.backbone, groups)
    losses = [plan.task.loss(one) for (plan, _), one in zip(trials, scored, strict=True)]
    torch.stack(losses).sum().backward()

    for number, (config, packed) in enumerate(zip(CONFIGS.values(), groups, strict=True)):
        plan, learner = world.trial(number, config)
        own_draws = Draws.of_step(torch.Generator().manual_seed(number))
        dropout = plan.recipe.head_dropout
        loss = plan.task.loss(score(world.backbone, learner, plan.train, packed.indices, dropout, own_draws))
        loss.backward()
        close(losses[number], loss)
        pairs = zip(packed.learner.named_parameters(), learner.parameters(), strict=True)
        for (name, fused), reference in pairs:
            close_gradients(fused.grad, reference.grad, name)


def range_of(count: int):
    return torch.arange(count).numpy()


@pytest.mark.parametrize("names", [list(CONFIGS)[:9], ["head", *list(CONFIGS)[9:]]], ids=["first", "second"])
def test_a_whole_training_equals_the_reference_whoever_the_neighbours_are(world, names):
    check_each_equals_its_reference(world, {name: CONFIGS[name] for name in names})


def test_tuned_backbones_train_beside_frozen_ones(world):
    names = ("v2 longer, dropout", "v1 lstm before")
    configs = TUNED | {"faithful": FAITHFUL} | {name: CONFIGS[name] for name in names}
    check_each_equals_its_reference(world, configs)


def test_all_of_a_tuned_backbone_moves(world):
    trained, _ = together(world, TUNED)
    original = dict(world.backbone.named_parameters())
    for learner in trained.values():
        assert [name for name, one in learner.body_parameters if torch.equal(one, original[name])] == []


def test_words_for_labels_train_like_any_head(worded):
    check_each_equals_its_reference(worded, WORDED)


def test_a_manual_prompt_is_scored_and_trains_nothing(worded):
    before = fingerprint(worded.backbone)
    trained, final = together(worded, WORDED | {"manual": MANUAL})
    plan, learner = worded.trial(4, MANUAL)
    expected = plan.task.measure(predict_alone(worded.backbone, learner, plan, plan.dev), plan.dev)
    assert final[4]["accuracy"] == expected["accuracy"]
    assert final[4]["loss"] == near(expected["loss"])
    assert (final[4]["trainable_parameters"], final[4]["lr"], final[4]["backbone_share"]) == (0.0, 0.0, 0.0)
    assert trained[4].collapsed() == {}
    assert fingerprint(worded.backbone) == before


def test_several_data_sets_share_a_prompt_and_have_heads_of_their_own(pair_of_sets):
    names = ("v2 longer, dropout", "v1 lstm before", "prompt tuning, words", "head")
    check_each_equals_its_reference(pair_of_sets, {name: CONFIGS[name] for name in names})
    plan, learner = pair_of_sets.trial(9, CONFIGS["v2 all layers"])
    assert plan.steps_per_epoch == 6 + 3
    assert [head.out.out_features for head in learner.heads] == [2, 3]
    assert len(learner.prompts) == 1


@pytest.mark.parametrize("name", ["v2 all layers", "v1 mlp around", "head"])
def test_batched_prediction_keeps_the_order_and_ignores_padding(pair_of_sets, name):
    plan, learner = pair_of_sets.trial(0, CONFIGS[name])
    batched = predict(pair_of_sets.backbone, learner, plan.dev, 64, plan.task.answer)
    one_by_one = predict_alone(pair_of_sets.backbone, learner, plan, plan.dev)
    assert [len(answer) for answer in batched] == [2] * 30 + [3] * 11
    for together_, alone_ in zip(batched, one_by_one, strict=True):
        assert together_ == near(alone_)


@pytest.mark.parametrize(
    "config",
    [
        CONFIGS["v2 longer, dropout"],
        CONFIGS["v1 passes"],
        TUNED["v2 tuned"],
        FAITHFUL,
    ],
    ids=["frozen", "several passes", "tuned, with dropout", "faithful, with dropout"],
)
def test_arrival_order_and_neighbours_change_nothing(world, config):
    first = Engine(world.backbone, token_budget=2_000)
    first.join(*world.trial(4, config))
    solo = run(first, {4: 2})

    second = Engine(world.backbone, token_budget=2_000)
    shutil.rmtree(world.folder / "trials" / "0004")
    second.join(*world.trial(0, CONFIGS["v1 lstm before"]))
    run(second, {0: 1})
    second.join(*world.trial(4, config))
    second.join(*world.trial(2, CONFIGS["head"]))
    second.join(*world.trial(3, TUNED["fine-tuned"]))
    packed = [outcome for outcome in run(second, {0: 3, 4: 2, 2: 2, 3: 1}) if outcome.trial == 4]

    assert [report.metrics["accuracy"] for report in packed] == [report.metrics["accuracy"] for report in solo]
    assert [report.metrics["loss"] for report in packed] == near([report.metrics["loss"] for report in solo])


def test_the_backbone_stays_byte_identical(world):
    before = fingerprint(world.backbone)
    engine = Engine(world.backbone, token_budget=2_000)
    configs = [*CONFIGS.values(), *TUNED.values(), FAITHFUL]
    for number, config in enumerate(configs):
        engine.join(*world.trial(number, config))
    run(engine, dict.fromkeys(range(len(configs)), 1))
    assert fingerprint(world.backbone) == before
    assert not any(parameter.requires_grad for parameter in world.backbone.parameters())


def fingerprint(backbone: Backbone) -> str:
    digest = hashlib.sha256()
    for tensor in backbone.module_dict().state_dict().values():
        digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()


def check_resuming(world: World, config: dict, reports_per_epoch: int = 1) -> None:
    def trial() -> tuple[Plan, Learner]:
        plan, learner = world.trial(3, config)
        return replace(plan, reports_per_epoch=reports_per_epoch), learner

    state = world.folder / "trials" / "0003" / "state.safetensors"
    unbroken = Engine(world.backbone, token_budget=2_000)
    unbroken.join(*trial())
    expected = run(unbroken, {3: 3})
    expected_tensors = read(state).tensors
    shutil.rmtree(state.parent)

    for goal in (1, 2, 3):  # three processes' worth of engines, each from what the one before left on disk
        engine = Engine(world.backbone, token_budget=2_000)
        engine.join(*trial())
        reports = run(engine, {3: goal})
    saved = read(state)
    tensors = saved.tensors

    assert reports[-1].metrics["loss"] == expected[-1].metrics["loss"]
    assert len(saved.history) == 3
    assert tensors.keys() == expected_tensors.keys()
    assert all(torch.equal(tensors[key], expected_tensors[key]) for key in tensors)


EVERY = CONFIGS | TUNED | {"faithful": FAITHFUL}


@pytest.mark.parametrize("name", EVERY)
def test_restored_and_continued_equals_never_stopped(world, name):
    check_resuming(world, EVERY[name])


@pytest.mark.parametrize("config", [MANUAL, WORDED["v1"]], ids=["manual", "v1"])
def test_words_for_labels_are_resumed_alike(worded, config):
    check_resuming(worded, config)


def test_several_data_sets_are_resumed_alike(pair_of_sets):
    check_resuming(pair_of_sets, CONFIGS["v2 longer, dropout"])


PART = "v2 longer, dropout"


@pytest.mark.parametrize("reports_per_epoch", [3, 2])
def test_reports_within_epochs_change_nothing_of_what_is_trained(world, reports_per_epoch):
    learner, losses, accuracy = alone(world, 3, CONFIGS[PART], epochs=2)
    plan, trained = world.trial(3, CONFIGS[PART])
    engine = Engine(world.backbone, token_budget=2_000)
    engine.join(replace(plan, reports_per_epoch=reports_per_epoch), trained)
    reports = run(engine, {3: 2 * reports_per_epoch})

    assert len(reports) == 2 * reports_per_epoch
    assert reports[-1].metrics["accuracy"] == accuracy
    first = len(losses) // 2 // reports_per_epoch
    assert reports[0].metrics["train_loss"] == near(sum(losses[:first]) / first)
    found, expected = trained.collapsed(), learner.collapsed()
    for key, tensor in expected.items():
        close(found[key], tensor)


@pytest.mark.parametrize("name", [PART, "faithful"])
def test_a_trial_that_stopped_within_an_epoch_goes_on_exactly(world, name):
    check_resuming(world, EVERY[name], reports_per_epoch=2)
