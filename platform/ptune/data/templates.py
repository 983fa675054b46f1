"""From texts to token ids: a template's parts laid out in the frame a tokenizer puts around texts.

What a tokenizer adds (BERT: `[CLS] a [SEP] b [SEP]` with types 0 and 1; RoBERTa: `<s> a </s></s> b </s>`; Llama:
`<s> a <s> b`; GPT-2: nothing) is found by trying it once, never by its name. Knows no transformer: a tokenizer is
whatever behaves like a Hugging Face fast tokenizer.

Words inside a segment are spaced as in running text: a piece that follows text, anchor words or a prompt token is
tokenised as the words after a word are, which in byte-level vocabularies means a leading space. A piece at the start
of a segment, or written without a space before it, is tokenised as the tokenizer does it by itself.

If a tokenizer puts nothing between two segments (GPT-2, Qwen), the second follows the first like the next words of one
text: a foreign token such as end-of-text would tell the frozen model to forget the first. A template that wants a
stronger boundary states it as anchor words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ptune.data.framing import Framing
from ptune.data.token_cache import TokenCache
from ptune.data.token_ids import LEADER, behind_leader, encode, single_tokens, token_ids
from ptune.errors import DataError
from ptune.spec.template import Anchor, Mask, Part, PromptRun, Separator, Stretch, TextField, written


@dataclass(frozen=True)
class Example:
    """One input, without padding."""

    ids: list[int]
    """Token ids; the j-th prompt token, counted from 0 over all runs, is -(j + 1)."""
    types: list[int]
    """Token types (segment numbers), as long as `ids`; zeros where the tokenizer has none."""
    first: int
    """Index of the token that `[CLS]` pooling reads: the tokenizer's class token, else the first token."""
    last: int
    """Index of the last token, prompt tokens included: the only one from which a causal model sees everything."""
    spans: tuple[tuple[int, int], ...] = ()
    """Where each field's text (its first place in the template) begins and ends after shortening, in field order."""
    masks: tuple[int, ...] = ()
    """Index of each position whose language head names a word: a mask token, or what a causal model reads before it."""


@dataclass(frozen=True)
class Located:
    """A text's tokens, and where each begins and ends in the text as given, without the white space around it."""

    ids: list[int]
    offsets: list[tuple[int, int]]


@dataclass(frozen=True)
class Piece:
    """A part of the input: fixed tokens, or the field whose text goes there, or a place for a word.

    Attributes:
        ids: the tokens that always stand there; none of a field, nor of a causal model's place for a word.
        types: their token types; of a field, the type of each of its tokens.
        field: which field's text goes there.
        follows: whether the text is tokenised as the words behind a word are.
        fixed: whether the text is never shortened.
        mask: whether the language model names a word there.
        stretch: which words of the field's text go there; None is all of them.
    """

    ids: tuple[int, ...]
    types: tuple[int, ...]
    field: int | None = None
    follows: bool = False
    fixed: bool = False
    mask: bool = False
    stretch: Stretch | None = None


