"""What a prompt is: the parameters that decide which vectors are trained and where they enter the backbone."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ptune.spec.strict import Strict

Positions = Literal["auto", "shifted", "unshifted"]


class PromptV1(Strict):
    """P-tuning v1: prompt tokens at the input embeddings, anywhere in a template ("GPT Understands, Too", 3.2)."""

    method: Literal["v1"] = "v1"
    length: int = Field(8, ge=1, le=1024)
    """Number of prompt tokens, shared among the template's runs."""
    template: str = "before"
    """Where prompt tokens go: before | between | after | around | everywhere, or a template with [P] and {field}."""
    encoder: Literal["embedding", "mlp", "lstm"] = "lstm"
    """What shapes the prompt while it trains; collapsed away at export."""
    hidden: int | None = Field(None, ge=1)
    """Hidden width of the LSTM (each direction); None is half the embedding width, as in the paper's LAMA runs."""


class PromptV2(Strict):
    """P-tuning v2: trained keys and values in the attention of every layer, or of some (P-Tuning v2, section 3)."""

    method: Literal["v2"] = "v2"
    length: int = Field(20, ge=1, le=1024)
    """Number of key/value pairs in each chosen layer."""
    depth: int | None = Field(None, ge=1)
    """How many layers hold a prompt; None is all of them."""
    side: Literal["last", "first"] = "last"
    """Which layers a depth means: the last ones (near the output) or the first ones."""
    encoder: Literal["embedding", "mlp"] = "embedding"
    """`embedding` trains the prompt itself; `mlp` trains it through a Tanh bottleneck (prefix projection)."""
    hidden: int | None = Field(None, ge=1)
    """Width of the bottleneck; None is 512, as in the paper's code."""
    dropout: float = Field(0.0, ge=0.0, lt=1.0)
    """Dropout on the prompt's keys and values while training."""
    positions: Positions = "auto"
    """Text positions start after the prompt (`shifted`) or at zero (`unshifted`); `auto`: shifted for all layers."""


class NoPrompt(Strict):
    """No prompt: a trained head on the frozen backbone, the baseline every prompt has to beat."""

    method: Literal["head"] = "head"


PromptSpec = Annotated[PromptV1 | PromptV2 | NoPrompt, Field(discriminator="method")]
METHODS: dict[str, type[PromptV1] | type[PromptV2] | type[NoPrompt]] = {
    "v1": PromptV1,
    "v2": PromptV2,
    "head": NoPrompt,
}
