"""The prompt: the parameters that decide which vectors are trained and where they enter the backbone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, TypeVar, assert_never

from pydantic import AfterValidator, Field, model_validator

from ptune.spec.problem import Problem, refuse
from ptune.spec.strict import Strict, broken

Positions = Literal["auto", "shifted", "unshifted"]

_RANGES = re.compile(r"\s*\d{1,9}(\s*-\s*\d{1,9})?(\s*,\s*\d{1,9}(\s*-\s*\d{1,9})?)*\s*", re.ASCII)
_LENGTHS = re.compile(r"\s*\d{1,9}(\s*,\s*\d{1,9})*\s*", re.ASCII)
_MOST_LAYERS = 10_000
_INIT = re.compile(r"normal|zero|vocabulary|text|text:.*\S.*", re.DOTALL)


def _ranges(text: str) -> str:
    if not _RANGES.fullmatch(text):
        raise broken(f"write layers as '1-4' or '1,12,24', counted from 1, got {text!r}")
    layers_of(text)
    return text


def _init(text: str) -> str:
    if not _INIT.fullmatch(text):
        raise broken(f"write 'normal', 'zero', 'vocabulary', 'text' or 'text: some words', got {text!r}")
    return text


def layers_of(text: str) -> tuple[int, ...]:
    """The layers, counted from 0 and ascending, that a text such as `1-4,24` names, counted from 1.

    Raises:
        ValueError: a layer is named twice, is 0, or a range runs backwards.
    """
    layers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        start, end = int(first), int(last or first)
        if start < 1 or end < start:
            raise broken(f"layers count from 1 and ranges ascend, got {part.strip()!r}")
        if end > _MOST_LAYERS:
            raise broken(f"layers <= {_MOST_LAYERS} must hold, got {part.strip()!r}")
        layers += range(start - 1, end)
    if len(set(layers)) != len(layers):
        raise broken(f"a layer is named twice in {text!r}")
    return tuple(sorted(layers))


def text_of(init: str, description: str) -> str:
    """The words that an `init` of `text` or `text: some words` starts from; `text` alone is the task's description."""
    return description if init == "text" else init.removeprefix("text:").strip()


Init = Annotated[str, AfterValidator(_init)]


_Trained = TypeVar("_Trained", "PromptV1", "PromptTuning", "PromptV2")


def _leaves_some(prompt: _Trained) -> _Trained:
    """The law that a prompt of which some tokens are frozen has others to train."""
    if prompt.frozen >= prompt.length:
        raise broken(f"frozen must be less than length, got frozen={prompt.frozen}, length={prompt.length}")
    return prompt


class PromptV1(Strict):
    """P-tuning v1: prompt tokens at the input embeddings, anywhere in a template ("GPT Understands, Too", 3.2)."""

    method: Literal["v1"] = "v1"
    length: int = Field(8, ge=1, le=1024)
    """Number of prompt tokens, shared among the template's runs."""
    template: str = "before"
    """Where prompt tokens go: before | between | after | around | everywhere, or a template with [P] and {field}."""
    encoder: Literal["embedding", "mlp", "lstm"] = "lstm"
    """The network that computes the prompt while it trains. The export keeps its output alone."""
    hidden: int | None = Field(None, ge=1)
    """Width of the LSTM (each direction) or of the MLP. None is half the embedding width for the LSTM, as in the
    paper's LAMA runs (its few-shot runs use the whole width), and the whole width for the MLP."""
    init: Init = "normal"
    """Initial encoder input: `normal`, `zero`, `vocabulary` (embeddings of random words), `text` (the task's
    description or labels), or `text: some words`."""
    frozen: int = Field(0, ge=0)
    """How many of the first prompt tokens stay as they start; the encoder has to be an embedding."""

    _frozen_law = model_validator(mode="after")(_leaves_some)


class PromptTuning(Strict):
    """Prompt tuning: free vectors before the input, without an encoder (Lester et al. 2021, section 2)."""

    method: Literal["prompt_tuning"] = "prompt_tuning"
    length: int = Field(20, ge=1, le=1024)
    """Number of prompt tokens."""
    init: Init = "vocabulary"
    """Initial vectors, as for v1."""
    frozen: int = Field(0, ge=0)
    """How many of the first prompt tokens stay as they start."""

    _frozen_law = model_validator(mode="after")(_leaves_some)


