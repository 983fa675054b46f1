"""Multiple choice: scores as transformers gives them, both losses, candidates in their places, and errors."""

from functools import partial

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

from ptune.backbone.backbone import Backbone
from ptune.data.sources import Split, unlabelled
from ptune.errors import DataError, SpecError
from ptune.prompts.predict import predict
from ptune.prompts.rows import Examples
from ptune.spec.data import ChoiceData
from ptune.spec.prompt import ManualPrompt
from ptune.tasks.build import lay_out
from ptune.tasks.choice import ChoiceKind
from support.closeness import near
from support.word_tasks import STORY, choice_trial

COLUMNS = ["choice1", "choice2"]
LOGITS = torch.tensor([[2.0, 0.5], [0.25, 0.5]])
WORDED = {"head": "verbalizer"}


def encoded(
    backbone: Backbone, texts: tuple[str, ...], template: str = STORY, shared: tuple[str, ...] = ("premise",), **options
) -> Examples:
    """One example whose candidates the language head scores."""
    length = options.pop("max_length", 32)
    data = ChoiceData(train="a.jsonl", dev="a.jsonl", text=list(shared), max_length=length, template=template)
    layout = lay_out(ManualPrompt(), data, backbone, language=True)
    kind = ChoiceKind(list(shared), COLUMNS, words=True)
    kind.head_spec(layout)
    return kind.encode(Split([texts], [1], "made.jsonl", ""), layout, backbone, training=True)


def tokens(backbone: Backbone, text: str) -> list[int]:
    return backbone.tokenizer(text, add_special_tokens=False)["input_ids"]


def masked_score(folder, backbone: Backbone, before: str, choice: str) -> float:
    """The mean log-probability of a candidate's words, all masked at once."""
    model, tokenizer = AutoModelForMaskedLM.from_pretrained(folder), backbone.tokenizer
    own = tokens(backbone, choice)
    inputs = tokenizer(f"{before} {' '.join([tokenizer.mask_token] * len(own))}", return_tensors="pt")
    places = inputs["input_ids"][0] == tokenizer.mask_token_id
    with torch.inference_mode():
        logs = model(**inputs).logits[0, places].log_softmax(dim=1)
    return float(logs[torch.arange(len(own)), own].mean())


