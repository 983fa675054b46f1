"""Words for labels: one token for each [MASK], known to the backbone, and each label's own."""

import pytest
import torch

from ptune.backbone.backbone import Backbone
from ptune.data.templates import Layout
from ptune.errors import DataError, SpecError
from ptune.prompts.heads import VerbalizerHead
from ptune.spec.data import ClassificationData
from ptune.spec.prompt import ManualPrompt
from ptune.tasks.build import lay_out
from ptune.tasks.classification import ClassificationKind
from ptune.tasks.verbalizer import label_words
from support.refusals import refused

WORDS = {"neg": ["cold"], "pos": ["warm", "sweet"]}
LABELS = ["neg", "pos"]


def layout(backbone: Backbone, template: str = "{text} [MASK]") -> Layout:
    data = ClassificationData(source="made", max_length=32)
    return lay_out(ManualPrompt(template=template), data, backbone, language=True)


def refusal(words: dict, backbone: Backbone, template: str = "{text} [MASK]") -> list[str]:
    return refused(SpecError, label_words, words, LABELS, layout(backbone, template)).splitlines()


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_each_word_is_its_token_in_its_place(family, tiny):
    tokenizer = tiny(family).tokenizer
    space = " " if family == "gpt2" else ""
    ids = [tokenizer(space + word, add_special_tokens=False)["input_ids"] for word in ("cold", "warm", "sweet")]
    assert all(len(own) == 1 for own in ids)
    assert label_words(WORDS, LABELS, layout(tiny(family))) == ((tuple(ids[0]),), (tuple(ids[1]), tuple(ids[2])))


def test_a_word_right_behind_the_text_carries_no_space(tiny):
    spaced, glued = (label_words(WORDS, LABELS, layout(tiny("gpt2"), f"{{text}}{gap}[MASK]")) for gap in (" ", ""))
    assert spaced != glued


def test_a_word_has_as_many_tokens_as_there_are_masks(tiny):
    line = "the verbalizer's word 'tepid' for 'pos' is 5 tokens in this backbone's vocabulary, and the template has {}"
    (one,) = refusal(WORDS | {"pos": ["warm", "tepid"]}, tiny("bert"))
    assert one.startswith(line.format("1 [MASK]: choose words of exactly that many tokens"))
    two = refusal({"neg": ["ab"], "pos": ["tepid"]}, tiny("bert"), "{text} [MASK] [MASK]")
    assert two == [line.format("2 [MASK]: choose words of exactly that many tokens")]
    found = label_words({"neg": ["ab"], "pos": ["zq"]}, LABELS, layout(tiny("bert"), "{text} [MASK][MASK]"))
    assert [len(word) for words in found for word in words] == [2, 2]


def test_a_word_that_the_vocabulary_lacks_is_refused(tiny):
    (line,) = refusal(WORDS | {"neg": ["雨"]}, tiny("bert"))
    assert line.startswith("the verbalizer's word '雨' for 'neg' holds an unknown token")


def test_every_label_has_words_and_only_labels_do(tiny):
    missing, extra = refusal({"neg": ["cold"], "poss": ["warm"]}, tiny("bert"))
    assert missing == "the verbalizer has no word for the label 'pos'; did you mean 'poss'? (it has: neg, poss)"
    assert extra == "the verbalizer has a word for 'poss', which is not a label; did you mean 'pos'? (labels: neg, pos)"


def test_two_labels_do_not_share_a_word(tiny):
    (line,) = refusal({"neg": ["cold", "warm"], "pos": ["warm"]}, tiny("bert"))
    assert line == "the verbalizer's word 'warm' stands for both 'neg' and 'pos'"


def test_every_problem_has_a_line(tiny):
    assert len(refusal({"neg": ["tepid", "cold"], "pos": ["lukewarm", "cold"]}, tiny("bert"))) == 3


def test_a_template_without_a_mask_has_no_place_for_words(tiny):
    assert refusal(WORDS, tiny("bert"), "{text} It was")[0].startswith("a verbalizer reads words at [MASK]")


def test_a_causal_model_reads_a_word_behind_everything_else(tiny):
    with pytest.raises(DataError, match=r"reads left to right, so \[MASK\] must come last, got \{text\} behind it"):
        layout(tiny("gpt2"), "[MASK] {text}")
    assert layout(tiny("gpt2"), "{text} It was [MASK].").masks == 1


def test_scores_are_the_mean_over_words_of_the_sum_over_masks():
    words = (((1, 2),), ((0, 0), (3, 1)))
    at_masks = torch.tensor([[0.0, 1.0, 2.0, 5.0], [10.0, 20.0, 30.0, 50.0]])
    scores = VerbalizerHead(words)(at_masks)
    assert scores.tolist() == [[1.0 + 30.0, ((0.0 + 10.0) + (5.0 + 20.0)) / 2]]


def test_an_example_is_read_at_its_masks(tiny):
    kind = ClassificationKind(["text"], LABELS, WORDS)
    made = layout(tiny("bert"), "{text} It is [MASK].")
    example = made.encode(("red green",))
    assert [example.ids[place] for place in example.masks] == [tiny("bert").tokenizer.mask_token_id]
    assert kind.head_spec(made).words == label_words(WORDS, LABELS, made)