class PromptV2(Strict):
    """P-tuning v2: trained keys and values in the attention of every layer, or of some (P-Tuning v2, section 3)."""

    method: Literal["v2"] = "v2"
    length: int = Field(20, ge=1, le=1024)
    """Number of key/value pairs in each chosen layer."""
    depth: int | None = Field(None, ge=1)
    """How many layers hold a prompt; None is all of them, unless `layers` names them."""
    side: Literal["last", "first"] = "last"
    """Which layers `depth` counts: the last ones (near the output) or the first ones."""
    layers: Annotated[str, AfterValidator(_ranges)] | None = None
    """The layers that hold a prompt, counted from 1, such as `21-24` or `1,12,24`; not together with `depth`."""
    lengths: str | None = Field(None, pattern=rf"^{_LENGTHS.pattern}$")
    """A length for each chosen layer in ascending order, such as `20,20,10`. None may exceed `length`, which is the
    longest of them unless it is stated. Without lengths, all layers have `length`."""
    encoder: Literal["embedding", "mlp"] = "embedding"
    """`embedding` trains the prompt itself; `mlp` trains it through a Tanh bottleneck (prefix projection)."""
    hidden: int | None = Field(None, ge=1)
    """Width of the bottleneck; None is 512, as in the paper's code."""
    init: Init = "normal"
    """Initial keys and values: `normal`, `zero`, or those that the frozen backbone computes for `vocabulary` (random
    words), `text` (the task's description or labels) or `text: some words`."""
    frozen: int = Field(0, ge=0)
    """How many of the first prompt tokens stay as they start; the encoder has to be an embedding."""
    dropout: float = Field(0.0, ge=0.0, lt=1.0)
    """Dropout on the prompt's keys and values while training."""
    positions: Positions = "auto"
    """Text positions start after the prompt (`shifted`) or at zero (`unshifted`). `auto` is `shifted` if all layers
    hold a prompt."""

    _frozen_law = model_validator(mode="after")(_leaves_some)

    @model_validator(mode="before")
    @classmethod
    def _as_long_as_its_longest(cls, content: Any) -> Any:
        lengths = content.get("lengths") if isinstance(content, dict) else None
        if not isinstance(lengths, str) or "length" in content or not _LENGTHS.fullmatch(lengths):
            return content
        return {**content, "length": max(map(int, lengths.split(",")))}

    @model_validator(mode="after")
    def _one_choice_of_layers(self) -> Self:
        if self.layers is not None and self.depth is not None:
            raise broken(f"state layers or depth, not both, got layers={self.layers!r}, depth={self.depth}")
        if self.lengths is not None and max(self.layer_lengths) > self.length:
            raise broken(f"no layer's length may exceed length, got {self.lengths!r} with length={self.length}")
        return self

    @property
    def layer_lengths(self) -> tuple[int, ...]:
        """The stated length of each chosen layer; empty when all are alike."""
        return tuple(map(int, self.lengths.split(","))) if self.lengths is not None else ()


class ManualPrompt(Strict):
    """A discrete prompt: words around the input, of which nothing is trained. With a verbalizer it is zero-shot."""

    method: Literal["manual"] = "manual"
    template: str | None = None
    """Words and fields, such as `{text} It was [MASK].`; None is the data's own template."""


class NoPrompt(Strict):
    """No prompt, only a trained head: the baseline of every prompt. With a tuned backbone it is fine-tuning."""

    method: Literal["head"] = "head"


PromptSpec = Annotated[
    PromptV1 | PromptTuning | PromptV2 | ManualPrompt | NoPrompt,
    Field(discriminator="method"),
]
METHODS: dict[str, type[PromptV1 | PromptTuning | PromptV2 | ManualPrompt | NoPrompt]] = {
    "v1": PromptV1,
    "v2": PromptV2,
    "prompt_tuning": PromptTuning,
    "manual": ManualPrompt,
    "head": NoPrompt,
}
DEFAULT_BOTTLENECK = 512
"""Width of a v2 prompt's bottleneck, unless stated; that of the paper's code."""
PROMPTLESS = ("manual", "head")
"""The methods that train no prompt."""


def input_template(prompt: PromptSpec) -> str | None:
    """The template, or preset, that a prompt puts around the texts; None if it keeps the data's own."""
    match prompt:
        case PromptV1(template=template) | ManualPrompt(template=template):
            return template
        case PromptTuning():
            return "before"
        case PromptV2() | NoPrompt():
            return None
        case _:
            assert_never(prompt)


def input_length(prompt: PromptSpec) -> int:
    """Number of prompt tokens among the input's tokens."""
    match prompt:
        case PromptV1(length=length) | PromptTuning(length=length):
            return length
        case PromptV2() | ManualPrompt() | NoPrompt():
            return 0
        case _:
            assert_never(prompt)


def starts_from_task(prompt: PromptSpec) -> bool:
    """Whether a prompt starts from the words that say what the task is."""
    match prompt:
        case PromptV1(init=init) | PromptTuning(init=init) | PromptV2(init=init):
            return init == "text"
        case ManualPrompt() | NoPrompt():
            return False
        case _:
            assert_never(prompt)


def fills_input(method: str) -> bool:
    """Whether a method's prompt tokens stand among the input's tokens."""
    return input_length(METHODS[method]()) > 0


def prompt_of(template: str | None, length: int = 0) -> PromptSpec:
    """A prompt in a template with `length` prompt tokens; None is the data's own template."""
    if length:
        return PromptV1(template=template or "before", length=length)
    return NoPrompt() if template is None else ManualPrompt(template=template)


