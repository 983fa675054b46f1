"""What a prompt may be: which layers hold it, how long it is in each, and what it starts from."""

import pytest

from ptune.errors import SpecError
from ptune.spec.prompt import PromptTuning, PromptV1, PromptV2, chosen_layers, is_shifted, layers_of
from ptune.spec.trial import TrialSpec
from support.refusals import refused


def refusal(**config) -> str:
    return refused(SpecError, TrialSpec.from_config, config)


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("1", (0,)),
        ("21-24", (20, 21, 22, 23)),
        ("12,1", (0, 11)),
        (" 1 - 2 , 4 ", (0, 1, 3)),
        ("3-3", (2,)),
    ],
)
def test_layers_are_written_from_1_and_counted_from_0(text, layers):
    assert layers_of(text) == layers


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0-3", "layers: layers count from 1 and ranges ascend, got '0-3'"),
        ("1,4-2", "layers: layers count from 1 and ranges ascend, got '4-2'"),
        ("1-3,2", "layers: a layer is named twice in '1-3,2'"),
        ("", "layers: write layers as '1-4' or '1,12,24', counted from 1, got ''"),
        ("1;2", "layers: write layers as '1-4' or '1,12,24', counted from 1, got '1;2'"),
        ("last", "layers: write layers as '1-4' or '1,12,24', counted from 1, got 'last'"),
    ],
)
def test_layers_that_mean_nothing_are_refused(text, message):
    assert refusal(layers=text) == message


def test_layers_are_named_or_counted_not_both():
    assert "state layers or depth, not both, got layers='1,2', depth=2" in refusal(layers="1,2", depth=2)


def test_every_layer_may_have_a_length_of_its_own():
    assert PromptV2(length=20, lengths="20, 5,10").layer_lengths == (20, 5, 10)
    assert PromptV2(length=20).layer_lengths == ()
    assert PromptV2(lengths="20,30,10").length == 30


def test_no_layer_is_longer_than_the_prompt():
    assert "no layer's length may exceed length, got '4,21' with length=20" in refusal(length=20, lengths="4,21")


@pytest.mark.parametrize("lengths", ["", "3,", "3;4", "long"])
def test_lengths_are_numbers(lengths):
    assert refusal(lengths=lengths).startswith("lengths: String should match pattern")


@pytest.mark.parametrize("init", ["normal", "vocabulary", "text: is this film good", "text:yes\nno"])
def test_a_prompt_starts_at_random_or_from_words(init):
    assert PromptV1(init=init).init == init
    assert PromptTuning(init=init).init == init


@pytest.mark.parametrize("init", ["", "text:", "text:  ", "word", "normal vocabulary", "Text: a"])
def test_no_other_start_is_known(init):
    law = f"init: write 'normal', 'zero', 'vocabulary', 'text' or 'text: some words', got {init!r}"
    assert refusal(method="prompt_tuning", init=init) == law


def test_starts_are_those_of_the_papers_unless_stated():
    assert (PromptV1().init, PromptTuning().init) == ("normal", "vocabulary")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (PromptV2(), (0, 1, 2, 3, 4, 5)),
        (PromptV2(depth=2), (4, 5)),
        (PromptV2(depth=2, side="first"), (0, 1)),
        (PromptV2(depth=6, side="first"), (0, 1, 2, 3, 4, 5)),
        (PromptV2(layers="6,1-2"), (0, 1, 5)),
    ],
)
def test_depth_and_side_or_names_choose_the_layers(spec, expected):
    assert chosen_layers(spec, 6) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (PromptV2(), True),
        (PromptV2(depth=6), True),
        (PromptV2(depth=5), False),
        (PromptV2(layers="1-6"), True),
        (PromptV2(layers="1,6"), False),
        (PromptV2(depth=5, positions="shifted"), True),
        (PromptV2(positions="unshifted"), False),
    ],
)
def test_text_is_shifted_behind_prompts_in_all_layers_unless_stated(spec, expected):
    assert is_shifted(spec, 6, shifts=True) is expected
    assert not is_shifted(spec.model_copy(update={"positions": "auto"}), 6, shifts=False)
