"""A trained prompt in Python: loaded from a string or a path, asked one input or many, of every kind of task."""

import pytest

import ptune
from support.made_artifacts import PAIR, make_artifact, write_native, write_peft


@pytest.fixture
def folder(tiny, tmp_path):
    write_native(tmp_path / "prompt", make_artifact(tiny("bert"), method="v2", length=4))
    return tmp_path / "prompt"


def test_a_prompt_is_loaded_from_a_string_or_a_path_native_or_peft(folder, tiny, tmp_path):
    write_peft(tmp_path / "peft", make_artifact(tiny("bert"), method="v2", length=4))
    prompts = [ptune.load(source) for source in (folder, str(folder), tmp_path / "peft", str(tmp_path / "peft"))]
    answers = [prompt.predict("red green blue") for prompt in prompts]
    assert len({answer["label"] for answer in answers}) == 1
    for answer in answers[1:]:
        assert answer["probabilities"] == pytest.approx(answers[0]["probabilities"], rel=1e-5)


def test_a_prompt_says_what_it_takes_what_it_answers_and_where_it_comes_from(folder, tiny):
    prompt = ptune.load(folder)
    assert (prompt.inputs, prompt.labels) == (["text"], ["no", "yes"])
    assert (prompt.info.search, prompt.info.trial, prompt.info.scores) == ("made", 7, {"dev": {"accuracy": 0.75}})
    assert repr(prompt) == f"<ptune prompt: v2 for classification (text) on {tiny('bert').id}>"


def test_one_input_has_one_answer_and_a_list_has_a_list(folder):
    prompt = ptune.load(folder)
    single = prompt.predict("red")
    assert single["label"] in prompt.labels
    assert prompt.predict(["red"]) == [single]
    assert prompt.predict([]) == []


def test_wrong_types_are_told_what_is_expected(tiny, tmp_path):
    write_native(tmp_path / "pairs", make_artifact(tiny("bert"), PAIR, method="v2", length=2))
    prompt = ptune.load(tmp_path / "pairs")
    with pytest.raises(ptune.DataError, match=r"input 1: must be a tuple of 2 strings \(premise, hypothesis\)"):
        prompt.predict(["red", "green"])
    with pytest.raises(ptune.DataError, match=r"a tuple of 2 strings .*, or a list of these, got int 3"):
        prompt.predict(3)


def test_a_folder_without_a_prompt_is_refused(tmp_path):
    with pytest.raises(ptune.ArtifactError, match="nothing"):
        ptune.load(tmp_path / "nothing")
