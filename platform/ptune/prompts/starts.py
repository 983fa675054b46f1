"""What a prompt starts from: words of the vocabulary, a text, or nothing at all.

Knows no training. Shapes: T prompt tokens · E embedding width · L chosen layers · N key/value heads · D head width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ptune.backbone.backbone import Backbone
from ptune.backbone.inject import Recording
from ptune.errors import SpecError
from ptune.spec.prompt import text_of


def start_embeddings(init: str, length: int, backbone: Backbone, description: str) -> Tensor | None:
    """Word embeddings [T, E] that a prompt in the input starts from; None is the encoder's own random start.

    Vocabulary sampling and text are Lester et al. 2021, section 3.2: words are drawn with replacement, a text is
    repeated or cut to the prompt's length.

    Args:
        init: the parameter `init`.
        length: T.
        backbone: the backbone whose words they are.
        description: the text of `init = "text"`.

    Raises:
        SpecError: the text has no tokens.
    """
    if init == "normal":
        return None
    if init == "zero":
        return torch.zeros(length, backbone.shape.embedding)
    ids = _repeated([], _words(init, length, backbone, description), length)
    with torch.no_grad():
        return backbone.embed(ids[None].to(backbone.device))[0].float().cpu()


def start_prefix(
    init: str, length: int, backbone: Backbone, description: str, layers: Sequence[int], *, shifted: bool
) -> Tensor | None:
    """Keys and values [T, L * 2 * N * D] that a prompt in the attention starts from; None is a random start.

    Those of words are what the frozen backbone itself computes for them, layer by layer, when it reads them as the
    beginning of a text (as Cartridges start; Eyuboglu et al. 2025). A prompt in all layers of a causal
    language model then is, before any training, a text that stands before the input.

    Args:
        init: the parameter `init`.
        length: T.
        backbone: the backbone that reads them.
        description: the text of `init = "text"`.
        layers: the chosen layers, counted from 0.
        shifted: whether the input's positions start at T. Where they start at 0 and only distances count (rotary
            positions), the words are read at the T positions before 0.

    Raises:
        SpecError: the text has no tokens.
    """
    if init == "normal":
        return None
    shape = backbone.shape
    if init == "zero":
        return torch.zeros(length, len(layers) * 2 * shape.kv_heads * shape.head_width)
    words = _words(init, length, backbone, description)
    ids = _repeated(_leading(backbone, words), words, min(length, shape.max_positions or length))
    before = len(ids) if backbone.family.positions == "rotary" and not shifted else 0
    table_TW = _keys_and_values(backbone, ids, layers, before)
    # Unshifted prompts may be longer than the backbone's longest text.
    return table_TW.repeat(-(-length // len(table_TW)), 1)[:length]


def _keys_and_values(backbone: Backbone, ids: Tensor, layers: Sequence[int], before: int) -> Tensor:
    """What the chosen layers' attention computes for token ids [T] that stand `before` positions ahead of 0."""
    recording = Recording()
    ids_1T = ids[None].to(backbone.device)
    visible_1T, types_1T = torch.ones_like(ids_1T, dtype=torch.bool), torch.zeros_like(ids_1T)
    shift_1 = torch.full((1,), -before, device=backbone.device)
    with torch.no_grad():
        backbone.forward(backbone.embed(ids_1T), visible_1T, types_1T, shift_1, recording)
    pairs_L2NTD = torch.stack([torch.cat(recording.seen[layer]).float().cpu() for layer in layers])
    return pairs_L2NTD.permute(3, 0, 1, 2, 4).flatten(1)


def _words(init: str, length: int, backbone: Backbone, description: str) -> list[int]:
    """The token ids of what `init` names, without special tokens."""
    if init == "vocabulary":
        size = backbone.model.get_input_embeddings().num_embeddings  # type: ignore[operator]
        return torch.randint(size, (length,)).tolist()
    text = text_of(init, description)
    ids: list[int] = backbone.tokenizer(text, add_special_tokens=False)["input_ids"]
    if not ids:
        raise SpecError(f"init: {backbone.id} has no tokens for the text {text!r}")
    return ids


def _leading(backbone: Backbone, words: Sequence[int]) -> list[int]:
    """The special tokens that the tokenizer puts before a text: a text without them is none that the backbone knows."""
    tokenizer = backbone.tokenizer
    whole: list[int] = tokenizer(tokenizer.decode(list(words[:1])))["input_ids"]
    special = set(tokenizer.all_special_ids)
    count = next((place for place, token in enumerate(whole) if token not in special), 0)
    return whole[:count]


def _repeated(leading: Sequence[int], words: Sequence[int], length: int) -> Tensor:
    """Token ids [T]: what leads, then the words, repeated or cut."""
    behind = max(0, length - len(leading))
    return torch.tensor([*leading[:length], *(words[index % len(words)] for index in range(behind))])
