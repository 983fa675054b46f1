"""Prompt tokens inside a text leave ptune: what a card's code and a client lay out is what ptune lays out."""

import pytest
import torch

from ptune.artifacts.export import write_export
from ptune.artifacts.formats.format import Export
from ptune.artifacts.formats.registry import BY_NAME
from ptune.artifacts.formats.vllm import _client
from ptune.artifacts.predict import Predictor
from ptune.errors import ArtifactError
from support.elsewhere import card_code
from support.made_artifacts import make_task_artifact

INSIDE = "{text[:50%]} [P] {text[50%:]} so [MASK]"
TEXTS = ["red green blue cold", "a bitter and loud afternoon", "old"]


@pytest.fixture(scope="module")
def inside(speaking):
    """A prompt of label words whose tokens stand between the words of the text."""
    return make_task_artifact("words", speaking("gpt2"), method="v1", length=2, encoder="embedding", template=INSIDE)


def laid_out(artifact, backbone, text):
    return Predictor(artifact, backbone).layouts[0].encode((text,)).ids


def test_the_code_of_a_card_divides_a_text_as_ptune_does(inside, speaking, tmp_path):
    backbone = speaking("gpt2")
    checked = write_export(BY_NAME["hf"], Export(inside, tmp_path / "model")).checked
    assert "equal scores under transformers" in checked
    code = card_code(tmp_path / "model")
    known = backbone.model.get_input_embeddings().num_embeddings
    layouts = code[code.index("def stretch") : code.rindex("words =")]
    for text in TEXTS:
        made = {"tokenizer": backbone.tokenizer, "torch": torch}
        exec(layouts.replace("some text", text), made)  # what the card tells its readers to run
        ids = [token if token >= 0 else known - token - 1 for token in laid_out(inside, backbone, text)]
        assert made["batch"]["input_ids"][0].tolist() == ids


def test_vllms_client_divides_a_text_as_ptune_does(inside, speaking, tmp_path):
    write_export(BY_NAME["vllm"], Export(inside, tmp_path / "served"))
    client = _client(tmp_path / "served").Prompt()
    assert [client.token_ids(text) for text in TEXTS] == [laid_out(inside, speaking("gpt2"), text) for text in TEXTS]


def test_peft_has_no_place_inside_a_text(inside, tmp_path):
    with pytest.raises(
        ArtifactError, match="PEFT puts all virtual tokens before the input, and this prompt has a token"
    ):
        write_export(BY_NAME["peft"], Export(inside, tmp_path / "adapter"))
