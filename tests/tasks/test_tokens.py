"""Tags for words: which tokens are read, entity metrics against seqeval, and answers as people read them."""

import random

import numpy as np
import pytest
import torch
from seqeval.metrics import accuracy_score, f1_score, precision_score, recall_score
from torch.nn import functional

from ptune.data.sources import Split, unlabelled
from ptune.prompts.forward import HeadOutput
from ptune.prompts.layout import bind
from ptune.prompts.rows import Examples
from ptune.spec.layout import input_parts
from ptune.spec.trial import TrialSpec
from ptune.tasks.tokens import TokensAnswer, TokensKind
from support.closeness import near

TAGS = ["B-loc", "B-per", "I-loc", "I-per", "O"]
KIND = TokensKind(["words"], TAGS)
SENTENCES = [
    ["red", "afternoon", "sweet", "x-y"],
    ["Unknown", "old", "new", "red-green", "blue"],
    ["Été", "cold", "😀", "plain"],
]
FAMILIES = ["bert", "roberta", "llama", "gpt2"]


def layout_for(backbone, fields=("words",), max_length=64, base=None, **config):
    spec = TrialSpec.from_config({"method": "head", **config}).prompt
    return bind(input_parts(spec, list(fields), base), backbone, list(fields), max_length)


def encoded(backbone, sentences, kind=KIND, labels=None, **options) -> Examples:
    split = unlabelled([(words,) if isinstance(words, list) else words for words in sentences])
    if labels is not None:
        split = Split(split.texts, labels, "made", "")
    return kind.encode(split, layout_for(backbone, kind.inputs, **options), backbone, training=labels is not None)


