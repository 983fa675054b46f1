"""The input of a prompt: its template with every run's length."""

import pytest
from pydantic import TypeAdapter

from ptune.errors import SpecError
from ptune.spec.layout import input_parts, input_problems
from ptune.spec.prompt import ManualPrompt, NoPrompt, PromptTuning, PromptV1, PromptV2
from ptune.spec.task import Task
from ptune.spec.template import Anchor, Mask, PromptRun, Separator, TextField, written
from support.task_tables import PLAIN_TASKS


def test_every_run_of_a_template_gets_its_length():
    parts = input_parts(PromptV1(length=5, template="[P] {a} is [P:1] {b} [P]"), ["a", "b"])
    assert parts == [PromptRun(2), TextField("a"), Anchor("is"), PromptRun(1), TextField("b"), PromptRun(2)]


@pytest.mark.parametrize("prompt", [PromptV2(length=9), NoPrompt(), ManualPrompt()])
def test_other_methods_leave_the_input_as_it_is(prompt):
    assert input_parts(prompt, ["a", "b"]) == [TextField("a"), Separator(), TextField("b")]
    own = [TextField("b"), Anchor("?", glued=True), Mask(), TextField("a")]
    assert input_parts(prompt, ["a", "b"], "{b}? [MASK] {a}") == own


def test_prompt_tuning_puts_its_tokens_before_the_input():
    assert input_parts(PromptTuning(length=4), ["a"], "So: {a}") == [PromptRun(4), Anchor("So:"), TextField("a")]


def test_a_manual_prompt_is_words_around_the_text():
    prompt = ManualPrompt(template="{a} It was [MASK]")
    assert input_parts(prompt, ["a"], "{a} [MASK]") == [TextField("a"), Anchor("It was"), Mask()]


@pytest.mark.parametrize("prompt", [PromptV1(template="[P] {a} [MASK]", length=2), ManualPrompt(template="{a} [MASK]")])
def test_a_trained_head_needs_no_place_for_a_word(prompt):
    assert any(isinstance(part, Mask) for part in input_parts(prompt, ["a"]))
    assert not any(isinstance(part, Mask) for part in input_parts(prompt, ["a"], masked=False))


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (PromptV1(template="[P] {c}"), r"template '\[P\] \{c\}': the template names the field \{c\}"),
        (PromptV1(template="everywhere", length=2), "template 'everywhere': this template needs a prompt length"),
        (ManualPrompt(template="[P] {a} {b}"), r"prompt runs \(\[P\]\) belong to method = \"v1\""),
        (PromptV1(template="{a} {b}"), "a P-tuning v1 template needs at least one prompt run"),
    ],
)
def test_a_template_that_does_not_fit_is_refused(prompt, message):
    with pytest.raises(SpecError, match=message):
        input_parts(prompt, ["a", "b"])


@pytest.mark.parametrize("kind", ["tokens", "span", "choice"])
def test_a_text_whose_words_have_places_stays_whole(kind):
    task = TypeAdapter(Task).validate_python(PLAIN_TASKS[kind])
    first, *others = task.data.fields
    divided = f"{{{first}[:2]}} [P] {{{first}[2:]}} {' '.join(f'{{{name}}}' for name in others)}"
    [problem] = input_problems(PromptV1(template=divided), task)
    assert problem.text.endswith(f": write {{{first}}}")
    assert f"{{{first}[:2]}} divides a text, and {task.data.whole_texts}" in problem.text


@pytest.mark.parametrize(
    "template", ["before", "between", "around", "Say: [P] ({a}), [SEP] {b}? It is[P:2]!", "{a}{b}[P]"]
)
def test_a_template_written_out_reads_back_the_same(template):
    parts = input_parts(PromptV1(length=6, template=template), ["a", "b"])
    again = input_parts(PromptV1(length=6, template=written(parts)), ["a", "b"])
    assert again == parts
