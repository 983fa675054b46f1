"""What a task may ask for: its metric, its data sets, its labels' words, and where a word goes."""

from functools import partial

import pytest
from pydantic import ValidationError

from ptune.spec.data import ClassificationData, ClozeData, SpanData
from ptune.spec.job import Job
from ptune.spec.source import file_of
from ptune.spec.task import Classification, Cloze, is_minimized
from support.refusals import refused

WORDS = {"neg": "bad", "pos": ["good", "great"]}
DATA = {"source": "builtin:films", "labels": ["neg", "pos"], "verbalizer": WORDS, "template": "{text} [MASK]"}


def job(parameters=None, more=None, **changes) -> Job:
    content = {
        "name": "films",
        "backbone": {"id": "packaged:minilm"},
        "task": {
            "data": {key: value for key, value in (DATA | changes).items() if value is not None},
            "more": more or [],
        },
        "space": {"parameters": parameters or {"method": {"value": "manual"}}},
        "budget": {"trials": 1, "epochs": 1},
    }
    return Job.model_validate(content)


refusal = partial(refused, ValidationError)


def test_words_for_labels_choose_the_language_head():
    assert job().task.default_head == "verbalizer"
    plain = job(verbalizer=None, template=None).task
    assert (plain.default_head, plain.language) == ("linear", False)


def test_every_label_has_a_word_and_nothing_else_has():
    message = "verbalizer must hold a word for every label and no other, got {} for the labels ['neg', 'pos']"
    assert message.format("['neg']") in refusal(job, verbalizer={"neg": "bad"})
    assert message.format("['neg', 'pos', 'so-so']") in refusal(job, verbalizer=WORDS | {"so-so": "fine"})


def test_a_label_needs_at_least_one_word():
    assert "verbalizer" in refusal(job, verbalizer={"neg": [], "pos": "good"})


def test_labels_that_only_the_data_knows_are_judged_there():
    assert job(labels=None).task.data.verbalizer == WORDS


@pytest.mark.parametrize("parameters", [None, {"method": {"value": "v2"}}, {"method": {"choices": ["v1", "manual"]}}])
def test_a_language_head_needs_a_mask_in_the_datas_template(parameters):
    law = "template '{text}!': the language head reads a word's place: write [MASK] where the word goes"
    assert law in refusal(job, parameters, template="{text}!")


def test_a_language_head_needs_a_template():
    assert "required, and missing: the language head reads a word's place" in refusal(job, template=None)
    assert job({"method": {"value": "v1"}, "template": {"value": "{text} [P] [MASK]"}}, template=None)


def test_a_language_head_needs_a_mask_in_every_template_of_the_space():
    method, heads = {"value": "v1"}, {"choices": ["linear", "verbalizer"]}
    templates = {"choices": ["before", "[P] {text} [MASK]", "[P] {text}"]}
    found = refusal(job, {"method": method, "template": templates})
    assert "template '[P] {text}': the language head reads a word's place" in found
    assert "'before'" not in found
    assert job({"method": method, "template": templates, "head": heads}), "a trained head needs no [MASK]"


def test_a_mean_of_metrics_can_be_maximised():
    data = ClassificationData(source="a/b")
    assert Classification(data=data, metric="accuracy+macro_f1").metric == "accuracy+macro_f1"
    message = refusal(Classification, data=data, metric="accuracy+macro_f")
    assert (
        "metric must be one of accuracy, macro_f1, f1, matthews, exact_groups, loss, or several joined by '+'"
        in message
    )
    assert "did you mean 'macro_f1'?" in message


def test_a_mean_of_metrics_must_not_mix_directions():
    data = {"source": "builtin:moods"}
    assert Classification(data=data, metric="loss").metric == "loss"
    message = refusal(Classification, data=data, metric="accuracy+loss+macro_f1")
    assert "'accuracy+loss+macro_f1' is a mean of metrics that differ in direction" in message
    assert "less is better of loss, more of accuracy, macro_f1" in message


@pytest.mark.parametrize(
    ("metric", "minimized"),
    [
        ("loss", True),
        ("perplexity", True),
        ("loss.rte", True),
        ("loss+perplexity", True),
        ("accuracy", False),
        ("bleu", False),
    ],
)
def test_less_is_better_of_losses_alone(metric, minimized):
    assert is_minimized(metric) is minimized


def test_groups_answered_right_throughout_are_counted_where_the_data_names_groups():
    data = {"source": "a/b"}
    assert Classification(data={**data, "group": "idx"}, metric="accuracy+exact_groups")
    assert "a data set names none: state group" in refusal(Classification, data=data, metric="exact_groups")
    more = [{"source": "c/d", "name": "second"}]
    assert "exact_groups" in refusal(Classification, data={**data, "group": "idx"}, more=more, metric="exact_groups")


def test_windows_share_at_most_half_of_themselves():
    assert SpanData(source="a/b", max_length=64).overlap == 128
    assert SpanData(source="a/b", max_length=64, stride=32).overlap == 32
    assert "stride <= 32, half of max_length = 64, must hold, got 33" in refusal(
        SpanData, source="a/b", max_length=64, stride=33
    )


def test_several_data_sets_have_names_that_differ():
    sets = [{"source": "a/b", "name": name} for name in ("one", "two", "one")]
    assert "data sets must have names that differ, got ['one', 'two', 'one']" in refusal(
        Classification, data=sets[0], more=sets[1:]
    )
    task = Classification(data=ClassificationData(source="a/b"), more=[ClassificationData(source="c/d", name="second")])
    assert task.set_names == ["set1", "second"]
    assert [data.source for data in task.sets] == ["a/b", "c/d"]


def test_the_template_of_every_data_set_is_checked():
    more = [{"source": "builtin:films", "name": "two", "text": ["film"], "template": "{text} [MASK]"}]
    message = refusal(job, more=more)
    assert (
        "template '{text} [MASK]': the template names the field {text}; the task's text fields are ['film']" in message
    )


def test_draws_of_few_examples_need_their_number():
    assert "splits are few-shot draws and need shots, got splits=3" in refusal(job, splits=3)
    assert "shots" in refusal(job, shots=0)
    assert job(shots=16, splits=3).task.data.splits == 3


def test_a_part_of_a_file_is_of_the_file():
    assert file_of("facts.jsonl[:80%]") == "facts.jsonl"
    assert file_of("train") == file_of("train[:80%]") == "train"
    assert ClassificationData(train="a.tsv[:80%]", dev="a.tsv[80%:]").source is None
    assert "every split must be a file with a suffix, got train = 'train[:80%]'" in refusal(
        ClassificationData, train="train[:80%]", dev="a.tsv"
    )


def test_each_relation_is_a_data_set_with_files_and_template_of_its_own():
    data = ClozeData(
        train="{relation}/train.jsonl",
        dev="{relation}/dev.jsonl",
        relations=["P1", "P2"],
        template="{sub_label} [MASK]",
    )
    task = Cloze(kind="cloze", data=data)
    assert task.set_names == ["P1", "P2"]
    assert [one.train for one in task.sets] == ["P1/train.jsonl", "P2/train.jsonl"]
    assert [one.template for one in task.sets] == ["{sub_label} [MASK]"] * 2
    assert task.default_head == "verbalizer"