def layer_problems(prompt: PromptSpec, layers: int) -> list[Problem]:
    """The laws that a prompt breaks on a backbone of some layers; the places are names of parameters."""
    if not isinstance(prompt, PromptV2):
        return []
    where = f"on a backbone of {layers} layers"
    if prompt.depth is not None and prompt.depth > layers:
        return [Problem(("depth",), f"depth <= {layers} must hold {where}, got {prompt.depth}")]
    if prompt.layers is not None and layers_of(prompt.layers)[-1] >= layers:
        return [Problem(("layers",), f"layers must lie within 1-{layers} {where}, got {prompt.layers!r}")]
    chosen = len(_layers(prompt, layers))
    if prompt.lengths is not None and len(prompt.layer_lengths) != chosen:
        law = f"lengths must hold one length for each of the {chosen} chosen layers, got {prompt.lengths!r}"
        return [Problem(("lengths", "depth", "layers"), law)]
    return []


def chosen_layers(prompt: PromptV2, layers: int) -> tuple[int, ...]:
    """The layers that hold a v2 prompt, ascending, counted from 0, on a backbone of `layers` layers.

    Raises:
        SpecError: the prompt does not fit the layers, see `layer_problems`.
    """
    refuse(layer_problems(prompt, layers))
    return _layers(prompt, layers)


def lengths_by_layer(prompt: PromptV2, layers: int) -> dict[int, int]:
    """The length of a v2 prompt in each layer that holds it, ascending, counted from 0; raises as `chosen_layers`."""
    chosen = chosen_layers(prompt, layers)
    return dict(zip(chosen, prompt.layer_lengths or (prompt.length,) * len(chosen), strict=True))


def shift_problems(prompt: PromptSpec, *, shifts: bool) -> list[Problem]:
    """The law that a prompt's `positions` break; `shifts` is `Family.shifts`."""
    if isinstance(prompt, PromptV2) and prompt.positions == "shifted" and not shifts:
        law = 'positions = "unshifted" or "auto" must hold on a backbone of relative positions, got "shifted"'
        return [Problem(("positions",), law)]
    return []


def is_shifted(prompt: PromptV2, layers: int, *, shifts: bool) -> bool:
    """Whether text positions start after the prompt: as stated, or by default if the prompt is in all layers.

    Args:
        prompt: the prompt.
        layers: the backbone's layers.
        shifts: whether the backbone's positions can be shifted, see `ptune.backbone.families.Family.shifts`.

    Raises:
        SpecError: the prompt states it, and the positions cannot be shifted.
    """
    refuse(shift_problems(prompt, shifts=shifts))
    if prompt.positions != "auto":
        return prompt.positions == "shifted"
    return shifts and len(chosen_layers(prompt, layers)) == layers


def as_prefix(prompt: PromptSpec) -> PromptV2 | None:
    """The prompt, if it consists of keys and values."""
    return prompt if isinstance(prompt, PromptV2) else None


def changed_layers(prompt: PromptSpec, layers: int) -> int:
    """How many layers of a backbone, from the last one down, a prompt can change."""
    match prompt:
        case PromptV1() | PromptTuning():
            return layers
        case PromptV2():
            return layers - chosen_layers(prompt, layers)[0]
        case ManualPrompt() | NoPrompt():
            return 0
        case _:
            assert_never(prompt)


@dataclass(frozen=True)
class Widths:
    """What decides the size of a prompt on a backbone.

    Attributes:
        layers: of the backbone.
        hidden: width of a hidden state.
        embedding: width of a word embedding.
        prefix: numbers of one key and one value of all heads.
    """

    layers: int
    hidden: int
    embedding: int
    prefix: int


def numbers_of(prompt: PromptSpec, widths: Widths) -> tuple[int, int]:
    """How many numbers a prompt trains, and how many its encoder computes from them; 0 if they are the prompt."""
    match prompt:
        case PromptV1(encoder="embedding") | PromptTuning():
            return (prompt.length - prompt.frozen) * widths.embedding, 0
        case PromptV1(length=length, encoder=encoder, hidden=hidden):
            width, seed = widths.embedding, length * widths.embedding
            if encoder == "mlp":
                inner = hidden or width
                return seed + inner * (width + 1) + width * (inner + 1), seed
            inner = hidden or width // 2
            recurrent = sum(8 * inner * (inputs + inner + 2) for inputs in (width, 2 * inner))  # both directions
            return seed + recurrent + width * (2 * inner + 1) + width * (width + 1), seed
        case PromptV2(length=length, hidden=hidden):
            width = len(chosen_layers(prompt, widths.layers)) * widths.prefix
            if prompt.encoder == "embedding":
                return (length - prompt.frozen) * width, 0
            inner = hidden or DEFAULT_BOTTLENECK
            return length * widths.hidden + inner * (widths.hidden + 1) + width * (inner + 1), length * width
        case ManualPrompt() | NoPrompt():
            return 0, 0
        case _:
            assert_never(prompt)


def _layers(prompt: PromptV2, layers: int) -> tuple[int, ...]:
    if prompt.layers is not None:
        return layers_of(prompt.layers)
    depth = layers if prompt.depth is None else prompt.depth
    return tuple(range(layers - depth, layers)) if prompt.side == "last" else tuple(range(depth))
