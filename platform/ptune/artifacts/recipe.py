"""How texts become a backbone's input without ptune: Python that needs nothing but the tokenizer.

A recipe is proven on real texts before it is handed out: the tokens of its code are those of ptune's own layout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any, Self

from ptune.artifacts.artifact import Manifest
from ptune.artifacts.probe import Probe
from ptune.data.sources import unlabelled
from ptune.data.templates import Piece
from ptune.errors import ArtifactError
from ptune.spec.template import Stretch, plain, written

if TYPE_CHECKING:
    from ptune.artifacts.predict import Predictor

_STRETCH_CODE = [
    "def stretch(text, start, end, before):  # some of a text's words, by their number or their share",
    "    words = text.split()",
    "    at = lambda edge: len(words) * int(edge[:-1]) // 100 if edge.endswith('%') else int(edge)",
    "    some = ' '.join(words[at(start) : at(end)])",
    "    return before * bool(some) + some",
    "",
]
_TRIED = 8  # texts on which a recipe is proven


@dataclass(frozen=True)
class Recipe:
    """From the texts of one input to token ids.

    Attributes:
        names: the input's texts, in order.
        pieces: fixed tokens and texts, in order; None leaves the framing to the tokenizer.
        spaced: for each text among the pieces, whether a space is put before it.
        types: whether the model is given token types.
        max_length: most tokens of an input.
    """

    names: Sequence[str]
    pieces: Sequence[Piece] | None
    spaced: Sequence[bool]
    types: bool
    max_length: int

    @classmethod
    def prove(
        cls,
        predictor: Predictor,
        part: int,
        probe: Probe,
        *,
        lead: int = 0,
        token: Callable[[int], int] = int,
        framed: bool = False,
    ) -> Self:
        """The simplest recipe that gives the tokens of ptune's layout.

        Args:
            predictor: the prompt on its backbone.
            part: which of its data sets.
            probe: texts to try it on.
            lead: how many of an input's first tokens are not part of it, because virtual tokens stand for them.
            token: what stands for a token id, prompt tokens (negative) included.
            framed: leave nothing to the tokenizer but the texts.

        Raises:
            ArtifactError: there is none, because the tokenizer splits a text in its place otherwise than alone.
        """
        manifest, tokenizer = predictor.artifact.manifest, predictor.backbone.tokenizer
        pieces = _behind(_pieces(predictor, part), lead)
        pieces = [replace(piece, ids=tuple(map(token, piece.ids))) for piece in pieces]
        expected = _expected(predictor, part, probe, lead, token)
        for recipe in cls._simplest_first(
            manifest, part, pieces, types=predictor.backbone.family.types, whole=not (lead or framed)
        ):
            encoded = [(recipe.encode(tokenizer, texts), wanted) for texts, wanted in expected]
            uncut = [(ids, wanted) for ids, wanted in encoded if recipe.pieces is None or recipe.fits(ids[0], lead)]
            if uncut and all(recipe.same(ids, wanted) for ids, wanted in uncut):
                return recipe
        raise ArtifactError(
            f"the tokenizer of {predictor.backbone.id} splits a text inside the template "
            f"{manifest.sets[part].template!r} otherwise than alone, so no code without ptune can build the input"
        )

    @classmethod
    def _simplest_first(
        cls, manifest: Manifest, part: int, pieces: Sequence[Piece], *, types: bool, whole: bool
    ) -> list[Self]:
        data = manifest.task.sets[part]
        names, texts = data.fields, sum(piece.field is not None for piece in pieces)
        typed = types and any(any(piece.types) for piece in pieces)
        framed = [
            cls(names, _merged(pieces), spaced, typed, data.max_length)
            for spaced in product((False, True), repeat=texts)
        ]
        if whole and manifest.sets[part].template == written(plain(names)):
            return [cls(names, None, (), types, data.max_length), *framed]
        return framed

    def fits(self, ids: Sequence[int], lead: int) -> bool:
        """Whether an input is short enough to be left whole."""
        return len(ids) + lead <= self.max_length

    def same(self, ours: tuple[list[int], list[int]], theirs: tuple[list[int], list[int]]) -> bool:
        """Whether two inputs are one: their tokens and, where the model is given them, their types."""
        return ours[0] == theirs[0] and (not self.types or ours[1] == theirs[1])

    def encode(self, tokenizer: Any, texts: Sequence[str]) -> tuple[list[int], list[int]]:
        """Token ids and types of one input, as `code` makes them."""
        if self.pieces is None:
            encoded = tokenizer(*texts, truncation="longest_first", max_length=self.max_length)
            return encoded["input_ids"], encoded.get("token_type_ids") or [0] * len(encoded["input_ids"])
        ids: list[int] = []
        types: list[int] = []
        spaced = iter(self.spaced)
        for piece in self.pieces:
            if piece.field is None:
                ids += piece.ids
                types += piece.types
            else:
                text = texts[piece.field].strip() if piece.stretch is None else piece.stretch.of(texts[piece.field])
                lead = " " if next(spaced) and text else ""
                tokens = tokenizer(lead + text, add_special_tokens=False)["input_ids"]
                ids += tokens
                types += [*piece.types] * len(tokens)
        return ids, types

    def code(self, last: str | None = None) -> list[str]:
        """Lines that make `batch`, the input of some texts, from `tokenizer`.

        Args:
            last: the expression that stands for the tokens of the last text; the others say their names.
        """
        given = [f"some {name}" for name in self.names]
        if self.pieces is None:
            quoted = ", ".join(map(repr, given))
            options = f'truncation="longest_first", max_length={self.max_length}, return_tensors="pt"'
            return [f"batch = tokenizer({quoted}, {options})"]
        spaced = iter(self.spaced)
        parts = []
        for piece in self.pieces:
            alone = str(list(piece.ids))
            if piece.field is not None:
                alone = tokenized(_text_code(given[piece.field], piece.stretch, " " * next(spaced)))
            parts.append(last if last is not None and piece.field == len(given) - 1 else alone)
        cut = _STRETCH_CODE if any(piece.stretch is not None for piece in self.pieces) else []
        if not self.types:
            return [
                *cut,
                f"ids = {' + '.join(parts)}",
                "batch = {'input_ids': torch.tensor([ids]), 'attention_mask': torch.ones(1, len(ids)).long()}",
            ]
        typed = ", ".join(f"({code}, {piece.types[0]})" for code, piece in zip(parts, self.pieces, strict=True))
        return [
            *cut,
            f"pieces = [{typed}]",
            "ids, types = [i for ids, _ in pieces for i in ids], [kind for ids, kind in pieces for _ in ids]",
            "batch = {'input_ids': torch.tensor([ids]), 'token_type_ids': torch.tensor([types])}",
            "batch['attention_mask'] = torch.ones_like(batch['input_ids'])",
        ]

    @property
    def last_text(self) -> tuple[bool, list[str]]:
        """Whether a space is put before the last text, and code for how many tokens each piece behind it has.

        Only of a recipe that is framed.
        """
        assert self.pieces is not None, "asked of a framed recipe"
        fields = [piece.field for piece in self.pieces]
        place = fields.index(len(self.names) - 1)
        spaced = self.spaced[sum(field is not None for field in fields[:place])]
        behind = [
            str(len(piece.ids)) if piece.field is None else f"len({tokenized(repr(f'some {self.names[piece.field]}'))})"
            for piece in self.pieces[place + 1 :]
        ]
        return spaced, behind

    def as_json(self) -> list[dict[str, object]]:
        """The pieces for programs: `ids`, or which `text`, what stands `before` it, and which `stretch` of it is meant.

        Only of a recipe that is framed.
        """
        assert self.pieces is not None, "asked of a framed recipe"
        spaced = iter(self.spaced)
        return [
            {"ids": list(piece.ids)}
            if piece.field is None
            else {"text": piece.field, "before": " " * next(spaced), **_edges(piece.stretch)}
            for piece in self.pieces
        ]

    def note(self, lead: int = 0) -> str | None:
        """What a user of the code has to know, where `lead` virtual tokens stand before the input; None if nothing."""
        if self.pieces is None:
            return None
        return f"Shorten the texts so that the input has at most {self.max_length - lead} tokens, as ptune does."


def _text_code(text: str, stretch: Stretch | None, before: str) -> str:
    """Code for a text, or for some of its words, with what is put before it."""
    if stretch is None:
        return repr(before + text)
    return f"stretch({text!r}, {stretch.start!r}, {stretch.end!r}, {before!r})"


def _edges(stretch: Stretch | None) -> dict[str, list[str]]:
    return {} if stretch is None else {"stretch": [stretch.start, stretch.end]}


def tokenized(text: str) -> str:
    """Code for the tokens of a text, which is code itself."""
    return f"tokenizer({text}, add_special_tokens=False).input_ids"


def virtual_tokens(predictor: Predictor, part: int) -> list[int]:
    """The tokens from the first of an input to the last prompt token; prompt tokens are negative.

    Raises:
        ArtifactError: a text stands before a prompt token.
    """
    pieces = predictor.layouts[part].pieces
    last = max((index for index, piece in enumerate(pieces) if any(token < 0 for token in piece.ids)), default=-1)
    if any(piece.field is not None or piece.mask for piece in pieces[: last + 1]):
        raise ArtifactError("a text stands before a prompt token")
    return [token for piece in pieces[: last + 1] for token in piece.ids]


def _pieces(predictor: Predictor, part: int) -> list[Piece]:
    """What an input is made of; a text that is to be written stands behind it, so nothing closes it there."""
    layout = predictor.layouts[part]
    pieces = list(layout.pieces)
    if _writes(predictor, part) and predictor.backbone.family.reads == "last":
        pieces = pieces[:-1] if layout.closing else pieces
    return pieces


def _writes(predictor: Predictor, part: int) -> bool:
    """Whether the model writes a text behind its input."""
    from ptune.tasks.kind import DecodingKind

    return isinstance(predictor.task.kinds[part], DecodingKind)


def _behind(pieces: Sequence[Piece], lead: int) -> list[Piece]:
    """The pieces without the first `lead` tokens; those are whole pieces."""
    kept = list(pieces)
    while lead > 0:
        lead -= len(kept.pop(0).ids)
    return kept


def _merged(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces without empty ones, neighbouring fixed tokens of one type joined."""
    merged: list[Piece] = []
    for piece in pieces:
        if piece.field is None and not piece.ids:
            continue
        before = merged[-1] if merged else None
        alike = before is not None and piece.field is None and before.field is None
        if before is not None and alike and {*before.types, *piece.types} == {piece.types[0]}:
            merged[-1] = replace(before, ids=before.ids + piece.ids, types=before.types + piece.types)
        else:
            merged.append(piece)
    return merged


