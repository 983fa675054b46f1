"""Answers cut from contexts: offsets, windows, the best pair of start and end, and SQuAD's scores."""

import re
import string
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional
from torchmetrics.text import SQuAD
from transformers import AutoTokenizer

from ptune.data.sources import Split, unlabelled
from ptune.data.templates import Layout
from ptune.errors import DataError
from ptune.prompts.forward import HeadOutput
from ptune.prompts.layout import bind
from ptune.prompts.rows import Examples
from ptune.spec.layout import input_parts
from ptune.spec.template import parse, plain
from ptune.spec.trial import TrialSpec
from ptune.tasks.span import SpanAnswer, SpanKind

FIELDS = ["question", "context"]
KIND = SpanKind(FIELDS, unanswerable=True, stride=4, max_answer=3, best=20)
FAMILIES = ["bert", "roberta", "llama", "gpt2"]
TEXTS = [
    "red green, an afternoon",
    "  Été: 😀 cold\n\nplain  (x-y) 12.5 ",
    "old",
    "Once upon a time, there was a cat. “Hi!” said Ëva… don't 東京 ok",
]
LONG = "red green blue cold warm loud quiet sweet bitter plain round flat old new long short red cold flat sweet"


def layout_for(backbone, base=None, max_length=16, **config):
    spec = TrialSpec.from_config({"method": "head", **config}).prompt
    return bind(input_parts(spec, FIELDS, base), backbone, FIELDS, max_length)


def split_of(*asked: tuple[str, str, list]) -> Split:
    return Split([(question, context) for question, context, _ in asked], [pairs for *_, pairs in asked], "made", "")


def encoded(backbone, *asked, training=False, kind=KIND, **options) -> Examples:
    return kind.encode(split_of(*asked), layout_for(backbone, **options), backbone, training=training)


def window_reads(row) -> list[int]:
    """The context's tokens in a row: what is read but the class position."""
    return [row.ids[place] for place in row.reads[1:]]


def check_offsets(layout) -> None:
    """The tokens are the layout's, and their stretches make up the text, white space apart."""
    for field in (0, 1):
        for text, ids, located in zip(TEXTS, layout.tokens(field, TEXTS), layout.located(field, TEXTS), strict=True):
            assert located.ids == ids
            pieces = [text[start:end] for start, end in located.offsets]
            assert all(piece == piece.strip() for piece in pieces)
            covered = {place for start, end in located.offsets for place in range(start, end)}
            assert covered == {place for place, character in enumerate(text) if not character.isspace()}


BASES = pytest.mark.parametrize("base", [None, "{question} {context}", "in: {context} [SEP] {question}"])


@BASES
@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_with_offsets_are_the_tokens_of_the_layout(family, base, tiny):
    check_offsets(layout_for(tiny(family), base))


@BASES
def test_offsets_of_tokenizers_in_use(base, minilm, shared_data):
    for folder in (minilm, shared_data / "stories260K"):
        parts = parse(base, FIELDS) if base else plain(FIELDS)
        check_offsets(Layout(AutoTokenizer.from_pretrained(str(folder)), FIELDS, parts, [], 64))


@pytest.mark.parametrize("family", FAMILIES)
def test_offsets_name_what_a_token_stands_for(family, tiny):
    backbone = tiny(family)
    (located,) = layout_for(backbone).located(1, ["  red green-old"])
    words = [backbone.tokenizer.decode([token]).strip().removeprefix("##") for token in located.ids]
    assert [("  red green-old")[start:end] for start, end in located.offsets] == words


