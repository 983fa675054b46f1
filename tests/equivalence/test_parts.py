"""A mini-batch larger than a pass may be is trained in parts, and gives the gradients of the whole."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ptune.backbone.load import load_backbone
from ptune.data.batches import parts_of
from ptune.data.sources import Split, Splits
from ptune.engine import fused
from ptune.engine.fused import Engine
from ptune.engine.optim import step_together
from ptune.prompts import forward as passes
from ptune.run.trials import TrialFactory
from ptune.spec.job import Job
from support.worlds import WORDS

CONFIGS = [
    {"method": "v2", "length": 4, "dropout": 0.2, "batch_size": 40, "head_dropout": 0.1, "clip": None},
    {"method": "v1", "length": 3, "encoder": "mlp", "batch_size": 17, "head_dropout": 0.3, "clip": None},
    {"method": "v2", "length": 2, "depth": 1, "batch_size": 5, "clip": None},
]


def gradients(trials, monkeypatch, token_budget: int):
    """Each trial's gradients at its first step, and the rows of every pass until all have made theirs."""
    engine, found, rows = Engine(trials[0][2], token_budget), {}, []

    def noted(steps, **how):
        for step in steps:
            (trial,) = [number for number, (_, learner, _) in enumerate(trials) if owns(learner, step.optimizer)]
            found.setdefault(trial, [parameter.grad.clone() for _, parameter in step.moves()])
        step_together(steps, **how)

    def counted(backbone, groups):
        rows.append([len(group.rows) for group in groups])
        return passes.forward(backbone, groups)

    with monkeypatch.context() as patched:
        patched.setattr(fused, "step_together", noted)
        patched.setattr(fused, "forward", counted)
        for plan, learner, _ in trials:
            engine.join(plan, learner)
            engine.advance(plan.trial, 1)
        while len(found) < len(trials):
            engine.step()
    return found, rows


def owns(learner, optimizer) -> bool:
    parameters = {id(parameter) for parameter in learner.parameters()}
    return all(id(parameter) in parameters for group in optimizer.param_groups for parameter in group["params"])


def test_parts_of_several_trials_add_up_to_their_whole_mini_batches(world, monkeypatch, tmp_path):
    def made():
        pairs = [world.trial(number, config) for number, config in enumerate(CONFIGS)]
        return [(replace(plan, state_path=tmp_path / "0" / "1" / "2"), one, world.backbone) for plan, one in pairs]

    whole, roomy = gradients(made(), monkeypatch, 100_000)
    assert roomy[0] == [40, 17, 5]
    parted, tight = gradients(made(), monkeypatch, 150)
    assert max(sum(rows) for rows in tight) < 40
    assert any(len(rows) > 1 for rows in tight)
    for trial, tensors in whole.items():
        for ours, expected in zip(parted[trial], tensors, strict=True):
            torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["tokens", "generation"])
def test_parts_count_by_what_the_loss_is_a_mean_of(kind, tiny_language_model, monkeypatch, tmp_path):
    """Sentences have different numbers of words, and targets of tokens: a part's share is not that of its examples."""
    backbone = load_backbone(str(tiny_language_model("gpt2")), lm=kind == "generation")
    rng = np.random.default_rng(5)
    sentences = [list(rng.choice(WORDS, size=size)) for size in rng.integers(1, 12, size=24)]
    if kind == "tokens":
        answers = [[int(word in WORDS[::2]) for word in words] for words in sentences]
        data, texts = {"words": "words", "tags": "tags"}, [(words,) for words in sentences]
    else:
        answers = [" ".join(words[::-1]) for words in sentences]
        data, texts = {"text": ["text"]}, [(" ".join(words),) for words in sentences]
    split = Split(texts, answers, "made", "1")
    job = Job.model_validate(
        {
            "name": "parts",
            "backbone": {"id": backbone.id},
            "task": {"kind": kind, "data": {"source": "builtin:none", **data}},
            "space": {"parameters": {"method": {"value": "v2"}}},
            "budget": {"trials": 1, "epochs": 1},
        }
    )
    labels = ["O", "B-X"] if kind == "tokens" else []
    factory = TrialFactory(job, [Splits(split, split, None, labels)], backbone, tmp_path)
    config = {"method": "v2", "length": 3, "batch_size": 24, "clip": None}
    whole, roomy = gradients([(*factory.make(0, config), backbone)], monkeypatch, 100_000)
    parted, tight = gradients([(*factory.make(0, config), backbone)], monkeypatch, 60)
    assert (roomy, len(tight) > 2) == ([[24]], True)
    for ours, expected in zip(parted[0], whole[0], strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-6)


def test_parts_keep_the_order_and_hold_what_fits():
    widths, rows = np.array([3, 9, 4, 2, 50]), np.array([1, 1, 2, 1, 1])
    cut = parts_of(np.array([0, 1, 2, 3, 4]), widths, rows, 20)
    assert [part.tolist() for part in cut] == [[0, 1], [2, 3], [4]]
    assert [part.tolist() for part in parts_of(np.array([4, 0]), widths, rows, 1_000)] == [[4, 0]]
