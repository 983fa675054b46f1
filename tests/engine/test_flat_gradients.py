"""Gradients that are clipped in one flat tensor: learners move as each clipped for itself, in as few calls for many."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from ptune.backbone.footprint import trained_bytes
from ptune.engine import flat_gradients, optim
from ptune.engine.flat_gradients import Clipped, clip_together
from ptune.engine.fused import Engine
from ptune.engine.optim import Step, step_together
from ptune.spec.trial import Recipe
from support.closeness import near
from support.peak_memory import peak_bytes
from support.worlds import CONFIGS, finish

pytestmark = pytest.mark.gpu

SHARE = 1e-6
"""By which numbers may differ: norms of tensors add up in another order, a few roundings of float32."""
RECIPES = [
    Recipe(optimizer="adamw", lr=0.1, clip=1.0),
    Recipe(optimizer="adam", lr=0.05, weight_decay=0.1, clip=0.5),
    Recipe(optimizer="adamw", lr=0.02, weight_decay=0.1, clip=None),
    Recipe(optimizer="adamw", lr=0.01, weight_decay=0.01, clip=1e3),
]
PASSES = [(0, 1, 2, 3), (0, 2), (1,), (0, 1, 3), (2, 3, 1, 0), (2,)]
"""Which learners are in each pass: they join at different times, and take turns."""


@pytest.fixture(params=["kernel", "operations"])
def way(request, monkeypatch):
    """How parameters are moved: by torch's kernel where there is one, or by one operation after the other."""
    if request.param == "operations":
        monkeypatch.setattr(optim, "_has_kernel", lambda _: False)


def modules(device):
    """A module for each recipe: what trains, and a layer that never has a gradient."""
    torch.manual_seed(3)
    made = [nn.Sequential(nn.Linear(5, 3 + n), nn.Linear(3 + n, 40), nn.Linear(2, 2)) for n in range(len(RECIPES))]
    return [module.to(device) for module in made]


def optimizer_of(module, recipe):
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    groups = [{"params": list(part.parameters()), "peak": recipe.lr / (1 + n)} for n, part in enumerate(module)]
    return kind([{**group, "lr": group["peak"]} for group in groups], lr=recipe.lr, weight_decay=recipe.weight_decay)


def give_gradients(module, seed, device):
    generator = torch.Generator().manual_seed(seed)
    for parameter in module[:2].parameters():
        across = torch.randn(parameter.shape[::-1], generator=generator).to(device)
        parameter.grad = across.T if across.dim() > 1 else across  # its numbers do not lie in order


def moved(device, step):
    """Parameters, moments and rates after all passes; `step` moves the learners that it is given."""
    learners = [(module, optimizer_of(module, recipe)) for module, recipe in zip(modules(device), RECIPES, strict=True)]
    for number, members in enumerate(PASSES):
        for member in members:
            give_gradients(learners[member][0], 100 * number + member, device)
        step([(*learners[member], RECIPES[member].clip) for member in members])
        assert all(parameter.grad is None for member in members for parameter in learners[member][0].parameters())
    states = [dict(enumerate(optimizer.state.values())) for _, optimizer in learners]
    return [module.state_dict() for module, _ in learners], states


def in_flat(members):
    step_together([Step(optimizer, 1.0, clip) for _, optimizer, clip in members], flat_gradients=True)


def each_for_itself(members):
    step_together([Step(optimizer, 1.0, clip) for _, optimizer, clip in members])


def by_torch(members):
    for module, optimizer, clip in members:
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(module.parameters(), clip)
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("expected", [each_for_itself, by_torch])
@pytest.mark.parametrize("most", [2**21, 200], ids=["all flat", "small ones flat"])
def test_learners_move_as_if_each_were_clipped_for_itself(device, expected, most, monkeypatch):
    monkeypatch.setattr(flat_gradients, "MOST_FLAT", most)
    torch.testing.assert_close(moved(device, in_flat), moved(device, expected), rtol=SHARE, atol=SHARE)


@pytest.mark.usefixtures("way")
def test_gradients_that_no_limit_shortens_move_to_the_very_same_numbers(device, monkeypatch):
    monkeypatch.setattr(f"{__name__}.RECIPES", [replaced(recipe, clip=1e6) for recipe in RECIPES])
    torch.testing.assert_close(moved(device, in_flat), moved(device, each_for_itself), rtol=0, atol=0)


def replaced(recipe, **changes):
    return recipe.model_copy(update=changes)


