"""One configuration, resolved: a flat mapping of parameters becomes a prompt and a way to train it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from ptune.errors import SpecError, nearest
from ptune.spec.prompt import METHODS, PromptSpec
from ptune.spec.strict import Strict, given

DEFAULT_METHOD = "v2"


class Recipe(Strict):
    """How a prompt and its head are trained: AdamW with a schedule over the job's horizon."""

    lr: float = Field(1e-2, gt=0.0)
    """Learning rate of the prompt at its peak."""
    head_lr: float | None = Field(None, gt=0.0)
    """Learning rate of the head; None is the prompt's."""
    batch_size: int = Field(32, ge=1)
    """Examples per optimiser step."""
    weight_decay: float = Field(0.0, ge=0.0)
    """AdamW's decoupled weight decay, on the prompt and the head."""
    schedule: Literal["constant", "linear"] = "linear"
    """`linear` decays to zero over the job's whole horizon, whether or not a trial gets that far."""
    warmup: float = Field(0.0, ge=0.0, lt=1.0)
    """Share of the horizon over which the rate rises from zero."""
    clip: float | None = Field(1.0, gt=0.0)
    """Largest gradient norm over prompt and head together; None does not clip."""
    head_dropout: float = Field(0.0, ge=0.0, lt=1.0)
    """Dropout on the features the head reads, while training."""


class TrialSpec(Strict):
    """A prompt and its recipe."""

    prompt: PromptSpec
    recipe: Recipe = Recipe()

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> TrialSpec:
        """Build the spec from a flat configuration such as `{"method": "v2", "length": 20, "lr": 0.01}`.

        Raises:
            SpecError: a key is unknown for the method, or a value breaks its law; every problem is in the message.
        """
        method = config.get("method", DEFAULT_METHOD)
        if method not in METHODS:
            raise SpecError(f"method must be one of {sorted(METHODS)}, got {method!r}{nearest(str(method), METHODS)}")
        valid = parameter_names(method)
        problems = [
            f"{key} is not a parameter of method {method!r}{nearest(key, valid)} (valid: {', '.join(sorted(valid))})"
            for key in config
            if key not in valid
        ]
        prompt = {key: value for key, value in config.items() if key in METHODS[method].model_fields}
        recipe = {key: value for key, value in config.items() if key in Recipe.model_fields}
        try:
            spec = cls.model_validate({"prompt": {**prompt, "method": method}, "recipe": recipe})
        except ValidationError as error:
            problems += [
                f"{issue['loc'][-1]}: {issue['msg']}{given(issue['input'], issue.get('ctx', {}).get('expected', ''))}"
                for issue in error.errors()
            ]
        if problems:
            raise SpecError("; ".join(problems))
        return spec

    def to_config(self) -> dict[str, Any]:
        """The flat configuration with every default filled in; `from_config` reads it back."""
        return {**self.prompt.model_dump(), **self.recipe.model_dump()}


def broken_law(method: str, name: str, value: Any) -> str | None:
    """What keeps one parameter of a method from holding a value, whatever the others hold; None if nothing does."""
    try:
        TrialSpec.from_config({"method": method, name: value})
    except SpecError as error:
        return str(error).removeprefix(f"{name}: ")
    return None


def parameter_names(method: str | None = None) -> set[str]:
    """The names a configuration may hold, for one method or (None) for any."""
    models = METHODS.values() if method is None else [METHODS[method]]
    return set(Recipe.model_fields).union(*(model.model_fields for model in models))
