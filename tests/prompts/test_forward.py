"""The shared forward pass: scores come back in order, within the token budget, however rows are packed."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from ptune.prompts import forward
from ptune.prompts.build import build_learner
from ptune.prompts.forward import Group, class_scores, predict
from ptune.prompts.layout import bind, encode, input_parts
from ptune.prompts.rows import Examples, stack
from ptune.spec.prompt import NoPrompt, PromptV1, PromptV2

TEXTS = [("red " * count,) for count in (5, 1, 9, 3, 3, 7)]


def made(backbone, prompt) -> tuple[object, Examples]:
    layout = bind(input_parts(prompt, ["text"]), backbone, ["text"], 32)
    examples = encode(layout, backbone, TEXTS, [0, 1, 2, 0, 1, 2])
    return build_learner(prompt, backbone.shape, backbone.family, 3, True, seed=1), examples


@pytest.mark.parametrize("budget", [1, 24, 10_000])
@pytest.mark.parametrize("prompt", [PromptV1(length=2), PromptV2(length=3), NoPrompt()], ids=lambda p: p.method)
def test_scores_come_in_the_order_of_the_examples_whatever_the_budget(prompt, budget, tiny):
    backbone = tiny("bert")
    learner, examples = made(backbone, prompt)
    alone = [class_scores(backbone, [Group(learner, examples, np.array([row]))])[0][0] for row in range(len(TEXTS))]
    assert_close(predict(backbone, learner, examples, budget), torch.cat(alone).detach(), atol=1e-5, rtol=0)


def test_no_pass_exceeds_the_budget(tiny, monkeypatch):
    backbone = tiny("bert")
    learner, examples = made(backbone, PromptV1(length=2))
    sizes = []

    def counted(batches, device):
        rows = stack(batches, device)
        sizes.append(rows.ids.numel())
        return rows

    monkeypatch.setattr(forward, "stack", counted)
    predict(backbone, learner, examples, 24)
    assert max(sizes) <= 24
    assert len(sizes) > 1


def test_groups_get_their_own_scores_and_labels(tiny):
    backbone = tiny("bert")
    groups = [
        Group(*made(backbone, prompt), np.array(rows))
        for prompt, rows in [(PromptV1(length=2), [0, 2]), (PromptV2(length=3), [1]), (NoPrompt(), [3, 4, 5])]
    ]
    results = class_scores(backbone, groups)
    assert [tuple(scores.shape) for scores, _ in results] == [(2, 3), (1, 3), (3, 3)]
    assert [labels.tolist() for _, labels in results] == [[0, 2], [1], [0, 1, 2]]


def test_rows_are_padded_to_the_longest_and_know_it(tiny):
    _, short = made(tiny("bert"), NoPrompt())
    rows = stack([(short, np.array([1, 2])), (short, np.array([3]))], torch.device("cpu"))
    assert rows.ids.shape == (3, 11)
    assert rows.visible.sum(dim=1).tolist() == [3, 11, 5]
    assert rows.labels.tolist() == [1, 2, 0]
