"""What a task that reads words is refused for before anything starts."""

import pytest

from ptune.errors import BackboneError, SpecError
from ptune.run.prepare import prepare
from ptune.spec.job import Job
from support.small_jobs import small_job


def word_job(folder, backbone, words, layout="{text} is [MASK]", **space):
    content = small_job(folder / "data", backbone).model_dump()
    content["task"]["data"] |= {"template": layout, "verbalizer": words}
    content["space"] = {"parameters": {"method": {"value": "v2"}, **space}}
    return Job.model_validate(content)


def test_words_of_the_vocabulary_pass(tmp_path, tiny_language_model):
    prepare(word_job(tmp_path, tiny_language_model("bert"), {"no": "cold", "yes": ["warm", "sweet"]}))


def test_a_backbone_without_a_language_head_is_refused(tmp_path, tiny_backbone):
    with pytest.raises(BackboneError, match="has no language-modelling head, and the task reads words"):
        prepare(word_job(tmp_path, tiny_backbone("bert"), {"no": "cold", "yes": "warm"}))


@pytest.mark.parametrize(
    ("words", "law"),
    [
        ({"no": "cold", "yes": "wonderful"}, "word 'wonderful' for 'yes' is 9 tokens .* the template has 1 "),
        ({"no": "cold"}, "no word for the label 'yes'"),
        ({"no": "cold", "yes": "cold"}, "word 'cold' stands for both 'no' and 'yes'"),
        ({"no": "cold", "yes": "warm", "yse": "old"}, "'yse', which is not a label; did you mean 'yes'"),
    ],
)
def test_words_that_cannot_stand_for_labels_are_refused(tmp_path, tiny_language_model, words, law):
    with pytest.raises(SpecError, match=law):
        prepare(word_job(tmp_path, tiny_language_model("bert"), words))


def test_every_template_of_the_space_is_looked_at(tmp_path, tiny_language_model):
    space = {"method": {"value": "v1"}, "template": {"choices": ["before", "[P] {text} [MASK] {text}"]}}
    job = word_job(tmp_path, tiny_language_model("gpt2"), {"no": "cold", "yes": "warm"}, **space)
    with pytest.raises(SpecError, match=r"\[MASK\] must come last, got \{text\} behind it"):
        prepare(job)


def test_a_template_without_a_place_for_the_word_is_refused_with_the_job(tmp_path, tiny_language_model):
    with pytest.raises(ValueError, match=r"write \[MASK\] where the word goes"):
        word_job(tmp_path, tiny_language_model("bert"), {"no": "cold", "yes": "warm"}, layout="{text} is")