class Layout:
    """A template bound to a tokenizer, ready to encode examples.

    Args:
        tokenizer: a Hugging Face fast tokenizer.
        fields: names of the text columns, in the order of an example's texts.
        parts: the template's parts, from `spec.template.parse` or `plain`.
        run_lengths: prompt tokens of each prompt run, from `spec.template.run_lengths`; empty without runs.
        max_length: most tokens of an input, prompt tokens included.
        causal: whether the model reads left to right: a [MASK] then ends the input instead of standing in it.
        cache: keeps the tokens of many texts; None computes them.

    Raises:
        DataError: prompt, anchor and special tokens leave no room for text, or the model has no place for a [MASK].
    """

    def __init__(
        self,
        tokenizer: Any,
        fields: Sequence[str],
        parts: Sequence[Part],
        run_lengths: Sequence[int],
        max_length: int,
        *,
        causal: bool = False,
        cache: TokenCache | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._cache = cache
        self._causal = causal
        if causal:
            parts = _up_to_mask(parts)
        self._framing = Framing.of(tokenizer, 2 if any(isinstance(part, Separator) for part in parts) else 1)
        self._prefix = token_ids(tokenizer, [LEADER])[0]
        self._pieces = self._lay_out(list(fields), parts, list(run_lengths))
        self._yielding = _yielding(self._pieces)
        fixed = sum(len(piece.ids) for piece in self._pieces)
        self._room = max_length - fixed
        self.prompt_tokens = sum(run_lengths)
        self.masks = sum(piece.mask for piece in self._pieces)
        if self._room < len(fields):
            special = self._framing.size
            raise DataError(
                f"max_length = {max_length} leaves {max(self._room, 0)} tokens for {len(fields)} text(s): "
                f"{self.prompt_tokens} prompt, {fixed - self.prompt_tokens - special} anchor and {special} special "
                f"tokens take {fixed}; max_length must be at least {fixed + len(fields)}"
            )

    def encode(self, texts: Sequence[str]) -> Example:
        """Encode one example; see `encode_all`."""
        return self.encode_all([texts])[0]

    def encode_all(self, rows: Sequence[Sequence[str]]) -> list[Example]:
        """Encode examples: texts are stripped, tokenised column by column, shortened and framed.

        While an input is too long its longest text loses a token, exactly as `truncation="longest_first"` does it, on
        the tokenizer's own truncation side. Prompt, anchor and special tokens and fixed fields are never cut. The
        stretches of one text count as one.

        Args:
            rows: the texts of each example, in the order of the fields.

        Raises:
            DataError: an example has no token at all (an empty text under a tokenizer without special tokens), or its
                fixed fields leave no room.
        """
        return [self._assemble(texts) for texts in zip(*self.columns(rows), strict=True)]

    def columns(self, rows: Sequence[Sequence[str]]) -> list[list[list[int]]]:
        """Token ids of the texts of some examples before they are shortened: for each place of a field, of all rows."""
        return [
            self.tokens(
                piece.field,
                [row[piece.field] if piece.stretch is None else piece.stretch.of(row[piece.field]) for row in rows],
                piece.follows,
            )
            for piece in self._pieces
            if piece.field is not None
        ]

    def tokens(self, field: int, texts: Sequence[str], follows: bool | None = None) -> list[list[int]]:
        """Token ids of texts as they stand in a field's place (by default its first one)."""
        return self._tokenise([text.strip() for text in texts], self._follows(field) if follows is None else follows)

    def located(self, field: int, texts: Sequence[str]) -> list[Located]:
        """The tokens of texts as `tokens` gives them, each with the characters of the text it stands for."""
        follows = self._follows(field)
        bare = [text.strip() for text in texts]
        encoded = encode(self._tokenizer, behind_leader(bare) if follows else bare, offsets=True)
        first, shift = (len(self._prefix), len(LEADER) + 1) if follows else (0, 0)
        return [
            Located(ids[first:], [_trimmed(text, start - shift, end - shift) for start, end in offsets[first:]])
            for text, ids, offsets in zip(texts, encoded["input_ids"], encoded["offset_mapping"], strict=True)
        ]

    def assemble(self, texts: Sequence[Sequence[int]]) -> Example:
        """Frame an example whose texts are tokens already, one list for each field, in the order of the fields.

        Raises:
            DataError: see `encode_all`.
        """
        return self._assemble([list(texts[piece.field]) for piece in self._pieces if piece.field is not None])

    def word(self, text: str) -> list[int]:
        """Token ids of a word that stands at the first [MASK]."""
        return self._tokenise([text], self._mask_follows)[0]

    def single_tokens(self, words: tuple[str, ...]) -> dict[str, int]:
        """The token of each of some words that is a single one at the first [MASK], and known to the vocabulary."""
        return single_tokens(self._tokenizer, self._mask_follows, words)

    def behind(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of texts that go on behind the input."""
        return self._tokenise([text.strip() for text in texts], follows=True)

    @property
    def pieces(self) -> Sequence[Piece]:
        """What every input is made of, in order."""
        return tuple(self._pieces)

    @property
    def closing(self) -> int:
        """Number of special tokens at the end of every input."""
        return 0 if self._pieces[-1].mask else len(self._framing.after.ids)

    @property
    def unknown_token(self) -> int | None:
        """Token id of what the vocabulary lacks; None where nothing is unknown."""
        token: int | None = getattr(self._tokenizer, "unk_token_id", None)
        return token

    @property
    def keeps_end(self) -> bool:
        """Whether a shortened text loses its first tokens, not its last."""
        return getattr(self._tokenizer, "truncation_side", "right") == "left"

    @property
    def room(self) -> int:
        """Tokens left for texts."""
        return self._room

    def _lay_out(self, fields: list[str], parts: Sequence[Part], run_lengths: list[int]) -> list[Piece]:
        framing, segment, follows, prompts = self._framing, 0, False, 0
        pieces = [Piece(framing.before.ids, framing.before.types)]
        for part in parts:
            kind = framing.segment_types[segment]
            match part:
                case PromptRun():
                    count = run_lengths.pop(0)
                    ids = tuple(-(prompts + j + 1) for j in range(count))
                    prompts += count
                    pieces.append(Piece(ids, (kind,) * count))
                case Anchor(text, glued):
                    ids = tuple(self._tokenise([text], follows and not glued)[0])
                    pieces.append(Piece(ids, (kind,) * len(ids)))
                case TextField(name, glued, fixed, stretch):
                    field = fields.index(name)
                    pieces.append(Piece((), (kind,), field, follows and not glued, fixed, stretch=stretch))
                case Mask(glued):
                    ids = () if self._causal else (self._mask_token(),)
                    pieces.append(Piece(ids, (kind,) * len(ids), follows=follows and not glued, mask=True))
                case Separator():
                    pieces.append(Piece(framing.between.ids, framing.between.types))
                    segment = 1
            follows = not (isinstance(part, Separator) and framing.between.ids)
        if self._causal and pieces[-1].mask:
            return pieces
        return [*pieces, Piece(framing.after.ids, framing.after.types)]

    def _mask_token(self) -> int:
        token = getattr(self._tokenizer, "mask_token_id", None)
        if token is None:
            raise DataError("the template holds [MASK], and the backbone's tokenizer has no mask token")
        return int(token)

    def _tokenise(self, texts: list[str], follows: bool) -> list[list[int]]:
        """Tokenise texts that start a segment, or that follow other words in it."""
        lead, asked = (len(self._prefix), behind_leader(texts)) if follows else (0, texts)
        compute = partial(token_ids, self._tokenizer)
        rows = compute(asked) if self._cache is None else self._cache.tokens(asked, compute)
        return [ids[lead:] for ids in rows]

    @property
    def _mask_follows(self) -> bool:
        """Whether the first [MASK] follows other words of its segment."""
        return next(piece.follows for piece in self._pieces if piece.mask)

    def _follows(self, field: int) -> bool:
        """Whether a field's first place follows other words of its segment."""
        return next(piece.follows for piece in self._pieces if piece.field == field)

    def _assemble(self, texts: Sequence[list[int]]) -> Example:
        """Put texts, one for each place of a field in the template, into the frame."""
        shares = iter(self._kept([len(text) for text in texts]))
        remaining = iter(texts)
        keep_end = self.keeps_end
        ids: list[int] = []
        types: list[int] = []
        spans: dict[int, tuple[int, int]] = {}
        masks: list[int] = []
        for piece in self._pieces:
            if piece.mask:
                masks.append(len(ids) - 1 if self._causal else len(ids))
            if piece.field is None:
                ids += piece.ids
                types += piece.types
            else:
                text, share = next(remaining), next(shares)
                spans.setdefault(piece.field, (len(ids), len(ids) + share))
                ids += text[len(text) - share :] if keep_end else text[:share]
                types += piece.types * share
        if not ids:
            raise DataError("an example has no token: its text is empty and the tokenizer adds nothing")
        fields = tuple(spans[field] for field in sorted(spans))
        return Example(ids, types, self._framing.cls_index, len(ids) - 1, fields, tuple(masks))

    def _kept(self, lengths: list[int]) -> list[int]:
        """How many tokens each text keeps."""
        kept = list(lengths)
        if sum(lengths) <= self._room:
            return kept
        room = self._room - (sum(lengths) - sum(lengths[index] for group in self._yielding for index in group))
        if room < 0:
            raise DataError(f"a text that must not be shortened takes {self._room - room} tokens of {self._room}")
        shares = _shares([sum(lengths[index] for index in group) for group in self._yielding], room)
        for group, share in zip(self._yielding, shares, strict=True):
            left = share
            for index in reversed(group) if self.keeps_end else group:
                kept[index] = min(lengths[index], left)
                left -= kept[index]
        return kept


def _yielding(pieces: Sequence[Piece]) -> list[list[int]]:
    """The places of texts that may be shortened, counted over all texts; the stretches of one text yield together."""
    places = [piece for piece in pieces if piece.field is not None]
    groups: dict[tuple[int | None, int | None], list[int]] = {}
    for index, piece in enumerate(places):
        if not piece.fixed:
            groups.setdefault((piece.field, index if piece.stretch is None else None), []).append(index)
    return list(groups.values())


def _up_to_mask(parts: Sequence[Part]) -> Sequence[Part]:
    """A template as a causal model can use it: nothing behind the place of the word it names.

    Raises:
        DataError: more than closing words stand behind it.
    """
    masks = [index for index, part in enumerate(parts) if isinstance(part, Mask)]
    if not masks:
        return parts
    following = parts[masks[0] + 1 :]
    late = next((part for part in following if not isinstance(part, Anchor)), None)
    if late is not None:
        raise DataError(
            f"a causal model reads left to right, so [MASK] must come last, got {written([late])} behind it in "
            f'{written(parts)!r}; the preset "before" keeps it last, and so does a template with [P] before [MASK]'
        )
    return parts[: masks[0] + 1]


def _shares(lengths: list[int], room: int) -> list[int]:
    """How many tokens texts keep when the longest gives way first; of equals, the shorter ones and then the earlier."""
    shortened = list(lengths)
    excess = sum(shortened) - room
    while excess > 0:
        longest = max(shortened)
        tied = sorted(
            (index for index, length in enumerate(shortened) if length == longest), key=lambda i: (lengths[i], i)
        )
        below = max((length for length in shortened if length < longest), default=0)
        share = min(excess, (longest - below) * len(tied))
        cut, remainder = divmod(share, len(tied))
        for rank, index in enumerate(tied):
            shortened[index] -= cut + (rank < remainder)
        excess -= share
    return shortened


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A stretch of a text's stripped form as one of the text itself, without the white space at its edges."""
    bare = text.lstrip()
    lead = len(text) - len(bare)
    start = max(start, 0)
    piece = bare[start:end]
    leading = len(piece) - len(piece.lstrip())
    return lead + start + leading, lead + start + max(len(piece.rstrip()), leading)
