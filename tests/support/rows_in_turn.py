"""What stands for the kernel of `ptune.backbone.token_attention` where there is no GPU: rows in turn, each by itself.

It asks of its arguments what the kernel asks of them.
"""

import torch
from torch import Tensor
from torch.nn import functional


def rows_in_turn(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seq_q: Tensor,
    cu_seq_k: Tensor,
    max_q: int,
    max_k: int,
    *,
    scale: float | None,
    window_size: tuple[int, int],
    enable_gqa: bool,
) -> Tensor:
    """See `ptune.backbone.token_attention.Kernel`."""
    assert query.dtype == key.dtype == value.dtype
    assert cu_seq_q.dtype == cu_seq_k.dtype == torch.int32
    assert all(tensor.stride(-1) == 1 for tensor in (query, key, value))
    assert enable_gqa or query.shape[1] == key.shape[1]
    assert window_size in ((-1, -1), (-1, 0))
    queries, keys = _sizes(cu_seq_q), _sizes(cu_seq_k)
    assert (len(query), len(key), len(value)) == (sum(queries), sum(keys), sum(keys)), "nothing lies outside the rows"
    assert (max(queries), max(keys)) == (max_q, max_k)
    parts = zip(query.split(queries), key.split(keys), value.split(keys), strict=True)
    attended = []
    for row in parts:
        asking, seen, read = (part.transpose(0, 1) for part in row)
        mask = None
        if window_size == (-1, 0):  # the last query stands with the last key
            size = asking.shape[1], seen.shape[1]
            mask = torch.ones(size, dtype=torch.bool, device=query.device).tril(size[1] - size[0])
        found = functional.scaled_dot_product_attention(asking, seen, read, mask, scale=scale, enable_gqa=enable_gqa)
        attended.append(found.transpose(0, 1))
    return torch.cat(attended)


def _sizes(ends: Tensor) -> list[int]:
    """How many stand in each row; a backward pass cannot read what a pretended GPU holds but from there."""
    sizes: list[int] = getattr(ends, "held", ends).diff().tolist()
    return sizes