def test_a_step_without_memory_has_not_happened(device, monkeypatch):
    learners = [(module, optimizer_of(module, recipe)) for module, recipe in zip(modules(device), RECIPES, strict=True)]
    expected = [{name: tensor.clone() for name, tensor in module.state_dict().items()} for module, _ in learners]
    steps = [Step(optimizer, 1.0, recipe.clip) for (_, optimizer), recipe in zip(learners, RECIPES, strict=True)]

    def refuse(*_, **__):
        raise torch.OutOfMemoryError("no room")

    for function in ("cat", "repeat_interleave", "segment_reduce"):
        for number, (module, _) in enumerate(learners):
            give_gradients(module, number, device)
        with monkeypatch.context() as scarcity:
            scarcity.setattr(torch, function, refuse)
            with pytest.raises(torch.OutOfMemoryError):
                step_together(steps, flat_gradients=True)
        torch.testing.assert_close([module.state_dict() for module, _ in learners], expected, rtol=0, atol=0)
        counts = {float(state["step"]) for _, optimizer in learners for state in optimizer.state.values()}
        assert counts == {0.0}
        for module, _ in learners:
            module.zero_grad()
    for number, (module, _) in enumerate(learners):
        give_gradients(module, number, device)
    step_together(steps, flat_gradients=True)
    assert not any(
        torch.equal(module[0].weight, before["0.weight"])
        for (module, _), before in zip(learners, expected, strict=True)
    )


class Calls(TorchDispatchMode):
    """Notes the operations that reach a device; views do not."""

    VIEWS = ("view", "split_with_sizes", "split", "detach", "alias", "slice", "unbind")

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.__name__.split(".")[0]
        if name not in self.VIEWS:
            self.names.append(name)
        return func(*args, **kwargs or {})


def clipped(count, device, numbers=50):
    """Learners with gradients, each of two tensors."""
    torch.manual_seed(count)
    found = []
    for _ in range(count):
        parameters = [nn.Parameter(torch.randn(size, device=device)) for size in (numbers, 3)]
        for parameter in parameters:
            parameter.grad = torch.randn_like(parameter)
        found.append(Clipped(parameters, 1.0))
    return found


def test_calls_are_as_many_for_many_learners_and_none_waits_for_the_device(device):
    called = []
    for count in (2, 30):
        learners = clipped(count, device)
        with Calls() as calls:
            clip_together(learners)
        called.append(calls.names)
    assert called[0] == called[1]
    assert len(called[0]) < 30
    assert not {"_local_scalar_dense", "is_nonzero", "equal"} & set(called[0])
    assert all(
        float(torch.stack([parameter.grad.norm() for parameter in learner.parameters]).norm()) == pytest.approx(1)
        for learner in learners
    )


@pytest.mark.usefixtures("storages")
def test_clipping_holds_what_is_counted(device):
    sizes = []

    def made_and_clipped():
        learners = clipped(3, device, numbers=100_000)
        clip_together(learners)
        sizes.extend(learner.numbers for learner in learners)

    peak = peak_bytes(made_and_clipped, torch.device(device))
    counted = trained_bytes(sum(sizes), flat=True) - trained_bytes(sum(sizes))
    assert peak == pytest.approx(2 * 4 * sum(sizes) + counted, rel=0.02)  # beside parameters and gradients


NAMES = ["v2 all layers", "v2 longer, dropout", "prompt tuning, text", "v1 mlp around", "head"]


def trained(world, folder, flat, goals=(2,)):
    """Train trials to each goal, by an engine of its own that goes on from saved states."""
    for goal in goals:
        engine = Engine(world.backbone, token_budget=400, flat_gradients=flat)
        for trial, name in enumerate(NAMES):
            plan, learner = world.trial(trial, CONFIGS[name])
            state = folder / "trials" / str(trial) / "state.safetensors"
            state.parent.mkdir(parents=True, exist_ok=True)
            engine.join(replace(plan, state_path=state), learner)
            engine.advance(trial, goal)
        reports = finish(engine)
    return {report.trial: report.metrics["loss"] for report in reports if report.epoch == goals[-1]}


def test_an_engine_trains_to_the_same_losses_and_goes_on_from_saved_states(world, tmp_path):
    unbroken = trained(world, tmp_path / "flat", flat=True)
    assert unbroken == near(trained(world, tmp_path / "plain", flat=False))
    assert trained(world, tmp_path / "broken", flat=True, goals=(1, 2)) == near(unbroken)
