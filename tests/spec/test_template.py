"""The template language: what is written, where prompt tokens go, how a length is shared."""

import pytest

from ptune.spec.template import (
    PRESETS,
    Anchor,
    Mask,
    PromptRun,
    Separator,
    Stretch,
    TextField,
    parse,
    plain,
    run_lengths,
    written,
)

P, SEP = PromptRun(None), Separator()
PAIR = ["premise", "hypothesis"]
ONE, TWO = TextField("premise"), TextField("hypothesis")


def test_a_template_is_read_part_by_part():
    assert parse("[P] {premise} so [P:2] [SEP] {hypothesis} It is [P:1]", PAIR) == [
        PromptRun(None), ONE, Anchor("so"), PromptRun(2), SEP, TWO, Anchor("It is"), PromptRun(1)
    ]  # fmt: skip


def test_what_is_written_without_a_space_is_glued():
    assert parse('[P] "{text}"? Yes', ["text"]) == [
        P, Anchor('"'), TextField("text", glued=True), Anchor('"? Yes', glued=True)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("before", [P, ONE, SEP, TWO]),
        ("after", [ONE, SEP, TWO, P]),
        ("around", [P, ONE, SEP, TWO, P]),
        ("between", [ONE, P, SEP, TWO]),
        ("everywhere", [P, ONE, P, SEP, TWO, P]),
    ],
)
def test_presets_place_prompt_tokens_around_a_pair(preset, expected):
    assert parse(preset, PAIR) == expected


@pytest.mark.parametrize("preset", [preset for preset in PRESETS if preset != "own"])
def test_presets_fit_a_single_text(preset):
    parts = parse(preset, ["text"])
    assert [part for part in parts if not isinstance(part, PromptRun)] == [TextField("text")]
    assert len(run_lengths(parts, 5)) in (1, 2)


def test_without_a_prompt_a_pair_is_separated():
    assert plain(["text"]) == [TextField("text")]
    assert plain(PAIR) == [ONE, SEP, TWO]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("[P] {premis} [SEP] {hypothesis}", r"names the field \{premis\}.*; did you mean 'premise'\?"),
        ("[P] {premise}", r"must hold \{hypothesis\}; it holds \{premise\}"),
        ("[P] [MASK]", r"must hold \{premise\}; it holds no field"),
        ("[P] {premise} {premise}", r"must hold \{hypothesis\}; it holds \{premise\}, \{premise\}"),
        ("[P] {premise!!} {hypothesis}", r"'\{' is neither"),
        ("[MASK] [P]", r"must hold \{premise\}"),
        ("{premise} [SEP] [P] [SEP] {hypothesis}", r"\[SEP\] at most once"),
        ("befor", r"neither a preset \(before, .*; did you mean 'before'\?"),
        ("", "neither a preset"),
        ("[P:0] {premise} {hypothesis}", r"'\[P:0\]' is neither a prompt run"),
        ("[P:x] {premise} {hypothesis}", r"'\[P:x\]' is neither a prompt run"),
        ("[P {premise} {hypothesis}", r"'\[P' is neither a prompt run"),
        ("[P] {premise} {hypothesis", r"'\{' is neither"),
    ],
)
def test_what_is_no_template_is_refused(template, message):
    with pytest.raises(ValueError, match=message):
        parse(template, PAIR)


def test_a_mask_is_the_place_of_a_word_and_may_stand_right_behind_another():
    assert parse("{text} It was [MASK]([MASK]).", ["text"]) == [
        TextField("text"), Anchor("It was"), Mask(), Anchor("(", glued=True), Mask(glued=True), Anchor(").", glued=True)
    ]  # fmt: skip


def test_a_field_may_stand_in_several_places_and_one_may_be_kept_whole():
    assert parse("{text} [P] {word!}, {text}", ["text", "word"]) == [
        TextField("text"), P, TextField("word", fixed=True), Anchor(",", glued=True), TextField("text")
    ]  # fmt: skip


