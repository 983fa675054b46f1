"""The shared forward pass: scores come back in order, within the token budget, however rows are packed."""

import numpy as np
import pytest
import torch

from ptune.backbone.backbone import Backbone
from ptune.backbone.load import load_backbone
from ptune.data.sources import Split
from ptune.prompts import forward as module
from ptune.prompts.build import build_learner
from ptune.prompts.draws import Draws
from ptune.prompts.forward import HeadOutput, MiniBatch, forward
from ptune.prompts.heads import Linear
from ptune.prompts.learner import Learner
from ptune.prompts.predict import predict
from ptune.prompts.rows import Examples, Row, Rows, stack
from ptune.spec.data import ClassificationData
from ptune.spec.prompt import NoPrompt, PromptSpec, PromptV1, PromptV2
from ptune.spec.trial import Recipe
from ptune.tasks.build import lay_out
from ptune.tasks.classification import ClassificationKind
from support.closeness import close

TEXTS = [("red " * count,) for count in (5, 1, 9, 3, 3, 7)]
KIND = ClassificationKind(["text"], ["a", "b", "c"])


def made(backbone: Backbone, prompt: PromptSpec, recipe: Recipe | None = None) -> tuple[Learner, Examples]:
    layout = lay_out(prompt, ClassificationData(source="made", max_length=32), backbone, language=False)
    examples = KIND.encode(Split(TEXTS, [0, 1, 2, 0, 1, 2], "made", ""), layout, backbone, training=True)
    return build_learner(prompt, backbone, [Linear(3, pooled=True)], seed=1, recipe=recipe), examples


def scores(scored: HeadOutput) -> list[torch.Tensor]:
    return list(scored.scores)


@pytest.mark.parametrize("budget", [1, 24, 10_000])
@pytest.mark.parametrize("prompt", [PromptV1(length=2), PromptV2(length=3), NoPrompt()], ids=lambda p: p.method)
def test_scores_come_in_the_order_of_the_examples_whatever_the_budget(prompt, budget, tiny):
    backbone = tiny("bert")
    learner, examples = made(backbone, prompt)
    alone = [forward(backbone, [MiniBatch(learner, examples, np.array([row]))])[0].scores for row in range(len(TEXTS))]
    found = predict(backbone, learner, examples, budget, scores)
    close(torch.stack(found), torch.cat(alone).detach())


def test_no_pass_exceeds_the_budget(tiny, monkeypatch):
    backbone = tiny("bert")
    learner, examples = made(backbone, PromptV1(length=2))
    sizes = []

    def counted(rows, device):
        stacked = stack(rows, device)
        sizes.append(stacked.ids.numel())
        return stacked

    monkeypatch.setattr(module, "stack", counted)
    predict(backbone, learner, examples, 24, scores)
    assert max(sizes) <= 24
    assert len(sizes) > 1


def test_groups_get_their_own_scores_and_labels(tiny):
    backbone = tiny("bert")
    groups = [
        MiniBatch(*made(backbone, prompt), np.array(rows))
        for prompt, rows in [(PromptV1(length=2), [0, 2]), (PromptV2(length=3), [1]), (NoPrompt(), [3, 4, 5])]
    ]
    results = forward(backbone, groups)
    assert [tuple(scored.scores.shape) for scored in results] == [(2, 3), (1, 3), (3, 3)]
    assert [scored.labels for scored in results] == [[0, 2], [1], [0, 1, 2]]


def rows_of(*lengths: int, reads=(0,), decoder=()) -> list[Row]:
    return [Row(list(range(1, length + 1)), [0] * length, reads, decoder) for length in lengths]


def test_rows_are_padded_to_the_longest_and_know_it():
    rows = stack(Rows.of(rows_of(3, 11, 5)), torch.device("cpu"))
    assert rows.ids.shape == (3, 11)
    assert rows.visible.sum(dim=1).tolist() == [3, 11, 5]
    assert rows.ids[0].tolist() == [1, 2, 3, *[0] * 8]
    assert rows.decoder is None


