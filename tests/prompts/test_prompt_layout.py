"""The input of a prompt, bound to a backbone."""

import pytest

from ptune.errors import DataError
from ptune.prompts.layout import bind, read_position
from ptune.spec.layout import input_parts
from ptune.spec.prompt import PromptV1


@pytest.mark.parametrize(("family", "first_prompt", "reads"), [("bert", 1, [0, 0]), ("gpt2", 0, [4, 3])])
def test_examples_know_where_their_family_reads(family, first_prompt, reads, tiny):
    layout = bind(input_parts(PromptV1(length=3), ["text"]), tiny(family), ["text"], 16)
    examples = layout.encode_all([("red green",), ("red",)])
    assert examples[0].ids[first_prompt : first_prompt + 3] == [-1, -2, -3]
    assert [read_position(example, tiny(family)) for example in examples] == reads


def test_a_prompt_that_leaves_no_room_for_text_is_refused(tiny):
    with pytest.raises(DataError, match="leaves 0 tokens for 1 text"):
        bind(input_parts(PromptV1(length=30), ["text"]), tiny("bert"), ["text"], 32)
