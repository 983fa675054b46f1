"""Prompts by name on one backbone: loaded together, told apart, and answered as each is alone."""

import pytest
import torch
from transformers import AutoConfig, AutoTokenizer, BertForPreTraining

from ptune.artifacts.predict import Predictor
from ptune.backbone.load import load_backbone
from ptune.errors import ArtifactError, DataError
from ptune.serving.catalogue import Catalogue, UnknownPromptError
from support.closeness import near
from support.every_kind import SAMPLES, sample_artifact
from support.families import make_backbone
from support.made_artifacts import write_native


@pytest.fixture(scope="module")
def whole(tiny_language_model, tmp_path_factory):
    """A tiny BERT with a pooler and a language head, as BERT's own checkpoints have both."""
    folder = tmp_path_factory.mktemp("whole")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertForPreTraining(AutoConfig.from_pretrained(tiny_language_model("bert"))).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_language_model("bert")).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folders(whole, tmp_path_factory):
    """Artifacts that were trained with the pooler, without it, and with the language head."""
    root = tmp_path_factory.mktemp("artifacts")
    plain, lm = load_backbone(str(whole)), load_backbone(str(whole), lm=True)
    assert (plain.pooler is not None, lm.pooler) == (True, None)
    made = {kind: sample_artifact(kind, plain) for kind in ("classification", "pairs", "tokens", "span", "choice")}
    made |= {"cloze": sample_artifact("cloze", lm), "unpooled": sample_artifact("classification", lm, 9)}
    for name, artifact in made.items():
        write_native(root / name, artifact)
    return {name: root / name for name in made}


def rows_of(name):
    return SAMPLES[name if name in SAMPLES else "classification"].rows


@pytest.fixture(scope="module")
def catalogue(folders):
    return Catalogue.load(folders)


def same(answers, alone):
    numbers = ("probabilities", "score", "no_answer_score")
    assert answers == [{key: near(value) if key in numbers else value for key, value in one.items()} for one in alone]


def test_prompts_with_a_pooler_without_and_with_a_language_head_answer_as_each_does_alone(catalogue, folders):
    questions = [catalogue.question(rows_of(name), name) for name in folders for _ in range(2)]
    answers = catalogue.answer(questions)
    for question, found in zip(questions, answers, strict=True):
        same(found, Predictor.load(folders[question.prompt]).predict(rows_of(question.prompt)))


def test_generation_is_served(tiny_language_model, tmp_path):
    backbone = load_backbone(str(tiny_language_model("gpt2")), lm=True)
    for seed in (1, 2):
        write_native(tmp_path / str(seed), sample_artifact("generation", backbone, seed))
    catalogue = Catalogue.load({str(seed): tmp_path / str(seed) for seed in (1, 2)})
    rows = SAMPLES["generation"].rows
    answers = catalogue.answer([catalogue.question(rows, str(seed)) for seed in (1, 2)])
    assert answers == [Predictor.load(tmp_path / str(seed)).predict(rows) for seed in (1, 2)]
    assert all(answer["text"] for found in answers for answer in found)


def test_an_input_that_cannot_be_encoded_fails_its_own_question_alone(catalogue, folders):
    """A candidate that must not be cut is found too long only when it is encoded."""
    name = "classification"
    good, other = catalogue.question(rows_of(name), name), catalogue.question(["red"], name)
    predictor = catalogue.predictors[name]
    encode = predictor.asked

    def fussy(texts, data_set=None):
        if ("red",) in texts:
            raise DataError("cannot be encoded")
        return encode(texts, data_set)

    predictor.asked = fussy
    try:
        found, refused, again = catalogue.answer([good, other, good])
    finally:
        del predictor.asked
    same(found, predictor.predict(rows_of(name)))
    same(again, found)
    assert (type(refused), str(refused)) == (DataError, "cannot be encoded")


def test_a_question_without_inputs_has_no_answers(catalogue):
    assert catalogue.answer([catalogue.question([], "pairs")]) == [[]]


def test_what_there_is_can_be_read(catalogue):
    entries = {entry.name: entry for entry in catalogue.entries}
    assert list(entries) == list(catalogue.predictors)
    assert (entries["pairs"].task, entries["pairs"].method) == ("classification", "v2")
    (data_set,) = entries["pairs"].data_sets.values()
    assert (data_set.inputs, data_set.labels) == (["premise", "hypothesis"], ["a", "b", "c"])


def test_wrong_questions_are_refused_when_they_are_asked(catalogue):
    with pytest.raises(UnknownPromptError, match=r"name the prompt that is asked \(there are: classification, pairs"):
        catalogue.question(["red"])
    with pytest.raises(UnknownPromptError, match=r"there is no prompt 'pears'; did you mean 'pairs'\?"):
        catalogue.question(["red"], "pears")
    with pytest.raises(ArtifactError, match="has no data set 'x'"):
        catalogue.question(["red"], "tokens", "x")
    with pytest.raises(DataError, match=r"input 2: 2 texts are needed \(premise, hypothesis\), got 1"):
        catalogue.question([("a", "b"), ("a",)], "pairs")


def test_the_only_prompt_need_not_be_named(folders):
    catalogue = Catalogue.load({"only": folders["classification"]})
    assert catalogue.question(["red"]).prompt == "only"


def test_prompts_of_different_backbones_are_refused_by_name(folders, tmp_path):
    other = load_backbone(str(make_backbone("bert", tmp_path / "other", seed=5)))
    write_native(tmp_path / "stranger", sample_artifact("classification", other))
    with pytest.raises(ArtifactError, match=r"share a backbone: tokens was trained on .*, stranger on .*other"):
        Catalogue.load({"tokens": folders["tokens"], "stranger": tmp_path / "stranger"})
