"""Invariant 4 for every kind of task: several rows of an example, several reads of a row, words for answers."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from ptune.backbone.cache import StateCache
from ptune.backbone.load import load_backbone
from ptune.data.sources import Splits
from ptune.engine.fused import Engine
from ptune.prompts.forward import MiniBatch, forward
from support.closeness import near
from support.word_tasks import choice_trial, cloze_trial
from support.words_and_spans import job_for, trials_of
from support.worlds import World, sentences

EPOCHS = 2
"""The second is trained by an engine that resumes the first."""
BFLOAT16 = 0.03
"""In bfloat16 a score or a gradient, states kept, differs from the same computed by less than this share of the
largest beside it: passes of other widths add products up in another order."""
CONFIGS = [
    {"method": "v2", "length": 3, "depth": 1, "lr": 0.01, "batch_size": 4},
    {"method": "v2", "length": 3, "depth": 1, "lr": 0.01, "batch_size": 4, "repeat": 1},
    {"method": "v2", "length": 5, "depth": 2, "lr": 0.01, "batch_size": 3},
    {"method": "v2", "length": 2, "layers": "2", "dropout": 0.2, "lr": 0.01, "batch_size": 5},
    {"method": "v2", "length": 4, "lr": 0.01, "batch_size": 4},
    {"method": "v1", "length": 3, "encoder": "embedding", "template": "before", "lr": 0.01, "batch_size": 4},
]
HEAD = {"method": "head", "lr": 0.02, "batch_size": 6}
MANUAL = {"method": "manual"}
WORDS = {"template": "{text} It was [MASK]", "verbalizer": {"no": "cold", "yes": ["warm", "sweet"]}}


def made(maker, backbone, folder, configs):
    return [maker(backbone, folder, number, **config) for number, config in enumerate(configs)]


def written(kind, backbone, folder, configs):
    return trials_of(job_for(kind, backbone.id, folder), backbone, folder, configs)


def worded(backbone, folder, configs):
    splits = Splits(sentences(24, 1), sentences(16, 2), None, ["no", "yes"])
    world = World(backbone, splits, folder, data=WORDS)
    return [world.trial(number, config) for number, config in enumerate(configs)]


KINDS = {
    "choice": (partial(made, choice_trial), HEAD),
    "choice of words": (partial(made, partial(choice_trial, task={"head": "verbalizer"})), None),
    "tokens": (partial(written, "tokens"), HEAD),
    "span": (partial(written, "span"), HEAD),
    "cloze": (partial(made, cloze_trial), None),
    "verbalizer": (worded, MANUAL),
}
"""How trials of a kind are made, and what reads the backbone as it is, if the kind takes that beside prompts."""


@pytest.fixture
def trials_on(tiny_backbone, tiny_language_model):
    """A function that makes a kind's trials on a freshly loaded backbone: (backbone, trials)."""

    def make(kind, folder, states=None, dtype="float32"):
        maker, still = KINDS[kind]
        lm = kind in ("choice of words", "cloze", "verbalizer")
        backbone = load_backbone(str((tiny_language_model if lm else tiny_backbone)("bert")), dtype=dtype, lm=lm)
        backbone = replace(backbone, cache=None if states is None else StateCache(states, 10**9))
        folder.mkdir(exist_ok=True)
        return backbone, maker(backbone, folder, CONFIGS if still is None else [*CONFIGS, still])

    return make


def passed(backbone, trials):
    """Scores and gradients of one pass over some examples of every trial; of two data sets, in turn."""
    groups = []
    for number, (plan, learner) in enumerate(trials):
        members = np.flatnonzero(plan.train.dataset_indices == number % (plan.train.dataset_indices.max() + 1))
        groups.append(MiniBatch(learner, plan.train, members[number : number + 4]))
        learner.zero_grad()
    scored = [one.scores for one in forward(backbone, groups)]
    torch.stack([scores.square().mean() for scores in scored]).sum().backward()
    gradients = [parameter.grad for _, learner in trials for parameter in learner.parameters()]
    return [*(one.detach() for one in scored), *(one for one in gradients if one is not None)]


def files(states):
    """Each file of kept states, and what tells it from one written in its place."""
    return {path.name: path.stat().st_ino for path in states.glob("*.states")}


@pytest.mark.parametrize("kind", KINDS)
def test_one_pass_over_mixed_depths_is_the_whole_backbones(trials_on, tmp_path, kind):
    states = tmp_path / "states"
    backbone, trials = trials_on(kind, tmp_path, states)
    whole = passed(replace(backbone, layers=None), trials)
    computed = passed(replace(backbone, cache=None), trials)
    for ours, theirs in zip(passed(backbone, trials), computed, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    for ours, theirs in zip(computed, whole, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert len(files(states)) == (2 if KINDS[kind][1] is None else 3), "one for each layer where rows join"


@pytest.mark.parametrize("kind", KINDS)
def test_in_bfloat16_kept_states_are_near_computed_ones_and_the_same_for_everyone(trials_on, tmp_path, kind):
    states = tmp_path / "states"
    backbone, trials = trials_on(kind, tmp_path, states, "bfloat16")
    computed = passed(replace(backbone, cache=None), trials)
    kept = passed(backbone, trials)
    for ours, theirs in zip(kept, computed, strict=True):
        assert (ours - theirs).abs().max() <= BFLOAT16 * theirs.abs().max()
    before = files(states)
    again = passed(*trials_on(kind, tmp_path, states, "bfloat16"))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(again, kept, strict=True))
    assert files(states) == before, "the second backbone reads what the first has written"


def trained(backbone, trials, epochs):
    """Train trials together; return their metrics by trial and epoch."""
    engine = Engine(backbone, token_budget=600)
    for plan, learner in trials:
        engine.join(plan, learner)
        engine.advance(plan.trial, epochs)
    reports = {}
    while engine.busy:
        reports |= {(one.trial, one.epoch): one.metrics for one in engine.step()}
    return reports


@pytest.mark.parametrize("kind", KINDS)
def test_trainings_do_not_depend_on_what_is_kept_or_on_being_resumed(trials_on, tmp_path, kind):
    states = tmp_path / "states"
    computed = trained(*trials_on(kind, tmp_path / "computed"), EPOCHS)
    kept = trained(*trials_on(kind, tmp_path / "kept", states), 1)
    before = files(states)
    resumed = trained(*trials_on(kind, tmp_path / "kept", states), EPOCHS)
    assert files(states) == before, "what the first engine has kept serves the other"
    for key, metrics in computed.items():
        names = [name for name in metrics if name not in ("seconds", "peak_memory_mb")]
        found = kept[key] if key in kept else resumed[key]
        assert [found[name] for name in names] == near([metrics[name] for name in names]), key
