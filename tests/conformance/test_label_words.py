"""Several masks, several words for a label: scores as they follow from transformers' own."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForMaskedLM

from ptune.backbone.load import load_backbone
from ptune.data.sources import Splits
from ptune.engine.reference import score
from ptune.prompts.forward import MiniBatch, forward
from ptune.spec.data import ClassificationData
from ptune.spec.prompt import ManualPrompt
from ptune.tasks.build import lay_out
from support.word_tasks import made_trial
from support.worlds import sentences

WORDS = {"no": ["ab"], "yes": ["zq", "xy", "k9"]}
DATA = {"source": "builtin:none", "max_length": 40, "template": "{text} It was [MASK][MASK] .", "verbalizer": WORDS}
families = pytest.mark.parametrize("family", ["bert", "roberta", "albert"])


def trial(backbone, folder, number: int = 0, **config):
    splits = [Splits(sentences(9, 1), sentences(7, 2), None, ["no", "yes"])]
    return made_trial({"data": DATA}, splits, backbone, folder, number, config)


@families
def test_scores_are_means_over_words_of_sums_over_masks(family, tiny_language_model, tmp_path):
    folder = tiny_language_model(family)
    backbone = load_backbone(str(folder), lm=True)
    plan, learner = trial(backbone, tmp_path, method="manual")
    answers = plan.task.predict(backbone, learner, plan.dev, 200)
    layout = lay_out(ManualPrompt(), ClassificationData(**DATA), backbone, language=True)
    model = AutoModelForMaskedLM.from_pretrained(folder)
    for number in (0, 5):
        row = plan.dev.rows[number]
        assert [row.ids[place] for place in row.reads] == [backbone.mask_token] * 2
        types = {"token_type_ids": torch.tensor([row.types])} if backbone.family.types else {}
        with torch.inference_mode():
            logits = model(torch.tensor([row.ids]), **types).logits[0, list(row.reads)]
        expected = [
            np.mean([float(logits[[0, 1], layout.word(word)].sum()) for word in words]) for words in WORDS.values()
        ]
        assert answers[number].tolist() == pytest.approx(expected, abs=1e-4)


@families
def test_packed_they_are_what_they_are_alone(family, tiny_language_model, tmp_path):
    backbone = load_backbone(str(tiny_language_model(family)), lm=True)
    configs = [{"method": "v1", "length": 3}, {"method": "v2", "length": 4}, {"method": "prompt_tuning", "length": 2}]
    made = [trial(backbone, tmp_path, number, **config) for number, config in enumerate(configs)]
    rows = np.arange(5)
    together = forward(backbone, [MiniBatch(learner, plan.train, rows) for plan, learner in made])
    for (plan, learner), scored in zip(made, together, strict=True):
        alone = score(backbone, learner, plan.train, rows)
        torch.testing.assert_close(scored.scores, alone.scores, rtol=0, atol=1e-4)
        plan.task.loss(scored).backward(retain_graph=True)
        assert all(parameter.grad.abs().max() > 0 for parameter in learner.prompt_parameters)
