"""Cloze: ranks and losses as transformers gives them, facts left out, errors, and the original code's slip."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

from ptune.backbone.backbone import Backbone
from ptune.backbone.load import load_backbone
from ptune.data.sources import Split, unlabelled
from ptune.data.templates import Layout
from ptune.errors import DataError, SpecError
from ptune.prompts.predict import predict
from ptune.prompts.rows import Examples
from ptune.spec.data import ClozeData
from ptune.spec.prompt import ManualPrompt
from ptune.spec.task import Cloze
from ptune.tasks.build import build_task, lay_out
from ptune.tasks.cloze import ClozeAnswer, ClozeKind, _ranks_and_losses
from support.closeness import near
from support.families import WORDS
from support.word_tasks import FACT, cloze_trial, facts

LEARNERS = {"bert": AutoModelForMaskedLM, "gpt2": AutoModelForCausalLM}


def layout(backbone: Backbone, template: str = FACT) -> Layout:
    data = ClozeData(train="a.jsonl", dev="a.jsonl", max_length=24)
    return lay_out(ManualPrompt(template=template), data, backbone, language=True)


def split_of(*pairs: tuple[str, str]) -> Split:
    return Split([(subject,) for subject, _ in pairs], [word for _, word in pairs], "made.jsonl", "")


def encoded(backbone: Backbone, split: Split, vocabulary: list[str] = WORDS, **options) -> Examples:
    kind = ClozeKind(["sub_label"], vocabulary, options.pop("faithful", False))
    return kind.encode(split, layout(backbone), backbone, **{"training": False, **options})


def scores_by_transformers(folder, family: str, subject: str) -> torch.Tensor:
    """The scores over the vocabulary for the word that a sentence lacks."""
    tokenizer = load_backbone(str(folder), lm=True).tokenizer
    text = f"{subject} is [MASK]" if family == "bert" else f"{subject} is"
    inputs = tokenizer(text, return_tensors="pt")
    place = (inputs["input_ids"][0] == tokenizer.mask_token_id).nonzero()[0, 0] if family == "bert" else -1
    with torch.inference_mode():
        return LEARNERS[family].from_pretrained(folder)(**inputs).logits[0, place]


@pytest.mark.parametrize("family", LEARNERS)
def test_ranks_and_losses_are_those_of_transformers(family, speaking, tiny_language_model, tmp_path):
    backbone = speaking(family)
    plan, learner = cloze_trial(backbone, tmp_path, method="manual")
    answers = plan.task.predict(backbone, learner, plan.dev, 500)
    space = "" if family == "bert" else " "
    tokens = [backbone.tokenizer(space + word, add_special_tokens=False)["input_ids"][0] for word in WORDS[:8]]
    for number in (0, 3, 11):
        split, row = (
            plan.dev.splits[plan.dev.dataset_indices[number]],
            number - 9 * int(plan.dev.dataset_indices[number]),
        )
        scores = scores_by_transformers(tiny_language_model(family), family, split.texts[row][0])
        own = tokens[WORDS.index(split.labels[row])]
        assert answers[number].rank == 1 + (scores[tokens] > scores[own]).sum()
        assert answers[number].loss == pytest.approx(float(scores.logsumexp(0) - scores[own]), abs=1e-4)
        best = scores[tokens].softmax(0).topk(5)
        assert answers[number].best == tuple(WORDS[index] for index in best.indices.tolist())
        assert answers[number].shares == near(best.values.tolist())


def test_metrics_follow_from_ranks(speaking):
    kind = ClozeKind(["sub_label"], WORDS)
    split = split_of(*[("red", word) for word in ["cold", "cold", "warm", "old"]], ("red", "tepid"))
    examples = encoded(speaking("bert"), split)
    answers = [
        ClozeAnswer((word,), (1.0,), rank, 0.5) for word, rank in (("cold", 1), ("cold", 1), ("cold", 4), ("a", 11))
    ]
    assert kind.measure(answers, examples) == {
        "loss": 0.5,
        "p_at_1": 0.5,
        "p_at_10": 0.75,
        "mrr": pytest.approx((1 + 1 + 1 / 4 + 1 / 11) / 4),
        "majority_baseline": 0.5,
        "constant_prediction": 0.0,
        "dropped": 1.0,
    }


def test_an_object_stands_behind_those_with_the_same_score():
    scores = torch.zeros(1, 50)
    assert _ranks_and_losses(scores, scores[:, :8], [3])[0] == [8], "a model that knows nothing is not right"


def test_facts_without_a_single_token_of_the_vocabulary_are_left_out(speaking):
    split = split_of(("red", "cold"), ("green", "tepid"), ("blue", "loud"), ("blue", "雨"))
    examples = encoded(speaking("bert"), split, ["cold", "tepid", "warm", "雨"])
    assert len(examples) == 1
    assert list(examples.task_info[0].words) == ["cold", "warm"], "a candidate is one token"
    assert len(encoded(speaking("bert"), split)) == 2


def test_words_that_are_the_same_token_are_one_candidate(speaking):
    examples = encoded(speaking("bert"), split_of(("red", "Cold")), ["cold", "Cold", "warm"])
    assert list(examples.task_info[0].words) == ["cold", "warm"]
    assert len(examples) == 1


def test_nothing_left_is_an_error_that_says_why(speaking):
    with pytest.raises(DataError, match=r"made\.jsonl: none of 2 facts is left.*'loud' is not in the vocabulary of 1"):
        encoded(speaking("bert"), split_of(("red", "loud"), ("red", "old")), ["cold"])
    with pytest.raises(DataError, match=r"none of 1 facts is left.*'tepid' is 5 tokens in this backbone's vocabulary"):
        encoded(speaking("bert"), split_of(("red", "tepid")), ["tepid", "cold"])


def test_a_vocabulary_without_a_single_token_is_refused_with_the_template(speaking):
    with pytest.raises(SpecError, match=r"no word of the vocabulary is a single token at .MASK.: 'tepid' is 5 tokens"):
        ClozeKind(["sub_label"], ["tepid", "lukewarm"]).head_spec(layout(speaking("bert")))


@pytest.mark.parametrize(("template", "count"), [("{sub_label} is", 0), ("{sub_label} is [MASK] [MASK]", 2)])
def test_a_template_holds_one_mask(speaking, template, count):
    with pytest.raises(SpecError, match=rf"cloze names one word, and the template has {count} \[MASK\]"):
        ClozeKind(["sub_label"], WORDS).head_spec(layout(speaking("bert"), template))


def test_a_causal_model_takes_nothing_behind_the_mask(speaking):
    with pytest.raises(DataError, match=r"\[MASK\] must come last"):
        layout(speaking("gpt2"), "[MASK] has {sub_label}")
    assert layout(speaking("gpt2"), "{sub_label} is [MASK] .").masks == 1


def test_an_encoder_decoder_names_no_words(tiny):
    with pytest.raises(SpecError, match=r"an encoder-decoder writes texts, which is kind = .generation."):
        layout(tiny("bart"))


def test_words_are_read_by_the_language_head_alone():
    task = Cloze(kind="cloze", data=ClozeData(train="a.jsonl", dev="a.jsonl"))
    with pytest.raises(SpecError, match="the head of this cloze task is 'verbalizer', got 'linear'"):
        build_task(task, [WORDS], "linear")


@pytest.mark.parametrize(("family", "early"), [("bert", 0), ("gpt2", 1)])
def test_faithful_training_of_causal_models_reads_one_position_early(family, early, speaking, tmp_path):
    right, faithful = (
        cloze_trial(speaking(family), tmp_path, method="v1", length=2, template="{sub_label} [P:2] [MASK]", **slip)[0]
        for slip in ({}, {"faithful": True})
    )
    for one, other in zip(right.train.rows, faithful.train.rows, strict=True):
        assert one.reads[0] - other.reads[0] == early
    assert all(one.reads == other.reads for one, other in zip(right.dev.rows, faithful.dev.rows, strict=True))


def test_one_factory_keeps_faithful_trials_apart(speaking, tmp_path):
    plan, _ = cloze_trial(speaking("gpt2"), tmp_path, method="v2", faithful=True)
    assert [kind.faithful for kind in plan.task.kinds] == [True, True]


def test_an_answer_shows_the_best_words(speaking, tmp_path):
    backbone = speaking("bert")
    plan, learner = cloze_trial(backbone, tmp_path, method="v2", length=2)
    kind = plan.task.kinds[0]
    examples = kind.encode(unlabelled([("red",), ("loud old",)]), layout(backbone), backbone, training=False)
    answers = predict(backbone, learner, examples, 200, kind.answer)
    shown = kind.present(answers[0], ("red",))
    assert shown["object"] == next(iter(shown["probabilities"]))
    assert len(shown["probabilities"]) == 5
    assert list(shown["probabilities"].values()) == sorted(shown["probabilities"].values(), reverse=True)
    assert (answers[0].rank, answers[0].loss) == (None, None)


def test_relations_are_averaged_and_each_stands_beside_the_mean(speaking, tmp_path):
    backbone = speaking("bert")
    plan, learner = cloze_trial(backbone, tmp_path, method="manual")
    metrics = plan.task.measure(plan.task.predict(backbone, learner, plan.dev, 500), plan.dev)
    assert metrics["p_at_10"] == np.mean([metrics["p_at_10.home"], metrics["p_at_10.food"]])
    assert metrics["majority_baseline.food"] == max(np.unique(facts(6, 12).labels, return_counts=True)[1]) / 6