def tokens_of_words(tokenizer, words: list[str]) -> list[int]:
    """Where each word's first token is in the whole sentence, by the tokenizer's own offsets.

    A token that is nothing but the space before a word belongs to it.
    """
    offsets = tokenizer(" ".join(words), add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    begins = np.cumsum([0, *(len(word) + 1 for word in words[:-1])])
    return [next(place for place, (_, end) in enumerate(offsets) if end >= begin) for begin in begins]


@pytest.mark.parametrize("family", FAMILIES)
def test_words_are_read_at_their_first_tokens_of_the_running_text(family, tiny):
    backbone = tiny(family)
    examples = encoded(backbone, SENTENCES)
    for words, row, read in zip(SENTENCES, examples.rows, examples.task_info, strict=True):
        whole = backbone.tokenizer(" ".join(words), add_special_tokens=False)["input_ids"]
        before = list(row.ids).index(whole[0])
        assert list(row.ids[before : before + len(whole)]) == whole
        assert read == tuple(range(len(words)))
        assert [place - before for place in row.reads] == tokens_of_words(backbone.tokenizer, words)


@pytest.mark.parametrize("template", ["before", "after", "[P] so: {words} [P]"])
def test_prompt_tokens_and_anchors_move_the_reads_along(template, tiny):
    backbone = tiny("roberta")
    plain, prompted = (
        encoded(backbone, SENTENCES, **config) for config in ({}, {"method": "v1", "length": 4, "template": template})
    )
    for bare, row in zip(plain.rows, prompted.rows, strict=True):
        assert [row.ids[place] for place in row.reads][1:] == [bare.ids[place] for place in bare.reads][1:]
        assert len(row.reads) == len(bare.reads)


def test_words_behind_the_longest_input_are_unread_and_count_as_outside(tiny):
    words = ["red", "afternoon", "cold", "old", "new"]
    labels = [[0, 4, 4, 1, 3]]
    examples = encoded(tiny("bert"), [words], labels=labels, max_length=13)
    assert len(examples.rows[0].ids) == 13
    assert examples.task_info == [(0, 1, 2)]  # [CLS] red a ##f ... ##n cold [SEP]
    metrics = KIND.measure([TokensAnswer((0, 1, 2), np.array([0, 4, 4]), 3.0)], examples)
    assert (metrics["precision"], metrics["recall"]) == (1.0, 0.5)
    assert metrics["loss"] == 1.0
    assert metrics["accuracy"] == 3 / 5


def test_a_tokenizer_that_keeps_ends_reads_the_last_words(tiny, monkeypatch):
    backbone = tiny("bert")
    monkeypatch.setattr(backbone.tokenizer, "truncation_side", "left")
    words = ["red", "afternoon", "cold", "old", "new"]
    (row,) = (examples := encoded(backbone, [words], max_length=8)).rows
    assert examples.task_info == [(2, 3, 4)]
    known = backbone.tokenizer.convert_tokens_to_ids(["cold", "old", "new"])
    assert [row.ids[place] for place in row.reads] == known


def test_a_word_that_no_token_stands_for_is_outside(tiny):
    words = ["red", "\u200d", "cold"]
    examples = encoded(tiny("bert"), [words])
    assert examples.task_info == [(0, 2)]
    answer = TokensAnswer((0, 2), np.array([0, 0]), 0.0)
    assert KIND.present(answer, (words,))["tags"] == ["B-loc", "O", "B-loc"]


def test_further_texts_shorten_only_while_they_are_longest(tiny):
    kind = TokensKind(["words", "predicate"], TAGS)
    words = ["red", "green", "cold", "old", "new", "flat"]
    given = [(words, "loud"), (words, "loud quiet sweet bitter plain round flat old new")]
    short, long = encoded(tiny("bert"), given, kind, max_length=13).rows
    assert len(short.reads) == len(words)
    assert len(long.reads) == 5
    assert len(long.ids) == 13
    whole = encoded(tiny("bert"), given[:1], kind, base="{words} [SEP] {predicate!}", max_length=8)
    assert len(whole.rows[0].reads) == 4


def test_the_loss_is_the_mean_over_the_words_read(tiny):
    labels = [[4, 0, 2, 4], [1, 3, 4, 4, 0], [4, 4, 4, 4]]
    examples = encoded(tiny("bert"), SENTENCES, labels=labels, max_length=12)
    read = [len(row.reads) for row in examples.rows]
    assert read != [4, 5, 4]
    scores = torch.randn(sum(read), len(TAGS), generator=torch.Generator().manual_seed(0))
    scored = HeadOutput(scores, examples, np.arange(3))
    targets = [tag for tags, count in zip(labels, read, strict=True) for tag in tags[:count]]
    expected = functional.cross_entropy(scores, torch.tensor(targets))
    assert KIND.loss(scored) == pytest.approx(float(expected))
    assert KIND.measure(KIND.answer(scored), examples)["loss"] == pytest.approx(float(expected))


def test_sentences_without_a_read_word_cost_nothing(tiny):
    examples = encoded(tiny("bert"), [["\u200d"]], labels=[[4]])
    scored = HeadOutput(torch.zeros(0, len(TAGS)), examples, np.arange(1))
    assert float(KIND.loss(scored)) == 0.0
    metrics = KIND.measure(KIND.answer(scored), examples)
    assert (metrics["loss"], metrics["f1"], metrics["accuracy"]) == (0.0, 0.0, 1.0)


def answered(given: list[list[int]]) -> list[TokensAnswer]:
    return [TokensAnswer(range(len(tags)), np.array(tags), 0.0) for tags in given]


def labelled(labels: list[list[int]]) -> Examples:
    return Examples.of(Split([(["w"] * len(tags),) for tags in labels], labels, "made", ""), [[]] * len(labels))


def test_metrics_equal_seqevals_own():
    rng = random.Random(4)
    gold, given = ([[rng.randrange(5) for _ in range(length)] for length in range(1, 30)] for _ in range(2))
    given = [
        [b if rng.random() < 0.4 else a for a, b in zip(*pair, strict=True)] for pair in zip(gold, given, strict=True)
    ]
    named = [[[TAGS[tag] for tag in tags] for tags in each] for each in (gold, given)]
    metrics = KIND.measure(answered(given), labelled(gold))
    assert 0.1 < metrics["f1"] < 0.9
    assert metrics["f1"] == near(f1_score(*named))
    assert metrics["precision"] == near(precision_score(*named))
    assert metrics["recall"] == near(recall_score(*named))
    assert metrics["accuracy"] == near(accuracy_score(*named))


def test_the_most_frequent_tag_is_the_baseline_and_one_tag_is_flagged():
    outside = [[0, 4, 4], [4, 4]]
    metrics = KIND.measure(answered([[4, 4, 4], [4, 4]]), labelled(outside))
    assert (metrics["majority_baseline"], metrics["f1"], metrics["constant_prediction"]) == (0.0, 0.0, 1.0)
    entities = [[0, 0, 4], [0, 4]]
    metrics = KIND.measure(answered([[0, 0, 0], [0, 4]]), labelled(entities))
    assert metrics["majority_baseline"] == pytest.approx(2 * 3 / (3 + 5))
    assert metrics["constant_prediction"] == 0.0


def test_people_write_sentences_and_read_words_tags_and_entities():
    texts = KIND.texts(("in New  York Ann",))
    assert texts == (["in", "New", "York", "Ann"],)
    shown = KIND.present(TokensAnswer((0, 1, 2, 3), np.array([4, 0, 2, 1]), 0.0), texts)
    assert shown["tags"] == ["O", "B-loc", "I-loc", "B-per"]
    assert shown["entities"] == [
        {"type": "loc", "text": "New York", "first": 1, "last": 2},
        {"type": "per", "text": "Ann", "first": 3, "last": 3},
    ]