def test_there_may_be_as_many_fields_as_a_task_has():
    fields = ["passage", "question", "answer"]
    assert plain(fields) == [TextField("passage"), SEP, TextField("question"), TextField("answer")]
    assert parse("between", fields) == [TextField("passage"), P, SEP, TextField("question"), TextField("answer")]


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("before", "[P] {premise}? [SEP] [MASK], {hypothesis}"),
        ("after", "{premise}? [SEP] [MASK], {hypothesis} [P]"),
        ("around", "[P] {premise}? [SEP] [MASK], {hypothesis} [P]"),
        ("between", "{premise}? [P] [SEP] [MASK], {hypothesis}"),
        ("everywhere", "[P] {premise}? [P] [SEP] [MASK], {hypothesis} [P]"),
    ],
)
def test_presets_put_prompt_tokens_around_the_datas_own_template(preset, expected):
    parts = parse(preset, PAIR, "{premise}? [SEP] [MASK], {hypothesis}")
    assert parts == parse(expected, PAIR)
    assert written(parts) == expected


def test_a_template_of_ones_own_holds_its_runs_itself():
    assert parse("own", PAIR, "{premise} so [P:2] {hypothesis}") == [ONE, Anchor("so"), PromptRun(2), TWO]
    with pytest.raises(ValueError, match="needs at least one prompt run"):
        run_lengths(parse("own", PAIR), 3)


def test_prompt_tokens_may_stand_between_the_words_of_a_text():
    assert parse("{text[:50%]} [P] {text[50%:]!}.", ["text"]) == [
        TextField("text", stretch=Stretch(end="50%")), P, TextField("text", fixed=True, stretch=Stretch(start="50%")),
        Anchor(".", glued=True),
    ]  # fmt: skip
    assert [Stretch("1", "3").of(" a  b c d"), Stretch("3").of("a b"), Stretch(end="34%").of("a b c")] == [
        "b c",
        "",
        "a",
    ]


@pytest.mark.parametrize(
    "stretches",
    ["{text[:50%]}", "{text[50%:]} {text[:50%]}", "{text[:2]} {text[3:]}", "{text[:2]} {text[2:50%]} {text[50%:]}",
     "{text[:50%]} {text[:50%]} {text[50%:]}", "{text[:5]} {text[5:5]} {text[5:]}", "{text[:120%]} {text[120%:]}"],
)  # fmt: skip
def test_the_stretches_of_a_text_are_its_whole(stretches):
    with pytest.raises(
        ValueError, match=r"the stretches of \{text\} must be its whole text, one behind another, as in"
    ):
        parse(f"[P] {stretches}", ["text"])


@pytest.mark.parametrize(
    "template",
    [
        "{text[:50%]} [P] {text[50%:]!}",
        "{text[:1]} [P] {text[1:3]} {text[3:]}.",
        "[P:2] {text!}? [MASK]!",
        "({text}) [SEP] [MASK][MASK] {text}",
        "a{text} [P]",
    ],
)
def test_what_is_written_reads_back(template):
    parts = parse(template, ["text"])
    assert written(parts) == template
    assert parse(written(parts), ["text"]) == parts


@pytest.mark.parametrize(
    ("template", "length", "expected"),
    [
        ("[P] {text}", 7, [7]),
        ("[P] {text} [P]", 7, [4, 3]),
        ("[P] {text} [P] [P]", 8, [3, 3, 2]),
        ("[P:2] {text} [P]", 7, [2, 5]),
        ("[P] {text} [P:2] [P]", 5, [2, 2, 1]),
        ("[P:3] {text} [P:1]", 4, [3, 1]),
    ],
)
def test_a_length_is_shared_among_the_runs(template, length, expected):
    assert run_lengths(parse(template, ["text"]), length) == expected


@pytest.mark.parametrize(
    ("template", "length", "message"),
    [
        ("{text}", 4, "at least one prompt run"),
        ("[P] {text} [P]", 1, "at least 2, got 1"),
        ("[P:3] {text} [P]", 3, "at least 4, got 3"),
        ("[P:3] {text} [P:1]", 5, "exactly 4, got 5"),
    ],
)
def test_a_length_that_does_not_fit_the_runs_is_refused(template, length, message):
    with pytest.raises(ValueError, match=message):
        run_lengths(parse(template, ["text"]), length)