def _expected(
    predictor: Predictor, part: int, probe: Probe, lead: int, token: Callable[[int], int]
) -> list[tuple[list[str], tuple[list[int], list[int]]]]:
    """Texts of some inputs, each with the ids and types that ptune's layout gives them."""
    data, layout = predictor.artifact.manifest.task.sets[part], predictor.layouts[part]
    strings = [" ".join(text.split()) for text in probe.strings if text.strip()] or ["a text"]
    count = len(data.fields)
    inputs = [
        [strings[(start + place) % len(strings)] for place in range(count)]
        for start in range(min(_TRIED, len(strings)))
    ]
    inputs.append(["a text"] * count)
    if data.tagged:
        words = unlabelled([(texts[0].split(), *texts[1:]) for texts in inputs])
        rows = predictor.task.kinds[part].encode(words, layout, predictor.backbone, training=False).rows
        encoded = [(list(row.ids), list(row.types)) for row in rows]
    else:
        encoded = [(example.ids, example.types) for example in layout.encode_all([tuple(texts) for texts in inputs])]
    closing = sum(len(piece.ids) for piece in layout.pieces) - sum(len(piece.ids) for piece in _pieces(predictor, part))
    return [
        (texts, ([*map(token, ids[lead : len(ids) - closing])], list(types[lead : len(ids) - closing])))
        for texts, (ids, types) in zip(inputs, encoded, strict=True)
    ]
