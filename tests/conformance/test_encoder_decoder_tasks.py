"""Encoder-decoders under a classifier: trained in company as alone, and no word is read from them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ptune.backbone.load import load_backbone
from ptune.data.sources import Splits
from ptune.engine.fused import Engine
from ptune.engine.reference import train_alone
from ptune.errors import SpecError
from ptune.run.trials import TrialFactory
from ptune.spec.job import Job
from support.worlds import sentences

CONFIGS = [
    {"method": "v2", "length": 4, "lr": 0.01, "batch_size": 8},
    {"method": "v1", "length": 3, "encoder": "mlp", "template": "around", "lr": 0.01, "batch_size": 6},
    {"method": "head", "lr": 0.01, "batch_size": 5},
]
WORDS = {"template": "{text} so [MASK]", "verbalizer": {"no": "red", "yes": "blue"}}
PAIRS = Splits(sentences(24, 1), sentences(9, 2), None, ["no", "yes"])


def copa(count: int) -> Splits:
    """Questions whose answer is one of two words."""
    told = sentences(count, 3)
    split = replace(told, texts=[(text, "so", "red", "blue") for (text,) in told.texts])
    return Splits(split, split, None, ["choice1", "choice2"])


def job_on(backbone, kind: str = "classification", **data) -> Job:
    return Job.model_validate(
        {
            "name": "both",
            "backbone": {"id": backbone.id},
            "task": {"kind": kind, "data": {"source": "builtin:none", "max_length": 32, **data}},
            "space": {"parameters": {"method": {"value": "v2"}}},
            "budget": {"trials": 1, "epochs": 2},
        }
    )


@pytest.mark.parametrize("family", ["t5", "bart"])
@pytest.mark.parametrize("kind", ["classification", "choice"])
def test_every_trial_trains_in_company_as_it_does_alone(family, kind, tiny, tmp_path):
    backbone = tiny(family)
    splits = PAIRS if kind == "classification" else copa(12)
    factory = TrialFactory(job_on(backbone, kind), [splits], backbone, tmp_path)
    engine = Engine(backbone, token_budget=2_000)
    for number, config in enumerate(CONFIGS):
        plan, learner = factory.make(number, config)
        engine.join(plan, learner)
        engine.advance(number, 2)
    last = {}
    while engine.busy:
        last |= {outcome.trial: outcome for outcome in engine.step()}
    for number, config in enumerate(CONFIGS):
        plan, learner = factory.make(number, config)
        losses = train_alone(backbone, learner, plan, 2)
        assert last[number].metrics["train_loss"] == pytest.approx(np.mean(losses[len(losses) // 2 :]), rel=1e-4)


@pytest.mark.parametrize("family", ["t5", "bart"])
def test_no_word_is_read_from_an_encoder_decoder(family, tiny_language_model, tmp_path):
    backbone = load_backbone(str(tiny_language_model(family)), lm=True)
    factory = TrialFactory(job_on(backbone, **WORDS), [PAIRS], backbone, tmp_path)
    with pytest.raises(SpecError, match="an encoder-decoder writes texts"):
        factory.make(0, {"method": "v2"})
    assert torch.is_tensor(factory.make(1, {"method": "v2", "head": "linear"})[1].collapsed()["head.0.out.weight"])
