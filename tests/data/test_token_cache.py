"""Tokens on disk: computed once for each tokenizer and texts, and never a reason to fail."""

import pytest

from ptune.data.token_cache import TokenCache
from ptune.node_files import NodeFiles

TEXTS = [f"text {number}" for number in range(1_200)]


class Counting:
    """Spells a text as its characters' numbers, and counts how often it is asked."""

    def __init__(self):
        self.calls = 0

    def __call__(self, texts):
        self.calls += 1
        return [[ord(character) for character in text] for text in texts]


def spelled():
    return Counting()(TEXTS)


def test_tokens_are_computed_once_per_node(tmp_path):
    first, later = Counting(), Counting()
    for compute in (first, first, later):
        assert TokenCache(NodeFiles(tmp_path, 10**6), "bert").tokens(TEXTS, compute) == spelled()
    assert (first.calls, later.calls) == (1, 0)


def test_few_texts_are_not_kept(tmp_path):
    assert TokenCache(NodeFiles(tmp_path, 10**6), "bert").tokens(TEXTS[:3], Counting()) == spelled()[:3]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("change", [("gpt2", TEXTS), ("bert", [*TEXTS, "one more"])])
def test_another_tokenizer_and_other_texts_have_tokens_of_their_own(tmp_path, change):
    tokenizer, texts = change
    TokenCache(NodeFiles(tmp_path, 10**6), "bert").tokens(TEXTS, Counting())
    other = Counting()
    assert TokenCache(NodeFiles(tmp_path, 10**6), tokenizer).tokens(texts, other) == Counting()(texts)
    assert other.calls == 1


def test_what_the_budget_does_not_hold_is_computed_each_time(tmp_path):
    compute = Counting()
    for _ in range(2):
        assert TokenCache(NodeFiles(tmp_path, 1_000), "bert").tokens(TEXTS, compute) == spelled()
    assert compute.calls == 2


@pytest.mark.parametrize("kept", [b"", b"half of a file", None])
def test_a_damaged_file_is_made_anew(tmp_path, kept):
    cache = TokenCache(NodeFiles(tmp_path, 10**6), "bert")
    cache.tokens(TEXTS, Counting())
    (file,) = tmp_path.glob("*.tokens")
    file.write_bytes(file.read_bytes()[:-40] if kept is None else kept)
    again = Counting()
    assert cache.tokens(TEXTS, again) == cache.tokens(TEXTS, again) == spelled()
    assert again.calls == 1


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    cache = TokenCache(NodeFiles(tmp_path / "file" / "tokens", 10**6), "bert")
    assert cache.tokens(TEXTS, Counting()) == spelled()
    assert "cannot keep them" in caplog.text
