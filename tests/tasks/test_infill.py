"""Candidates written into masks: what is trained, how words are compared, and that a prompt learns to write."""

import json

import numpy as np
import pytest
from torch.testing import assert_close

from ptune.data.proposal import propose
from ptune.data.sources import Split, Splits, load_splits
from ptune.engine.fused import Engine
from ptune.engine.reference import predict_alone, train_alone
from ptune.errors import DataError, SpecError
from ptune.spec.data import InfillData
from ptune.spec.prompt import ManualPrompt
from ptune.tasks.build import lay_out
from ptune.tasks.infill import InfillKind, _says
from support.closeness import near
from support.families import WORDS
from support.word_tasks import made_trial
from support.worlds import finish

NAMES = ["text", "span"]
OPTIONS = {"text": ["text"], "span": "span", "template": "{text} so {span} .", "max_length": 24}
CONFIG = {"method": "v2", "length": 4, "lr": 0.1, "batch_size": 6, "passes": 6}
EPOCHS = 2


def spans(count: int, seed: int) -> Split:
    """Only red is right, whatever the text says; half of the candidates are other words."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for number in range(count):
        candidate = WORDS[0] if number % 2 else str(rng.choice(WORDS[3:]))
        texts.append((" ".join(rng.choice(WORDS[3:], 3)), candidate))
        labels.append(number % 2)
    return Split(texts, labels, f"made:{seed}", str(seed))


def trial(backbone, folder, number=0, **config):
    task = {"kind": "infill", "data": {"train": "a.jsonl", "dev": "a.jsonl", **OPTIONS}}
    splits = [Splits(spans(24, 1), spans(12, 2), None, ["false", "true"])]
    return made_trial(task, splits, backbone, folder, number, {**CONFIG, **config})


def test_a_prompt_learns_to_write_the_right_candidate_packed_as_alone(speaking, tmp_path):
    backbone = speaking("bert")
    configs = [{}, {"method": "v1", "length": 3, "encoder": "mlp", "lr": 0.01}]
    together = [trial(backbone, tmp_path, number, **config) for number, config in enumerate(configs)]
    engine = Engine(backbone, token_budget=2_000)
    for plan, learner in together:
        engine.join(plan, learner)
        engine.advance(plan.trial, EPOCHS)
    reports = finish(engine)
    final = {report.trial: report.metrics for report in reports if report.epoch == EPOCHS}

    plan, learner = trial(backbone, tmp_path)
    train_alone(backbone, learner, plan, EPOCHS)
    examples = plan.dev
    alone = plan.task.complete(backbone, learner, examples, predict_alone(backbone, learner, plan, examples), 2_000)
    metrics = plan.task.measure(alone, examples)
    assert {key: final[0][key] for key in metrics} == near(metrics)
    for key, tensor in learner.collapsed().items():
        assert_close(together[0][1].collapsed()[key], tensor, rtol=0, atol=5e-4)
    assert metrics["accuracy"] > 1.4 * metrics["majority_baseline"]
    assert metrics["constant_prediction"] == 0.0


def test_only_right_candidates_are_trained_and_each_has_as_many_masks_as_tokens(speaking):
    backbone, kind = speaking("bert"), InfillKind(NAMES)
    layout = lay_out(ManualPrompt(), InfillData(source="made", **OPTIONS), backbone, language=True)
    split = Split([("red cold", "old tepid"), ("red", "cold")], [1, 0], "made", "")
    wanted = backbone.tokenizer("old tepid", add_special_tokens=False)["input_ids"]
    trained = kind.encode(split, layout, backbone, training=True)
    assert [list(tokens) for tokens in trained.task_info] == [wanted]
    mask = backbone.tokenizer.mask_token_id
    assert [trained.rows[0].ids[place] for place in trained.rows[0].reads] == [mask] * len(wanted)
    assert len(kind.encode(split, layout, backbone, training=False)) == 2
    with pytest.raises(DataError, match="no candidate is right"):
        kind.encode(split.pick([1]), layout, backbone, training=True)


@pytest.mark.parametrize(
    ("text", "candidate", "same"),
    [("the Bond", "Mr. Bond", False), ("bond", "Mr. Bond", True), ("Mr Bond,", "bond", True), ("", "Bond", False)],
)
def test_words_are_compared_as_t5_does(text, candidate, same):
    assert _says(text, candidate) is same


@pytest.mark.parametrize(
    ("options", "law"),
    [
        ({"template": "{text} {span} [MASK]"}, r"leave \[MASK\] out"),
        ({"text": ["text", "span"], "template": None}, "span must name another"),
    ],
)
def test_what_cannot_be_written_is_refused(options, law, speaking):
    data = InfillData(source="made", **{**OPTIONS, **options})
    with pytest.raises(SpecError, match=law):
        InfillKind(data.fields).head_spec(lay_out(ManualPrompt(), data, speaking("bert"), language=True))


def _flat(nested, path):
    """A few-shot file as the Hub has it, without tables inside its rows."""
    rows = map(json.loads, nested.read_text(encoding="utf-8").splitlines())
    flat = [json.dumps({**row.pop("target"), **row}) + "\n" for row in rows]
    path.write_text("".join(flat), encoding="utf-8")
    return path


def test_wsc_is_read_as_few_shot_files_have_it(shared_data, tmp_path):
    folder = shared_data / "fewglue32" / "WSC"
    columns = {"text": ["text", "target.span2_text"], "span": "target.span1_text", "explode": "target"}
    data = InfillData(train=str(folder / "train.jsonl"), dev=str(folder / "dev32.jsonl"), **columns)
    splits = load_splits(data, seed=0)
    assert (sum(splits.train.labels), sum(splits.dev.labels)) == (32, 10)
    assert splits.labels == ["false", "true"]
    assert propose(_flat(folder / "dev32.jsonl", tmp_path / "flat.jsonl"), "infill").keys["span"] == "span1_text"
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"text": "red", "span": "red", "label": "maybe"}), encoding="utf-8")
    with pytest.raises(DataError, match="the label must be true or false, got 'maybe'"):
        load_splits(InfillData(train=str(path), dev=str(path), text=["text"], span="span"), seed=0)
