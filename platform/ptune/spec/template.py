"""The template language: how prompt tokens, anchor words and text fields are laid out in the input.

    "[P] {premise} [P] {hypothesis} It is [P:2]"

`[P]` is a run of prompt tokens that takes an equal share of the prompt's length, and `[P:2]` a run of exactly two.
`{premise}` is a text field, and `{premise!}` one that is never shortened. `{premise[:50%]}` and `{premise[50%:]}` are
the first and the second half of its words, with room for something between them. `[MASK]` is the place where the
language model names a word. `[SEP]` is the backbone's own separator between two segments. Everything else is anchor
words, which are kept as real tokens (P-tuning, "GPT Understands, Too", section 3.2). The amount of white space does not
matter, only whether there is any: `{premise}?` puts a question mark directly after the text. A preset (`before`,
`around`, ...) puts prompt runs around a data set's own template; `own` is that template with its own runs. The module
knows nothing of tokenizers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never, get_args

from ptune.errors import nearest

Preset = Literal["before", "between", "after", "around", "everywhere", "own"]
PRESETS: tuple[Preset, ...] = get_args(Preset)

_EDGE = "[0-9]{1,9}%?"
_PIECE = re.compile(
    r"\[P(?::(?P<count>[1-9]\d*))?\]"
    rf"|\{{(?P<field>[^{{}}!]+?)(?:\[(?P<start>{_EDGE})?:(?P<end>{_EDGE})?\])?(?P<fixed>!?)\}}"
    r"|(?P<sep>\[SEP\])|(?P<mask>\[MASK\])"
)
_STRAY = re.compile(r"\[P\b[^\s\]]*\]?|[{}]")


@dataclass(frozen=True)
class PromptRun:
    """Consecutive prompt tokens; `count` is None if the run shares the prompt's length with others."""

    count: int | None


@dataclass(frozen=True)
class Stretch:
    """Some of a text's words: from one edge to another, each a number of words or a share of them, such as `50%`."""

    start: str = "0"
    end: str = "100%"

    def of(self, text: str) -> str:
        """These words, parted by single spaces; none of a text that ends before."""
        words = text.split()
        start, end = (
            len(words) * int(edge[:-1]) // 100 if edge.endswith("%") else int(edge) for edge in (self.start, self.end)
        )
        return " ".join(words[start:end])

    def __str__(self) -> str:
        """As templates write it."""
        return f"[{'' if self.start == '0' else self.start}:{'' if self.end == '100%' else self.end}]"


@dataclass(frozen=True)
class TextField:
    """The text of one column; `glued` when no space stands before it, `fixed` when it is never shortened.

    With a `stretch`, only these of its words stand there, and the others elsewhere.
    """

    name: str
    glued: bool = False
    fixed: bool = False
    stretch: Stretch | None = None


@dataclass(frozen=True)
class Anchor:
    """Words that stand in the input as they are; `glued` when no space stands before them."""

    text: str
    glued: bool = False


@dataclass(frozen=True)
class Separator:
    """The boundary between the first and the second segment."""


@dataclass(frozen=True)
class Mask:
    """The place of a word that the language model names; `glued` when no space stands before it."""

    glued: bool = False


Part = PromptRun | TextField | Anchor | Separator | Mask


def parse(template: str, fields: list[str], base: str | None = None) -> list[Part]:
    """Turn a template, or the name of a preset, into its parts.

    Args:
        template: a template string or one of `PRESETS`.
        fields: the task's text columns, in order.
        base: the data set's own template, which a preset puts prompt runs around; None is the fields in order.

    Raises:
        ValueError: the template names an unknown field, leaves one out, has two separators, or holds something that
            is nearly a prompt run or a field.
    """
    preset = next((name for name in PRESETS if name == template), None)
    parts = _pieces(template if preset is None else _preset(preset, base or written(plain(fields))))
    if all(isinstance(part, Anchor) for part in parts):
        raise ValueError(
            f"neither a preset ({', '.join(PRESETS)}) nor a template with fields{nearest(template, PRESETS)}"
        )
    used = [part.name for part in parts if isinstance(part, TextField)]
    for name in used:
        if name not in fields:
            raise ValueError(
                f"the template names the field {{{name}}}; the task's text fields are {fields}{nearest(name, fields)}"
            )
    for name in dict.fromkeys(used):
        if (law := _divided(name, parts)) is not None:
            raise ValueError(law)
    for name in fields:
        if name not in used:
            held = ", ".join(f"{{{field}}}" for field in used) or "no field"
            raise ValueError(f"the template must hold {{{name}}}; it holds {held}")
    if sum(isinstance(part, Separator) for part in parts) > 1:
        raise ValueError("the template may hold [SEP] at most once: backbones know two segments")
    return parts


