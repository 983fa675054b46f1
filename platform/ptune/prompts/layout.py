"""The input a prompt is trained on and used with: its template, bound to a backbone's tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ptune.backbone.families import Family
from ptune.data.kept_tokens import TokenCache
from ptune.data.templates import Example, Layout
from ptune.errors import SpecError
from ptune.node_files import NodeFiles
from ptune.spec.prompt import ManualPrompt, PromptSpec, PromptTuning, PromptV1
from ptune.spec.template import Mask, Part, PromptRun, parse, plain, run_lengths


def input_parts(
    prompt: PromptSpec, fields: Sequence[str], base: str | None = None, *, masked: bool = True
) -> list[Part]:
    """A prompt's template as parts, every run with its number of tokens; without a v1 prompt, the data's own.

    Args:
        prompt: the prompt.
        fields: names of the texts, in order.
        base: the data set's own template; None is the fields in order.
        masked: whether a language head reads the input; without one, the places of words are left out.

    Raises:
        SpecError: the template does not fit the fields, or the prompt's length does not fit the template.
    """
    template = _template(prompt) or base
    try:
        parts = parse(template, list(fields), base) if template is not None else plain(fields)
        parts = parts if masked else [part for part in parts if not isinstance(part, Mask)]
        if not isinstance(prompt, PromptV1 | PromptTuning):
            _refuse_runs(parts)
            return parts
        counts = iter(run_lengths(parts, prompt.length))
    except ValueError as error:
        raise SpecError(f"template {template!r}: {error}") from None
    return [PromptRun(next(counts)) if isinstance(part, PromptRun) else part for part in parts]


class Reading(Protocol):
    """What laying out an input takes of a backbone; a loaded one has it."""

    @property
    def tokenizer(self) -> Any:
        """Its tokenizer."""

    @property
    def family(self) -> Family:
        """Its family."""

    @property
    def files(self) -> NodeFiles | None:
        """Where this node keeps tokens; None keeps none."""

    @property
    def spelling(self) -> str | None:
        """What decides the tokens of a text; None if that cannot be told, and tokens not be kept."""


def bind(parts: Sequence[Part], backbone: Reading, fields: Sequence[str], max_length: int) -> Layout:
    """Bind the parts of `input_parts` to a backbone's tokenizer.

    Raises:
        DataError: prompt, anchor and special tokens leave no room for text, or the backbone has no place for [MASK].
    """
    counts = [part.count for part in parts if isinstance(part, PromptRun) and part.count is not None]
    causal = backbone.family.reads == "last"
    cache = None
    if backbone.files is not None and backbone.spelling is not None:
        cache = TokenCache(backbone.files, backbone.spelling)
    return Layout(backbone.tokenizer, fields, parts, counts, max_length, causal=causal, cache=cache)


def read_position(example: Example, backbone: Reading) -> int:
    """The position whose state stands for a whole input, by the backbone's family."""
    return example.first if backbone.family.reads == "first" else example.last


def _template(prompt: PromptSpec) -> str | None:
    match prompt:
        case PromptV1(template=template) | ManualPrompt(template=template):
            return template
        case PromptTuning():
            return "before"
        case _:
            return None


def _refuse_runs(parts: Sequence[Part]) -> None:
    if any(isinstance(part, PromptRun) for part in parts):
        raise ValueError('prompt runs ([P]) belong to method = "v1"; a discrete template holds words and fields')
