"""The template language: how prompt tokens, anchor words and text fields are laid out in the input.

    "[P] {premise} [P] {hypothesis} It is [P:2]"

`[P]` is a run of prompt tokens that takes an equal share of the prompt's length, `[P:2]` a run of exactly two,
`{premise}` a text field, `[SEP]` the backbone's own separator between two segments, and everything else anchor
words, kept as real tokens (P-tuning, "GPT Understands, Too", section 3.2). White space counts only by being there:
`{premise}?` holds a question mark right behind the text. Knows nothing of tokenizers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ptune.errors import nearest

PRESETS = ("before", "between", "after", "around", "everywhere")

_PIECE = re.compile(r"\[P(?::(?P<count>[1-9]\d*))?\]|\{(?P<field>[^{}]+)\}|(?P<sep>\[SEP\])")
_STRAY = re.compile(r"\[P\b[^\s\]]*\]?|[{}]")


@dataclass(frozen=True)
class PromptRun:
    """Consecutive prompt tokens; `count` is None when the run shares the prompt's length with its peers."""

    count: int | None


@dataclass(frozen=True)
class TextField:
    """The text of one column, shortened when the input is too long; `glued` when no space stands before it."""

    name: str
    glued: bool = False


@dataclass(frozen=True)
class Anchor:
    """Words that stand in the input as they are; `glued` when no space stands before them."""

    text: str
    glued: bool = False


@dataclass(frozen=True)
class Separator:
    """The boundary between the first and the second segment."""


Part = PromptRun | TextField | Anchor | Separator


def parse(template: str, fields: list[str]) -> list[Part]:
    """Turn a template, or the name of a preset, into its parts.

    Args:
        template: a template string or one of `PRESETS`.
        fields: the task's text columns, one or two, in order.

    Raises:
        ValueError: the template names an unknown field, leaves one out, repeats one, has two separators, or holds
            something that is nearly a prompt run or a field.
    """
    parts = _pieces(_preset(template, fields) if template in PRESETS else template)
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
    for name in fields:
        if used.count(name) != 1:
            raise ValueError(f"the template must hold {{{name}}} exactly once; it holds it {used.count(name)} times")
    if sum(isinstance(part, Separator) for part in parts) > 1:
        raise ValueError("the template may hold [SEP] at most once: backbones know two segments")
    return parts


def run_lengths(parts: list[Part], length: int) -> list[int]:
    """Share `length` prompt tokens among the template's runs; fixed runs first, earlier runs take the remainder.

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
    share, rest = divmod(length - fixed, open_runs) if open_runs else (0, 0)
    lengths = []
    for run in runs:
        if run.count is not None:
            lengths.append(run.count)
        else:
            lengths.append(share + (1 if rest > 0 else 0))
            rest -= 1
    return lengths


def plain(fields: list[str]) -> list[Part]:
    """The input without a prompt: the text fields, with a separator between two."""
    parts: list[Part] = [TextField(fields[0])]
    for name in fields[1:]:
        parts += [Separator(), TextField(name)]
    return parts


def written(parts: Sequence[Part]) -> str:
    """The template that `parse` reads as these parts."""
    text = ""
    for part in parts:
        match part:
            case PromptRun(count):
                piece, glued = "[P]" if count is None else f"[P:{count}]", False
            case TextField(name, glued):
                piece = f"{{{name}}}"
            case Anchor(piece, glued):
                pass
            case Separator():
                piece, glued = "[SEP]", False
        text += piece if glued or not text else f" {piece}"
    return text


def _preset(name: str, fields: list[str]) -> str:
    texts = [f"{{{field}}}" for field in fields]
    joined = " [SEP] ".join(texts)
    return {
        "before": f"[P] {joined}",
        "after": f"{joined} [P]",
        "around": f"[P] {joined} [P]",
        "between": " [P] [SEP] ".join(texts) if len(texts) > 1 else f"{joined} [P]",
        "everywhere": "[P] " + " [P] [SEP] ".join(texts) + " [P]",
    }[name]


def _pieces(template: str) -> list[Part]:
    parts: list[Part] = []
    position = 0
    for match in _PIECE.finditer(template):
        parts += _anchor(template, position, match.start())
        if match["field"] is not None:
            parts.append(TextField(match["field"], _glued(template, match.start())))
        elif match["sep"]:
            parts.append(Separator())
        else:
            parts.append(PromptRun(int(match["count"]) if match["count"] else None))
        position = match.end()
    return parts + _anchor(template, position, len(template))


def _anchor(template: str, start: int, end: int) -> list[Part]:
    text = template[start:end]
    if stray := _STRAY.search(text):
        raise ValueError(f"{stray[0]!r} is neither a prompt run ([P] or [P:2]) nor a field ({{name}}) nor plain words")
    glued = _glued(template, start) and not text[:1].isspace()
    return [Anchor(text.strip(), glued)] if text.strip() else []


def _glued(template: str, position: int) -> bool:
    return position > 0 and not template[position - 1].isspace()
