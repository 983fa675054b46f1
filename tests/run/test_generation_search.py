"""A search that writes texts, from the job to what the exported prompt writes; what cannot be written is refused."""

import json

import pytest
from click.testing import CliRunner

from ptune.artifacts.predict import Predictor
from ptune.cli.predict import predict
from ptune.errors import SpecError
from ptune.run.local import LocalRunner
from ptune.run.prepare import prepare
from ptune.run.search import start_search
from ptune.spec.job import Job
from support.families import make_backbone

WORDS = ["red", "green", "blue", "cold", "warm", "loud"]
V2 = {"method": {"value": "v2"}, "length": {"low": 2, "high": 5}}


def rows(count: int, offset: int) -> list[dict]:
    pairs = [(WORDS[n % 6], WORDS[(n * 5 + offset) % 6]) for n in range(count)]
    return [{"text": f"{one} {other}", "target": f"{other} {one}"} for one, other in pairs]


def job_on(backbone, folder, parameters=V2, kind="generation", **data) -> Job:
    """A job over swapped pairs of words."""
    files = {name: folder / f"{name}.jsonl" for name in ("train", "dev", "test")}
    for offset, path in enumerate(files.values()):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows(12, offset)))
    return Job.model_validate(
        {
            "name": "swapped",
            "seed": 3,
            "backbone": {"id": str(backbone)},
            "task": {
                "kind": kind,
                "data": {**{name: str(path) for name, path in files.items()}, "max_length": 24, **data},
                **({"metric": "chrf+exact_match"} if kind == "generation" else {}),
            },
            "space": {"parameters": {**parameters, "batch_size": {"value": 6}}},
            "budget": {"trials": 2, "epochs": 2},
        }
    )


@pytest.mark.parametrize("family", ["gpt2", "bart"])
def test_a_search_exports_a_prompt_that_writes(family, tiny_language_model, runs, tmp_path):
    job = job_on(tiny_language_model(family), tmp_path, max_target=6)
    outcome = start_search(job, "", runs, LocalRunner())

    assert outcome.status == "complete"
    assert "failed" not in {trial.status for trial in outcome.history.trials.values()}
    assert set(outcome.conclusion.test) >= {"bleu", "chrf", "exact_match", "loss", "chrf+exact_match"}
    told = CliRunner().invoke(predict, [str(outcome.folder / "artifact"), "--text", "red warm"])
    assert told.exit_code == 0, told.output
    text = json.loads(told.output)["text"]
    assert [{"text": text}] == Predictor.load(outcome.folder / "artifact").predict([("red warm",)])
    assert isinstance(text, str)


def test_an_encoder_writes_no_texts(tiny_language_model, tmp_path):
    with pytest.raises(SpecError, match=r"needs a causal language model or an encoder-decoder, and .* is an encoder"):
        prepare(job_on(tiny_language_model("bert"), tmp_path))


@pytest.mark.parametrize("kind", ["tokens", "span"])
def test_an_encoder_decoder_does_not_read_single_tokens(kind, tiny_backbone, tmp_path):
    with pytest.raises(SpecError, match=rf"'{kind}' reads the tokens of the text, .*, and .* is an encoder-decoder"):
        prepare(job_on(tiny_backbone("t5"), tmp_path, kind=kind))


def test_the_place_of_a_word_is_refused(tiny_language_model, tmp_path):
    with pytest.raises(SpecError, match=r"leave \[MASK\] out of the template"):
        prepare(job_on(tiny_language_model("llama"), tmp_path, template="{text} so [MASK]"))


@pytest.mark.parametrize(
    ("family", "fitting"),
    [("gpt2", {"max_length": 60, "max_target": 15}), ("bart", {"max_length": 80, "max_target": 79}), ("llama", {})],
)
def test_inputs_and_texts_must_fit_the_positions(family, fitting, tiny_language_model, tmp_path):
    backbone = tiny_language_model(family)
    prepare(job_on(backbone, tmp_path, **fitting))
    if fitting:
        longer = {**fitting, "max_target": fitting["max_target"] + 1}
        with pytest.raises(SpecError, match=r"max_length( \+ max_target)? <= 80 must hold"):
            prepare(job_on(backbone, tmp_path, **longer))


def test_a_t5_takes_inputs_of_any_length(tmp_path):
    backbone = make_backbone("t5", tmp_path / "t5", lm=True, n_positions=16)
    assert prepare(job_on(backbone, tmp_path)).layers == 5