def run_lengths(parts: list[Part], length: int) -> list[int]:
    """Share `length` prompt tokens among the template's runs. Fixed runs come first; earlier runs take the remainder.

    Raises:
        ValueError: the template has no run, or `length` leaves a run without a token, or fixed runs differ from it.
    """
    runs = [part for part in parts if isinstance(part, PromptRun)]
    if not runs:
        raise ValueError("a P-tuning v1 template needs at least one prompt run: write [P] where prompt tokens go")
    fixed = sum(run.count or 0 for run in runs)
    open_runs = sum(run.count is None for run in runs)
    if length - fixed < open_runs or (open_runs == 0 and length != fixed):
        need = f"exactly {fixed}" if open_runs == 0 else f"at least {fixed + open_runs}"
        raise ValueError(f"this template needs a prompt length of {need}, got {length}")
    share, left_over = divmod(length - fixed, open_runs) if open_runs else (0, 0)
    lengths = []
    for run in runs:
        if run.count is not None:
            lengths.append(run.count)
        else:
            lengths.append(share + (1 if left_over > 0 else 0))
            left_over -= 1
    return lengths


def plain(fields: Sequence[str]) -> list[Part]:
    """The input without a template: the text fields, with a separator behind the first of several."""
    first, *further = [TextField(name) for name in fields]
    return [first, Separator(), *further] if further else [first]


def written(parts: Sequence[Part]) -> str:
    """The template that `parse` reads as these parts."""
    text = ""
    for part in parts:
        match part:
            case PromptRun(count):
                piece, glued = "[P]" if count is None else f"[P:{count}]", False
            case TextField(name, glued, fixed, stretch):
                piece = f"{{{name}{'' if stretch is None else stretch}{'!' if fixed else ''}}}"
            case Mask(glued):
                piece = "[MASK]"
            case Anchor(piece, glued):
                pass
            case Separator():
                piece, glued = "[SEP]", False
            case _:
                assert_never(part)
        text += piece if glued or not text else f" {piece}"
    return text


def _preset(name: Preset, base: str) -> str:
    """A data set's template with prompt runs around it and, if it has a separator, between its two segments."""
    first, sep, second = (part.strip() for part in base.partition("[SEP]"))
    match name:
        case "before":
            return f"[P] {base}"
        case "around":
            return f"[P] {base} [P]"
        case "after":
            return f"{base} [P]"
        case "between":
            return f"{first} [P] [SEP] {second}" if sep else f"{base} [P]"
        case "own":
            return base
        case "everywhere":
            return f"[P] {first} [P] [SEP] {second} [P]" if sep else f"[P] {base} [P]"
        case _:
            assert_never(name)


def _pieces(template: str) -> list[Part]:
    parts: list[Part] = []
    position = 0
    for match in _PIECE.finditer(template):
        parts += _anchor(template, position, match.start())
        if match["field"] is not None:
            parts.append(
                TextField(match["field"], _glued(template, match.start()), bool(match["fixed"]), _stretch(match))
            )
        elif match["mask"]:
            parts.append(Mask(_glued(template, match.start())))
        elif match["sep"]:
            parts.append(Separator())
        else:
            parts.append(PromptRun(int(match["count"]) if match["count"] else None))
        position = match.end()
    return parts + _anchor(template, position, len(template))


def _stretch(match: re.Match[str]) -> Stretch | None:
    start, end = match["start"], match["end"]
    return None if start is None and end is None else Stretch(start or "0", end or "100%")


def _divided(name: str, parts: Sequence[Part]) -> str | None:
    """The law that the stretches of a field break: together, and in order, they are its whole text, once."""
    stretches = [
        part.stretch for part in parts if isinstance(part, TextField) and part.name == name and part.stretch is not None
    ]
    if not stretches:
        return None
    edges = [edge for stretch in stretches for edge in (stretch.start, stretch.end)]
    whole = edges[0] == "0" and edges[-1] == "100%" and edges[1:-1:2] == edges[2::2] and _ascending(edges[1:-1:2])
    if whole:
        return None
    got = " ".join(f"{{{name}{stretch}}}" for stretch in stretches)
    return (
        f"the stretches of {{{name}}} must be its whole text, one behind another, as in {{{name}[:50%]}} and "
        f"{{{name}[50%:]}}, or {{{name}[:3]}} and {{{name}[3:]}}, got {got}"
    )


def _ascending(edges: Sequence[str]) -> bool:
    """Whether edges between stretches ascend; words and shares cannot be compared, so all are of one kind."""
    numbers = [int(edge.rstrip("%")) for edge in edges]
    shares = {edge.endswith("%") for edge in edges}
    return len(shares) == 1 and numbers == sorted(set(numbers)) and not (shares == {True} and numbers[-1] >= 100)


def _anchor(template: str, start: int, end: int) -> list[Part]:
    text = template[start:end]
    if stray := _STRAY.search(text):
        raise ValueError(f"{stray[0]!r} is neither a prompt run ([P] or [P:2]) nor a field ({{name}}) nor plain words")
    glued = _glued(template, start) and not text[:1].isspace()
    return [Anchor(text.strip(), glued)] if text.strip() else []


def _glued(template: str, position: int) -> bool:
    return position > 0 and not template[position - 1].isspace()
