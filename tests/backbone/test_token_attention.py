"""Tokens see the prompt and the text of their own row, with gradients that go back to both."""

import pytest
import torch

from ptune.backbone.inject import LayerPrefix, attention
from ptune.backbone.token_attention import TokenAttention
from ptune.backbone.unpadding import Unpadding
from support.rows_in_turn import rows_in_turn

TEXTS, LENGTHS, WIDTH = (3, 1, 4, 2), (2, 0, 3, 3), 3
BASIC, SHARED = (4, 4), (4, 2)  # query heads and key heads
ROWS, QUERIES = len(TEXTS), max(TEXTS)


def unpadding():
    return Unpadding.of(TEXTS, QUERIES, torch.device("cpu"))


def tokens(causal, kernel=rows_in_turn):
    return TokenAttention.over(unpadding(), kernel, causal=causal)


def drawn(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def prompts(heads, lengths=LENGTHS):
    key, value = (drawn(ROWS, heads, WIDTH, 8).mul(factor).requires_grad_() for factor in (1, 2))
    visible = torch.arange(WIDTH) < torch.tensor(lengths)[:, None]
    return LayerPrefix(key, value, visible, lengths)


def states(heads):
    """Queries, keys and values of rows."""
    sizes = (heads[0], heads[1], heads[1])
    return [(drawn(ROWS, count, QUERIES, 8) + number).requires_grad_() for number, count in enumerate(sizes)]


def grouped(heads):
    """A module whose heads share keys."""
    module = torch.nn.Identity()
    module.num_key_value_groups = heads[0] // heads[1]
    return module


def packed(rows):
    """Tokens [1, N, S, D] of rows [B, N, Q, D]."""
    return unpadding().unpad(rows.transpose(1, 2)).transpose(1, 2)


def mask(causal):
    seen = (torch.arange(QUERIES) < torch.tensor(TEXTS)[:, None])[:, None, None, :].expand(-1, 1, QUERIES, -1)
    return seen.tril() if causal else seen


@pytest.mark.parametrize("prompted", [True, False], ids=["prompted", "bare"])
@pytest.mark.parametrize("heads", [BASIC, SHARED], ids=["own keys", "shared keys"])
@pytest.mark.parametrize("causal", [False, True], ids=["all", "before"])
def test_attention_and_gradients_are_those_of_padded_rows(causal, heads, prompted):
    layer, rows = prompts(heads[1]) if prompted else None, states(heads)
    trained = [*rows, *((layer.key, layer.value) if layer else ())]
    given = {"scaling": 0.5, "ptune_prefix": layer}
    ours, _ = attention(None, *map(packed, rows), None, **given, ptune_unpadding=tokens(causal))
    padded, _ = attention(grouped(heads), *rows, mask(causal), **given)
    theirs = unpadding().unpad(padded)
    torch.testing.assert_close(ours, theirs)
    weights = drawn(*ours.shape)
    found, expected = (torch.autograd.grad((one * weights).sum(), trained) for one in (ours, theirs))
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, other)


def test_a_token_of_each_row_may_ask_by_itself():
    layer, (query, key, value) = prompts(4), states(BASIC)
    everything = tokens(causal=False).attend(packed(query), packed(key), packed(value), layer, None)
    read = torch.tensor([2, 0, 1, 1])
    asking = query[torch.arange(ROWS), :, read].transpose(0, 1)[None]
    found = tokens(causal=False).attend(asking, packed(key), packed(value), layer, None)
    torch.testing.assert_close(found[0], unpadding().at(everything, read)[:, 0])


def test_layers_whose_prompts_are_as_long_share_what_the_kernel_is_told():
    told = []

    def kernel(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, **_):
        told.append((cu_seq_q, cu_seq_k, max_q, max_k))
        return query

    attends, rows = tokens(causal=True, kernel=kernel), list(map(packed, states(BASIC)))
    for layer in (prompts(4), prompts(4), prompts(4, (0, 0, 1, 0)), None):
        attends.attend(*rows, layer, None)
    (queries, keys, most, longest), again, shallow, bare = told
    assert (queries.tolist(), most) == ([0, 3, 4, 8, 10], 4)
    assert (keys.tolist(), longest) == ([0, 5, 6, 13, 18], 7)
    assert again[1] is keys
    assert (shallow[1].tolist(), shallow[3]) == ([0, 3, 4, 9, 11], 5)
    assert bare[1] is queries
    assert queries.dtype == keys.dtype == torch.int32


@pytest.mark.parametrize("rows", [1, 3, 4])
def test_the_first_rows_attend_by_themselves(rows):
    first, states_of_first = tokens(causal=True).first(rows), [part[:rows] for part in states(SHARED)]
    layer = prompts(2)
    layer = LayerPrefix(layer.key[:rows], layer.value[:rows], layer.visible[:rows], LENGTHS[:rows])
    flat = [first.unpad(part.transpose(1, 2)).transpose(1, 2) for part in states_of_first]
    whole = tokens(causal=True).attend(*map(packed, states(SHARED)), prompts(2), None)
    torch.testing.assert_close(first.attend(*flat, layer, None), whole[:, : sum(TEXTS[:rows])])
