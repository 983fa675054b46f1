"""Several prompts on one backbone answer in passes that they share."""

import pytest

from ptune.artifacts.predict import Predictor, answer
from ptune.prompts import predict as passes
from support.closeness import near
from support.every_kind import SAMPLES, sample_artifact

TRAINED = [kind for kind, sample in SAMPLES.items() if not sample.words]
CONFIGS = (
    {"method": "v2", "length": 3},
    {"method": "v2", "length": 5, "depth": 2},
    {"method": "v1", "length": 4},
    {"method": "head"},
)


NUMBERS = ("probabilities", "value", "score", "no_answer_score")


def inquiries(predictors):
    return [predictor.asked(SAMPLES[kind].rows) for kind, predictor in predictors]


def agree(together, predictors):
    for found, (kind, predictor) in zip(together, predictors, strict=True):
        alone = predictor.predict(SAMPLES[kind].rows)
        for one, other in zip(found, alone, strict=True):
            assert one.keys() == set(SAMPLES[kind].keys)
            assert one == {name: near(value) if name in NUMBERS else value for name, value in other.items()}


@pytest.mark.parametrize("budget", [20_000, 90, 1])
def test_prompts_of_every_kind_and_method_share_passes(tiny, budget, monkeypatch):
    backbone = tiny("bert")
    kinds = [(kind, config) for kind in TRAINED for config in CONFIGS]
    predictors = [
        (kind, Predictor(sample_artifact(kind, backbone, seed, **config), backbone))
        for seed, (kind, config) in enumerate(kinds)
    ]
    counts = []
    forward = passes.forward
    monkeypatch.setattr(passes, "forward", lambda *shares: counts.append(len(shares[1])) or forward(*shares))
    together = answer(inquiries(predictors), budget)
    examples = sum(len(SAMPLES[kind].rows) for kind, _ in kinds)
    assert counts == [len(kinds)] if budget > 10_000 else 1 < len(counts) <= examples
    agree(together, predictors)


def test_prompts_that_the_language_head_answers_share_passes_too(speaking):
    for family in ("bert", "gpt2"):
        kinds = [kind for kind, sample in SAMPLES.items() if sample.words and sample.family == family]
        predictors = [
            (kind, Predictor(sample_artifact(kind, speaking(family), seed), speaking(family)))
            for kind in kinds
            for seed in (1, 2)
        ]
        agree(answer(inquiries(predictors)), predictors)


def test_a_tuned_backbone_answers_in_passes_of_its_own(tiny):
    backbone = tiny("bert")
    predictors = [
        ("classification", Predictor(sample_artifact("classification", backbone, seed, **config), backbone))
        for seed, config in enumerate([{"method": "v2", "length": 3}, {"method": "head", "backbone_lr": 1e-4}])
    ]
    agree(answer(inquiries(predictors)), predictors)


def test_answers_follow_the_order_of_their_inputs(tiny):
    predictor = Predictor(sample_artifact("classification", tiny("bert")), tiny("bert"))
    rows = [("red " * count,) for count in (9, 1, 5, 3, 7, 1)]
    together = answer([predictor.asked(rows)], 40)[0]
    alone = [predictor.predict([row])[0] for row in rows]
    assert [one["probabilities"] for one in together] == [near(other["probabilities"]) for other in alone]