def causal_score(folder, backbone: Backbone, before: str, choice: str) -> float:
    """The mean log-probability of a candidate's words, each after those before it."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    ids, start = tokens(backbone, f"{before} {choice}"), len(tokens(backbone, before))
    with torch.inference_mode():
        logs = model(torch.tensor([ids])).logits[0].log_softmax(dim=1)
    return float(sum(logs[place - 1, ids[place]] for place in range(start, len(ids))) / (len(ids) - start))


@pytest.mark.parametrize(("family", "reading"), [("bert", masked_score), ("gpt2", causal_score)])
def test_a_candidate_is_worth_the_mean_log_probability_of_its_words(
    family, reading, speaking, tiny_language_model, tmp_path
):
    backbone = speaking(family)
    plan, learner = choice_trial(backbone, tmp_path, task=WORDED, method="manual")
    answers = plan.task.predict(backbone, learner, plan.dev, 400)
    score = partial(reading, tiny_language_model(family), backbone)
    for number in (0, 4, 8):
        premise, *candidates = plan.dev.splits[0].texts[number]
        expected = [score(f"{premise} so", choice) for choice in candidates]
        assert answers[number].tolist() == pytest.approx(expected, abs=1e-4)


def test_each_candidate_has_as_many_masks_as_tokens(speaking):
    examples = encoded(speaking("bert"), ("red", "cold", "loud old tepid"), "{premise} so {choice} .")
    mask = speaking("bert").tokenizer.mask_token_id
    short, long = examples.rows
    assert [row.ids.count(mask) for row in (short, long)] == [1, 7]
    assert [[row.ids[place] for place in row.reads] for row in (short, long)] == [[mask], [mask] * 7]
    assert [len(own) for own in examples.task_info[0]] == [1, 7]


def test_the_papers_pattern_shows_both_candidates_and_masks_one(speaking):
    backbone = speaking("bert")
    template = "{choice1} or {choice2} ? {premise} {question} {choice} ."
    texts, shared = ("loud", "cold old", "red", "so"), ("choice1", "choice2", "premise", "question")
    examples = encoded(backbone, texts, template, shared)
    written = ["loud or cold old ? red so [MASK] .", "loud or cold old ? red so [MASK] [MASK] ."]
    assert [row.ids for row in examples.rows_of(0)] == backbone.tokenizer(written)["input_ids"]


def test_a_causal_model_reads_before_each_token_of_the_candidate(speaking):
    backbone = speaking("gpt2")
    row = encoded(backbone, ("red", "cold", "loud old")).rows[1]
    assert backbone.tokenizer.decode(row.ids) == "red so loud old"
    own = tokens(backbone, " loud old")
    assert [row.ids[place + 1] for place in row.reads] == own


def test_long_texts_give_way_and_candidates_do_not(speaking):
    examples = encoded(speaking("bert"), ("red " * 40, "cold", "loud old flat"), max_length=12)
    assert [len(row.ids) for row in examples.rows_of(0)] == [12, 12]
    assert [len(row.reads) for row in examples.rows_of(0)] == [1, 3]
    with pytest.raises(DataError, match="a text that must not be shortened takes 20 tokens of"):
        encoded(speaking("bert"), ("red", "cold", "loud " * 20), max_length=12)


def test_losses_are_softmax_or_the_papers_hinge():
    labels = torch.tensor([0, 0])
    softmax, hinge = (ChoiceKind([], COLUMNS, margin)._loss(LOGITS, labels) for margin in ("softmax", "hinge"))
    assert float(softmax) == pytest.approx(float(torch.nn.functional.cross_entropy(LOGITS, labels)))
    assert float(hinge) == pytest.approx((max(0.0, 1 - 2.0 + 0.5) + max(0.0, 1 - 0.25 + 0.5)) / 2)
    three = torch.tensor([[0.5, 0.25, -2.0]])
    assert float(ChoiceKind([], ["a", "b", "c"], "hinge")._loss(three, labels[:1])) == pytest.approx(0.75 / 2)


def test_metrics_follow_from_scores(speaking):
    kind = ChoiceKind(["premise"], COLUMNS)
    examples = Examples.of(Split([("", "", "")] * 3, [0, 1, 1], "made", ""), [[], [], []])
    answers = [row.numpy() for row in torch.tensor([[2.0, 1.0], [3.0, 0.0], [5.0, 4.0]])]
    metrics = kind.measure(answers, examples)
    assert metrics["accuracy"] == pytest.approx(1 / 3)
    assert metrics["majority_baseline"] == pytest.approx(2 / 3)
    assert metrics["constant_prediction"] == 1.0


def test_a_trained_head_scores_each_candidates_row(tiny, tmp_path):
    backbone = tiny("bert")
    plan, learner = choice_trial(backbone, tmp_path, base="{premise} [SEP] {choice}", method="head")
    answers = plan.task.predict(backbone, learner, plan.dev, 400)
    premise, *candidates = plan.dev.splits[0].texts[2]
    inputs = backbone.tokenizer([premise] * 2, candidates, return_tensors="pt", padding=True)
    with torch.inference_mode():
        embeds, visible = backbone.embed(inputs["input_ids"]), inputs["attention_mask"].bool()
        states = backbone.forward(embeds, visible, inputs["token_type_ids"], torch.zeros(2, dtype=torch.long))
        expected = learner.heads[0](backbone.pooled(states[:, 0]))[:, 0]
    assert answers[2].tolist() == near(expected.tolist())
    assert learner.heads[0].out.weight.shape[0] == 1


def test_the_answer_is_the_candidate_and_how_sure_it_is(speaking, tmp_path):
    backbone = speaking("bert")
    plan, learner = choice_trial(backbone, tmp_path, task=WORDED, method="v2", length=2)
    kind = plan.task.kinds[0]
    assert kind.inputs == ["premise", "choice1", "choice2"]
    given = [kind.texts(("red", "cold", "loud old"))]
    layout = lay_out(ManualPrompt(), ChoiceData(train="a.tsv", dev="a.tsv", text=["premise"]), backbone, language=True)
    examples = kind.encode(unlabelled(given), layout, backbone, training=False)
    shown = kind.present(predict(backbone, learner, examples, 200, kind.answer)[0], given[0])
    assert shown["text"] == {"choice1": "cold", "choice2": "loud old"}[shown["choice"]]
    assert sum(shown["probabilities"].values()) == pytest.approx(1.0)
    assert shown["probabilities"][shown["choice"]] >= 0.5


def test_what_cannot_be_scored_is_refused(speaking):
    with pytest.raises(SpecError, match=r"holds \{choice\} .* and no \[MASK\]"):
        encoded(speaking("bert"), ("red", "cold", "old"), "{premise} [MASK] {choice}")
    with pytest.raises(DataError, match=r"template begins with \{choice\}"):
        encoded(speaking("gpt2"), ("red", "cold", "old"), "{choice} or {premise}")
    with pytest.raises(SpecError, match=r"the template must hold \{choice\}"):
        encoded(speaking("bert"), ("red", "cold", "old"), "{premise} so")


def test_a_trial_cannot_read_words_that_the_task_does_not_load(speaking, tmp_path):
    with pytest.raises(SpecError, match=r'is .linear., got .verbalizer.; state task.head = "verbalizer"'):
        choice_trial(speaking("bert"), tmp_path, method="v2", length=2, head="verbalizer")
