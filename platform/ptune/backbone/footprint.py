"""What an engine holds of its device's memory, counted from shapes before anything is loaded. Knows no job.

A frozen weight needs no gradient, so a layer keeps for the backward pass what attention, norms and activations read
again, and no product's input. Kept hidden states are mapped from files; a pass holds a copy of those of its rows.

Shapes: H hidden width · I width inside the feed-forward · M heads · N key/value heads · D head width · V vocabulary ·
Q positions of a row · T positions of its prompt · K = T + Q positions that are seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from ptune.backbone.families import Family

FASTEST = {"cpu": 2_048, "cuda": 32_768}
"""Tokens of a pass above which it gets no faster; on CPUs it gets slower, because its states leave the caches."""
LONGEST_PLAIN = 512
"""Queries up to which plain products may hold all scores in memory."""
MOST_FLAT = 2**21
"""Most numbers that a learner trains whose gradients are clipped in a flat tensor. Its reads and writes take some 30
bytes a number, which are 20 to 60 µs at 1 to 3 TB/s: as long as about ten launches, which are saved. No GPU has tried
it."""
_FLOAT = 4  # bytes
_ADAM = 4  # numbers for each one that trains: itself, its gradient, two moments
_SPARE = 1  # more of them while optimisers step
_FLAT_SPARE = 2  # more again where gradients are clipped in a flat tensor: whose a number is, and its factor
_SCORES = 4  # matrices as large as a vocabulary's scores: as they are, their logarithms, a gradient of each
_SAVED_BY_ACTIVATION = {"gelu_new": 4}  # tensors; written out in elementary steps. Others are one operation
_HIDDEN = ("hidden_size", "d_model", "n_embd", "dim", "emb_dim")
_INNER = ("intermediate_size", "d_ff", "encoder_ffn_dim", "ffn_dim", "n_inner", "hidden_dim")
_HEADS = ("num_attention_heads", "encoder_attention_heads", "n_head", "n_heads", "num_heads")
_ACTIVATIONS = ("hidden_act", "hidden_activation", "activation_function", "dense_act_fn", "activation")
_UNSTATED = 4_096  # a hidden state, where the config does not say how wide it is


@dataclass(frozen=True)
class Dimensions:
    """The sizes of a backbone that memory depends on.

    Attributes:
        layers: how many there are; of an encoder-decoder, those of both stacks.
        hidden: H.
        inner: I.
        heads: M.
        keys: N.
        head_width: D.
        vocabulary: V.
        embedding: width of the word embeddings.
        family: its family.
        parameters: numbers among the weights.
        matrices: those of them that lie in the matrices of layers, which can be quantized.
        activation: what the feed-forward has between its products, as transformers names it.
        gated: whether the feed-forward has a third matrix, its gate.
        capped: whether attention's scores saturate, which takes plain products.
    """

    layers: int
    hidden: int
    inner: int
    heads: int
    keys: int
    head_width: int
    vocabulary: int
    embedding: int
    family: Family
    parameters: int
    matrices: int = 0
    activation: str = "gelu"
    gated: bool = False
    capped: bool = False

    @classmethod
    def of(cls, config: Mapping[str, Any], family: Family, layers: int, parameters: int, matrices: int = 0) -> Self:
        """Those that a `config.json` states; what it leaves out is as in BERT."""
        hidden = _first(config, _HIDDEN, _UNSTATED)
        heads = _first(config, _HEADS, max(1, hidden // 64))
        activation = next((config[name] for name in _ACTIVATIONS if isinstance(config.get(name), str)), "gelu")
        return cls(
            layers=layers,
            hidden=hidden,
            inner=_first(config, _INNER, 4 * hidden),
            heads=heads,
            keys=_first(config, ("num_key_value_heads",), heads),
            head_width=_first(config, ("head_dim", "d_kv"), hidden // heads),
            vocabulary=_first(config, ("vocab_size",), 32_000),
            embedding=_first(config, ("embedding_size", "word_embed_proj_dim"), hidden),
            family=family,
            parameters=parameters,
            matrices=matrices,
            activation=activation,
            gated=family.gated or bool(config.get("is_gated_act")),
            capped=config.get("attn_logit_softcapping") is not None,
        )

    @property
    def prefix(self) -> int:
        """Numbers of one position of a v2 prompt in one layer: a key and a value."""
        return 2 * self.keys * self.head_width


@dataclass(frozen=True)
class Pass:
    """A training pass.

    Attributes:
        rows: of all trials that share it.
        width: Q, padding included.
        itemsize: bytes of a weight's type, in which hidden states are.
        prefix: T, the longest v2 prompt; 0 without one.
        prompted: layers with a v2 prompt.
        kept: layers that keep what the backward pass needs: all that can change with a prompt.
        dropped: whether prompts have dropout, for which each row takes a copy in float32.
        reads: positions of a row that the vocabulary is scored at; 0 for trained heads.
        single: whether a head reads one position of a row.
        recompute: whether the backward pass runs each layer again.
        plain: whether attention is computed as plain products, as on CPUs in bfloat16.
        tuned: whether the backbone trains, too: products then keep their inputs.
        replayed: whether CUDA graphs hold as much again, which they do not lend to passes that run as they are.
    """

    rows: int
    width: int
    itemsize: int
    prefix: int = 0
    prompted: int = 0
    kept: int = 0
    dropped: bool = False
    reads: int = 0
    single: bool = True
    recompute: bool = False
    plain: bool = False
    tuned: bool = False
    replayed: bool = False

    @property
    def tokens(self) -> int:
        """Of all rows, padding included."""
        return self.rows * self.width


def weights_bytes(sizes: Dimensions, itemsize: int, *, quantized: bool = False) -> int:
    """Bytes of the frozen weights.

    Args:
        sizes: of the backbone.
        itemsize: bytes of a number.
        quantized: whether the matrices of layers take one byte a number, with a scale for each of their rows. The one
            that is multiplied stands beside them in the type of the others.
    """
    return fullest(sizes, itemsize, 1, quantized=quantized)[0]


def fullest(sizes: Dimensions, itemsize: int, devices: int, *, quantized: bool = False) -> tuple[int, int]:
    """The most bytes of weights, and the most layers, that one of the devices of a backbone holds.

    Args:
        sizes: of the backbone.
        itemsize: bytes of a number.
        devices: over how many its layers are spread.
        quantized: see `weights_bytes`.
    """
    saved, multiplied = 0, 0
    if quantized:
        saved = sizes.matrices * (itemsize - 1) - sizes.matrices // sizes.hidden * _FLOAT
        multiplied = sizes.hidden * sizes.inner * itemsize
    if devices == 1:
        return sizes.parameters * itemsize - saved + multiplied, sizes.layers
    outside = min(sizes.parameters, sizes.vocabulary * sizes.embedding)
    layer = max(1, ((sizes.parameters - outside) * itemsize - saved) // sizes.layers)
    first, *others = layer_counts(sizes.layers, layer, outside * itemsize, devices)
    most = max(outside * itemsize + first * layer, *(count * layer for count in others))
    return most + multiplied, max(first, *others)


def pass_bytes(sizes: Dimensions, taken: Pass) -> int:
    """The most bytes that a training pass holds at once, beside weights and what trains, and the graphs beside it."""
    layer = taken.rows * _layer_bytes(sizes, taken)
    state = taken.tokens * sizes.hidden * taken.itemsize
    if taken.recompute:
        kept = taken.kept * state + (layer if taken.kept else 0)
    elif sizes.family.staged and taken.single and taken.kept and not taken.tuned:
        kept = (taken.kept - 1) * layer + 2 * state  # of the last layer, keys and values alone are of all positions
    else:
        kept = taken.kept * layer
    copies = taken.rows * taken.prefix * taken.prompted * sizes.prefix
    prompts = copies * (taken.itemsize + (2 * _FLOAT if taken.dropped else 0))
    ends = taken.tokens * (sizes.embedding * taken.itemsize + sizes.hidden * _FLOAT)
    scores = taken.rows * taken.reads * sizes.vocabulary * _FLOAT * _SCORES
    return (kept + layer // 2 + prompts + ends + scores) * (2 if taken.replayed else 1)


def _layer_bytes(sizes: Dimensions, taken: Pass) -> int:
    """What one layer keeps of one row; about half as much is at work in the layer that runs."""
    family, attended = sizes.family, sizes.heads * sizes.head_width
    seen = taken.prefix + taken.width
    stacks = 1.5 if family.reads == "decoder" else 1  # a decoder's layers attend to the encoder, too
    queries_out = (1 if taken.plain else 2) * taken.width * attended * taken.itemsize * stacks
    keys_values = 2 * seen * attended * taken.itemsize * stacks  # repeated for the heads that share them
    norms = family.norms * taken.width * sizes.hidden * (_FLOAT if family.rms else taken.itemsize) * stacks
    widths = _SAVED_BY_ACTIVATION.get(sizes.activation, 1) + (2 if sizes.gated else 0)
    inner = widths * taken.width * sizes.inner * taken.itemsize
    inputs = taken.width * (2 * sizes.hidden + sizes.inner) * taken.itemsize if taken.tuned else 0
    matrices = family.scores + (1 if taken.plain else 0) + (2 if sizes.capped else 0)
    scores = taken.width * seen * (matrices * sizes.heads + 1) * taken.itemsize  # and the mask, which heads share
    return int(queries_out + keys_values + norms + inner + inputs + scores)


def trained_bytes(numbers: int, table: int = 0, *, flat: bool = False) -> int:
    """Bytes of what one trial trains, with gradients and Adam's moments.

    Args:
        numbers: parameters that train.
        table: numbers of the prompt that an encoder computes, with their gradient; 0 where they are the parameters.
        flat: whether small gradients are clipped in a flat tensor.
    """
    clipped = min(numbers, MOST_FLAT) * _FLAT_SPARE if flat else 0
    return (numbers * (_ADAM + _SPARE) + clipped + 2 * table) * _FLOAT


def tokens_within(room: int, sizes: Dimensions, like: Pass) -> int:
    """The most tokens of a pass with rows like these that some bytes hold; 0 if not even one row fits."""
    row = pass_bytes(sizes, replace(like, rows=1))
    return max(0, room // row) * like.width


def layer_counts(layers: int, layer_size: float, outside: float, devices: int) -> list[int]:
    """How many layers each device holds, so that all hold about as much.

    Args:
        layers: how many there are.
        layer_size: what each takes.
        outside: what the first device holds besides.
        devices: how many there are.
    """
    even = (outside + layers * layer_size) / devices
    first = min(layers // devices, max(0, round((even - outside) / layer_size)))
    whole, more = divmod(layers - first, max(1, devices - 1))
    return [first, *(whole + (number < more) for number in range(devices - 1))]


def _first(config: Mapping[str, Any], names: tuple[str, ...], otherwise: int) -> int:
    """The first of some settings that a config states as a number."""
    return next((config[name] for name in names if isinstance(config.get(name), int)), otherwise)
