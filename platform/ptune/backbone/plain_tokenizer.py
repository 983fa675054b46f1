"""A tokenizer read from its `tokenizer.json` alone: enough to lay out inputs, without transformers and torch.

Only what looks at a job uses it. What trains or answers takes the tokenizer that transformers makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ptune.backbone.hashes import pointer, read_object
from ptune.errors import BackboneError

_SETTINGS = ("special_tokens_map.json", "tokenizer_config.json")


class PlainTokenizer:
    """A `tokenizers.Tokenizer` with the part of transformers' interface that `ptune.data.templates` uses.

    Args:
        folder: a backbone's folder with a `tokenizer.json`.

    Raises:
        BackboneError: the file, or one of settings, holds something else.
        OSError: there is no tokenizer.json.
    """

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        path = folder / "tokenizer.json"
        content = path.read_bytes()
        try:
            self._tokenizer = Tokenizer.from_buffer(content)
        except ValueError as error:
            raise BackboneError(f"{folder} holds no readable tokenizer.json: {error}{pointer(path)}") from None
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        named: dict[str, object] = {}
        for name in _SETTINGS:
            if (folder / name).is_file():
                named |= read_object(folder / name)
        self.truncation_side = named.get("truncation_side", "right")
        self.cls_token_id = self._id(named.get("cls_token"))
        self.mask_token_id = self._id(named.get("mask_token"))
        self.unk_token_id = self._id(named.get("unk_token"))

    def __call__(self, text: Any, pair: str | None = None, *, add_special_tokens: bool = True, **_: Any) -> Any:
        """The tokens of one text, of a pair, or of each text of a list."""
        if isinstance(text, list):
            rows = self._tokenizer.encode_batch(text, add_special_tokens=add_special_tokens)
            return {"input_ids": [row.ids for row in rows], "offset_mapping": [row.offsets for row in rows]}
        encoded = self._tokenizer.encode(text, pair, add_special_tokens=add_special_tokens)
        return {
            "input_ids": encoded.ids,
            "token_type_ids": encoded.type_ids,
            "special_tokens_mask": encoded.special_tokens_mask,
        }

    def get_vocab(self) -> Mapping[str, int]:
        """The number of each token."""
        vocabulary: Mapping[str, int] = self._tokenizer.get_vocab()
        return vocabulary

    def decode(self, ids: list[int]) -> str:
        """The text of tokens, special ones included."""
        text: str = self._tokenizer.decode(ids, skip_special_tokens=False)
        return text

    def _id(self, token: Any) -> int | None:
        """The number of a special token, which files name as a string or as a table."""
        content = token.get("content") if isinstance(token, dict) else token
        number: int | None = self._tokenizer.token_to_id(content) if isinstance(content, str) else None
        return number