def test_a_decoders_rows_are_padded_apart():
    rows = stack(Rows.of([*rows_of(4, decoder=[7]), *rows_of(2, decoder=[7, 8, 9])]), torch.device("cpu"))
    assert rows.ids.shape == (2, 4)
    assert rows.decoder.tolist() == [[7, 0, 0], [7, 8, 9]]
    assert rows.decoder_visible.sum(dim=1).tolist() == [1, 3]


def test_a_row_may_be_read_in_several_places_and_an_example_may_have_several_rows(tiny):
    backbone = tiny("bert")
    learner = build_learner(NoPrompt(), backbone, [Linear(2)], seed=1)
    split = Split([("",)] * 2, [0, 1], "made", "")
    examples = Examples.of(split, [rows_of(5, 7, reads=(1, 3)), rows_of(4, reads=(0, 1, 2))], task_info=["one", "two"])
    (scored,) = forward(backbone, [MiniBatch(learner, examples, np.array([1, 0]))])
    assert scored.scores.shape == (7, 2)
    assert (scored.row_counts, scored.reads, scored.labels, scored.task_info) == (
        [1, 2],
        [3, 4],
        [1, 0],
        ["two", "one"],
    )
    second, first = scored.by_example()
    close(forward(backbone, [MiniBatch(learner, examples, np.array([0]))])[0].scores, first)
    close(forward(backbone, [MiniBatch(learner, examples, np.array([1]))])[0].scores, second)


def test_joined_data_sets_come_apart_again_and_a_pass_holds_one(tiny):
    backbone = tiny("bert")
    sets = [
        Examples.of(Split([("",)] * 2, labels, "made", ""), [rows_of(3), rows_of(4)]) for labels in ([0, 1], [2, 0])
    ]
    joined = Examples.joined(sets)
    assert joined.dataset_indices.tolist() == [0, 0, 1, 1]
    assert [list(joined.of_dataset(number).labels) for number in (0, 1)] == [[0, 1], [2, 0]]
    assert joined.of_dataset(1).dataset_indices.tolist() == [0, 0]
    learner = build_learner(PromptV2(length=2), backbone, [Linear(2), Linear(3)], seed=1)
    answers = predict(backbone, learner, joined, 10_000, scores)
    assert [len(answer) for answer in answers] == [2, 2, 3, 3]


@pytest.mark.parametrize("recipe", [Recipe(backbone_lr=1e-3), Recipe(faithful=True)], ids=["tuned", "faithful"])
def test_a_learner_that_must_be_alone_has_no_neighbours(recipe, tiny):
    backbone = tiny("bert")
    groups = [MiniBatch(*made(backbone, PromptV2(length=3), own), np.array([0])) for own in (recipe, None)]
    with pytest.raises(AssertionError, match="a learner that needs its own pass shares one"):
        forward(backbone, groups)


@pytest.mark.parametrize("recipe", [Recipe(backbone_lr=1e-3), Recipe(faithful=True)], ids=["tuned", "faithful"])
def test_the_backbones_dropout_is_drawn_from_the_learners_stream_and_only_while_training(recipe, tiny_backbone):
    backbone = load_backbone(str(tiny_backbone("bert")))
    learner, examples = made(backbone, PromptV2(length=3), recipe)

    def run(seed: int | None) -> torch.Tensor:
        own_draws = None if seed is None else Draws.of_step(torch.Generator().manual_seed(seed))
        return forward(backbone, [MiniBatch(learner, examples, np.arange(4), 0.0, own_draws)])[0].scores.detach()

    first, before = run(1), torch.randn(3)
    assert torch.equal(first, run(1)), f"drawn from the global stream: {before}"
    assert not torch.equal(run(1), run(2))
    assert torch.equal(run(None), run(None))
    assert not torch.equal(run(1), run(None))
    state = torch.get_rng_state()
    run(1)
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(module.training for module in (learner.backbone or backbone).model.modules())