@pytest.mark.parametrize("stride", [0, 3, 50])
@pytest.mark.parametrize("family", FAMILIES)
def test_windows_hold_every_token_and_share_the_stride(family, stride, tiny):
    backbone = tiny(family)
    kind = replace(KIND, stride=stride)
    layout = layout_for(backbone)
    rows = encoded(backbone, ("red old", LONG, []), kind=kind).rows
    ids, width = layout.tokens(1, [LONG])[0], layout.room - 2
    pieces = [window_reads(row) for row in rows]
    shared = min(stride, width // 2)
    assert all(len(row.ids) <= 16 for row in rows)
    assert all(row.reads[0] == 0 for row in rows)
    assert [len(piece) for piece in pieces[:-1]] == [width] * (len(pieces) - 1)
    assert pieces[0] + [token for piece in pieces[1:] for token in piece[shared:]] == ids


def test_a_short_context_is_one_window_and_a_long_question_is_cut(tiny):
    backbone = tiny("bert")
    short, asked = encoded(backbone, ("red", "old new", []), (LONG, "old new", [])).rows
    assert window_reads(short) == backbone.tokenizer.convert_tokens_to_ids(["old", "new"])
    assert len(asked.ids) == 3 + 13 // 2 + 2


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_targets_point_at_the_answer_in_every_window_that_holds_it(family, training, tiny):
    backbone = tiny(family)
    text, start = "plain round", LONG.index("plain round")
    examples = encoded(backbone, ("red", LONG, [[text, start], ["red", 0]]), training=training)
    windows = [window for passage in examples.task_info for window in passage.windows]
    rows = examples.rows
    assert (len(examples) == len(rows)) == training
    answer = layout_for(backbone).tokens(1, [f"x {text}"])[0][-2:]
    found = 0
    for row, window in zip(rows, windows, strict=True):
        first, last = window.target
        held = [row.ids[row.reads[place]] for place in range(first, last + 1)] if first else []
        assert held in ([], answer)
        whole = any(window_reads(row)[place : place + 2] == answer for place in range(len(row.reads)))
        assert bool(held) == whole
        found += bool(held)
    assert found >= 1


def test_an_answer_within_a_word_takes_the_whole_tokens(tiny):
    context = "a red-green afternoon"
    examples = encoded(tiny("bert"), ("old", context, [["ed", 3]]), ("old", context, [["green after", 6]]))
    spans = [
        [context[passage.offsets[place - 1][0] : passage.offsets[place - 1][1]] for place in passage.windows[0].target]
        for passage in examples.task_info
    ]
    assert spans == [["red", "red"], ["green", "r"]]


def test_a_context_without_a_token_has_no_answer(tiny):
    examples = encoded(tiny("bert"), ("old", "\u200d", [["\u200d", 0]]))
    assert examples.task_info[0].windows[0].target == (0, 0)
    (answer,) = KIND.answer(HeadOutput(torch.tensor([[-9.0, -9.0]]), examples, np.arange(1)))
    assert answer.text == ""


def test_a_template_that_repeats_the_context_is_refused(tiny):
    with pytest.raises(DataError, match="once each"):
        encoded(tiny("bert"), ("old", LONG, []), base="{context} [SEP] {question} {context}")


def scored_at_random(examples: Examples, seed: int) -> HeadOutput:
    reads = len(examples.rows.reads.values)
    scores = torch.randn(reads, 2, generator=torch.Generator().manual_seed(seed))
    return HeadOutput(scores, examples, np.arange(len(examples)))


def test_the_loss_is_the_mean_of_start_and_end_over_windows(tiny):
    asked = ("red", LONG, [["plain round", LONG.index("plain")]])
    scored = scored_at_random(encoded(tiny("bert"), asked, ("old", "cold new", [])), 0)
    rows = scored.examples.rows
    windows = [window for passage in scored.task_info for window in passage.windows]
    each = [
        functional.cross_entropy(own[:, side], torch.tensor(window.target[side]))
        for own, window in zip(scored.scores.split([len(row.reads) for row in rows]), windows, strict=True)
        for side in (0, 1)
    ]
    expected = float(torch.stack(each).mean())
    assert float(KIND.loss(scored)) == pytest.approx(expected)
    assert KIND.measure(KIND.answer(scored), scored.examples)["loss"] == pytest.approx(expected)


@pytest.mark.parametrize("unanswerable", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_the_best_of_all_pairs_over_all_windows_is_the_answer(seed, unanswerable, tiny):
    kind = replace(KIND, unanswerable=unanswerable)
    examples = encoded(tiny("bert"), ("red", LONG, []), kind=kind)
    scored = scored_at_random(examples, seed)
    scored.scores[:] += torch.tensor([0.9, 0.9]) * (seed % 2) * (torch.arange(len(scored.scores)) == 0)[:, None]
    passage, tried, none = examples.task_info[0], [], []
    for own, window in zip(scored.scores.split_with_sizes(scored.reads_by_row), passage.windows, strict=True):
        none.append(float(own[0].sum()))
        for start in range(1, len(own)):
            for end in range(start, min(start + 3, len(own))):
                stretch = passage.offsets[window.first + start - 1][0], passage.offsets[window.first + end - 1][1]
                tried.append((float(own[start, 0] + own[end, 1]), LONG[slice(*stretch)]))
    score, text = max(tried)
    (answer,) = kind.answer(scored)
    assert answer.score == pytest.approx(score)
    assert answer.no_answer_score == pytest.approx(min(none))
    assert answer.text == ("" if unanswerable and min(none) > score else text)


def test_only_the_best_starts_and_ends_are_paired_up(tiny):
    examples = encoded(tiny("bert"), ("red", "cold warm loud", []))
    scores = torch.tensor([[-9.0, -9.0], [1.0, 3.0], [2.5, 0.0], [0.0, 2.0]])
    scored = HeadOutput(scores, examples, np.arange(1))
    assert KIND.answer(scored)[0].text == "warm loud"
    (narrow,) = replace(KIND, best=1).answer(scored)
    assert narrow.text == ""  # the best start stands behind the best end
    (short,) = replace(KIND, max_answer=1).answer(scored)
    assert short.text == "cold"


@pytest.mark.parametrize(("score", "expected"), [(3.0, ""), (1.0, "cold warm"), (2.0, "cold warm")])
def test_no_answer_must_beat_the_best_stretch(score, expected, tiny):
    examples = encoded(tiny("bert"), ("red", "cold warm", []))
    scores = torch.tensor([[score, 0.0], [2.0, -1.0], [-1.0, 0.0]])
    scored = HeadOutput(scores, examples, np.arange(1))
    assert KIND.answer(scored)[0].text == expected
    assert replace(KIND, unanswerable=False).answer(scored)[0].text == "cold warm"


def measured(given: list[str], golds: list[list[str]], kind: SpanKind = KIND) -> dict[str, float]:
    split = split_of(*(("q", "c", [[gold, 0] for gold in each]) for each in golds))
    return kind.measure([SpanAnswer(text, 1.0, 0.0, 2.0, 2) for text in given], Examples.of(split, [[]] * len(golds)))


def test_metrics_equal_torchmetrics():
    given = ["The cat", "a red  cat!", "on the old mat", "dog", "1,000"]
    golds = [["cat"], ["red cat", "cat"], ["old mat", "the mat"], ["cat"], ["1000", "thousand"]]
    reference = SQuAD()
    metrics = reference(
        [{"prediction_text": text, "id": str(number)} for number, text in enumerate(given)],
        [{"answers": {"text": gold, "answer_start": [0]}, "id": str(number)} for number, gold in enumerate(golds)],
    )
    found = measured(given, golds)
    assert found["exact_match"] == pytest.approx(float(metrics["exact_match"]) / 100) == 3 / 5
    assert found["f1"] == pytest.approx(float(metrics["f1"]) / 100) == pytest.approx((1 + 1 + 0.8 + 0 + 1) / 5)
    assert found["loss"] == 1.0
    assert found["majority_baseline"] == 0.0


def by_squads_script(given: list[str], golds: list[list[str]]) -> tuple[float, float]:
    """Exact match and F1 as SQuAD 2.0's evaluation script defines them."""

    def words(text):
        text = "".join(letter for letter in text.lower() if letter not in string.punctuation)
        return re.sub(r"\b(a|an|the)\b", " ", text).split()

    def f1(text, gold):
        same = sum((Counter(words(text)) & Counter(words(gold))).values())
        if not words(text) or not words(gold):
            return float(words(text) == words(gold))
        return 2 * same / (len(words(text)) + len(words(gold)))

    counted = [[gold for gold in each if words(gold)] or [""] for each in golds]
    pairs = list(zip(given, counted, strict=True))
    exact = np.mean([max(words(text) == words(gold) for gold in each) for text, each in pairs])
    return exact, np.mean([max(f1(text, gold) for gold in each) for text, each in pairs])


def test_accepted_answers_that_normalise_to_nothing_count_as_in_squads_script():
    golds = [["The", "The Who"], ["The", "The Who"], ["!"], ["an", "A"], ["the cat's"], ["..."], []]
    given = ["the", "Who", "", "red", "a cats", "the", "an"]
    found = measured(given, golds)
    assert (found["exact_match"], found["f1"]) == pytest.approx(by_squads_script(given, golds))
    assert found["majority_baseline"] == pytest.approx(4 / 7), "the share that is right without an answer"
    without = measured(given, golds, replace(KIND, unanswerable=False))
    assert without["exact_match"] == pytest.approx(found["exact_match"] + 1 / 7), "SQuAD 1.1's script drops none"


def test_an_unanswerable_question_is_right_exactly_if_it_is_given_no_answer():
    found = measured(["", "cat", "", "red cat"], [[], [], ["cat"], ["cat"]])
    assert found["exact_match"] == pytest.approx(1 / 4)
    assert found["f1"] == pytest.approx((1 + 0 + 0 + 2 / 3) / 4)
    assert found["majority_baseline"] == 0.5
    assert found["constant_prediction"] == 0.0
    assert measured(["", ""], [[], ["cat"]])["constant_prediction"] == 1.0


def test_people_read_an_answer_and_its_scores(tiny):
    split = unlabelled([KIND.texts(("red", "cold warm"))])
    examples = KIND.encode(split, layout_for(tiny("bert")), tiny("bert"), training=False)
    scores = torch.tensor([[0.0, 0.0], [2.0, -1.0], [-1.0, 1.0]])
    (answer,) = KIND.answer(HeadOutput(scores, examples, np.arange(1)))
    assert KIND.present(answer, split.texts[0]) == {"answer": "cold warm", "score": 3.0, "no_answer_score": 0.0}
