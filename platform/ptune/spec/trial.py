"""A trial's spec: a flat mapping of parameters becomes a prompt, a head and a way to train them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails

from ptune.errors import nearest
from ptune.spec.idle import idle
from ptune.spec.problem import Problem, refuse
from ptune.spec.prompt import METHODS, PromptSpec
from ptune.spec.strict import Strict, got

DEFAULT_METHOD = "v2"
Scalar = bool | int | float | str
"""A value that a user may write for a parameter."""
Config = Mapping[str, Scalar | None]
"""One flat configuration: parameter names to values; None where a parameter has no value."""


class Recipe(Strict):
    """How a prompt, its head and, if asked for, the backbone are trained."""

    lr: float = Field(1e-2, gt=0.0)
    """Peak learning rate of the prompt."""
    head_lr: float | None = Field(None, gt=0.0)
    """Peak learning rate of the head; None is the prompt's."""
    backbone_lr: float | None = Field(None, gt=0.0)
    """Peak learning rate of the backbone, which then trains with everything else. None keeps it frozen."""
    batch_size: int = Field(32, ge=1)
    """Examples in an optimiser step. Those that one pass does not hold take several, whose gradients add up."""
    passes: int = Field(1, ge=1)
    """Passes over the training split between two reports. Few-shot data needs more than one."""
    optimizer: Literal["adamw", "adam"] = "adamw"
    """`adamw` decays weights apart from the gradient, `adam` adds the decay to the gradient (L2)."""
    weight_decay: float = Field(0.0, ge=0.0)
    """Weight decay of the prompt."""
    head_weight_decay: float | None = Field(None, ge=0.0)
    """Weight decay of the head's matrices; None is the prompt's. Biases never decay."""
    backbone_weight_decay: float = Field(0.0, ge=0.0)
    """Weight decay of the backbone's matrices when it is tuned; biases and norms never decay."""
    schedule: Literal["constant", "linear", "exponential"] = "linear"
    """`linear` decays to zero over the trial's whole horizon, whether or not it gets that far; `exponential`
    multiplies by `gamma` after every epoch."""
    gamma: float = Field(0.95, gt=0.0, le=1.0)
    """Factor of the exponential schedule: 0.95 in P-tuning v2's sequence tagging and QA, 0.98 in v1's LAMA."""
    warmup: float = Field(0.0, ge=0.0, lt=1.0)
    """Share of the horizon's steps, rounded up, over which the rate rises from zero."""
    clip: float | None = Field(1.0, gt=0.0)
    """Largest gradient norm over everything that trains. None does not clip."""
    head_dropout: float = Field(0.0, ge=0.0, lt=1.0)
    """Dropout on the features that the head reads, while training."""
    label_smoothing: float = Field(0.0, ge=0.0, lt=1.0)
    """Share of each target's probability that is spread evenly over all classes, while training."""
    faithful: bool = False
    """Reproduce the known quirks of the papers' code that published numbers depend on; the documentation lists them."""


class Protocol(Strict):
    """Settings that tell one run of a configuration from another."""

    epochs: int | None = Field(None, ge=1)
    """The trial's own horizon, at most the budget's; None is the budget's. It rules out early stopping."""
    split: int = Field(0, ge=0)
    """Which few-shot draw of the data it trains on."""
    repeat: int = Field(0, ge=0)
    """Number of this repetition; each has a seed of its own."""
    keep_epoch: int | None = Field(None, ge=1)
    """The epoch whose learner is kept, whatever others score; the last of a trial that ends before. None leaves it to
    the task's `selection`."""


class TrialSpec(Strict):
    """A prompt, its head and its recipe."""

    prompt: PromptSpec
    recipe: Recipe = Recipe()
    protocol: Protocol = Protocol()
    head: Literal["linear", "verbalizer"] | None = None
    """`linear`: a trained head; `verbalizer`: the backbone's own language head at the template's [MASK]. None is the
    verbalizer for tasks that state one or read words, else linear."""

    @classmethod
    def from_config(cls, config: Config) -> TrialSpec:
        """Build the spec from a flat configuration such as `{"method": "v2", "length": 20, "lr": 0.01}`.

        Raises:
            SpecError: a key is unknown for the method, or a value breaks its law or does nothing beside the others. The
                message has every problem.
        """
        spec = cls.of_some(config)
        refuse(spec.idle_problems())
        return spec

    @classmethod
    def of_some(cls, config: Config) -> TrialSpec:
        """Build the spec from parameters to which others may still be added, so that none of them is judged idle.

        Raises:
            SpecError: a key is unknown for the method, or a value breaks its law.
        """
        spec, problems = cls.read(config)
        refuse(problems)
        assert spec is not None, "a configuration without a problem makes a spec"
        return spec

    @classmethod
    def read(cls, config: Config) -> tuple[TrialSpec | None, list[Problem]]:
        """The spec of a flat configuration to which parameters may still be added, or the laws that it breaks."""
        method = config.get("method", DEFAULT_METHOD)
        if method not in METHODS:
            law = f"method must be one of {sorted(METHODS)}, got {method!r}{nearest(str(method), METHODS)}"
            return None, [Problem(("method",), law)]
        assert isinstance(method, str), "the names of methods are strings"
        valid = parameter_names(method)
        problems = [
            Problem(
                (name,),
                f"{name} is not a parameter of method {method!r}{nearest(name, valid)} "
                f"(valid: {', '.join(sorted(valid))})",
            )
            for name in config
            if name not in valid
        ]
        content = {
            "prompt": {**_of(METHODS[method], config), "method": method},
            "recipe": _of(Recipe, config),
            "protocol": _of(Protocol, config),
            "head": config.get("head"),
        }
        try:
            spec = cls.model_validate(content)
        except ValidationError as error:
            return None, problems + [_told(issue, valid) for issue in error.errors()]
        return (None if problems else spec), problems

    def idle_problems(self) -> list[Problem]:
        """Parameters that do nothing beside the others; see `ptune.spec.idle`."""
        return idle(self.to_config(), defaults(self.prompt.method))

    def to_config(self) -> dict[str, Scalar | None]:
        """The flat configuration with every default filled in; `from_config` reads it back."""
        return {
            **self.prompt.model_dump(),
            **self.recipe.model_dump(),
            **self.protocol.model_dump(),
            "head": self.head,
        }


def broken_law(method: str, name: str, value: Scalar | None) -> str | None:
    """The law that a value of one parameter breaks under a method, whatever the others hold; None if it breaks none."""
    _, problems = TrialSpec.read({"method": method, name: value})
    return "; ".join(problem.text.removeprefix(f"{name}: ") for problem in problems) or None


def parameter_names(method: str | None = None) -> set[str]:
    """The names a configuration may hold, for one method or (None) for any."""
    models = METHODS.values() if method is None else [METHODS[method]]
    return {"head", *Recipe.model_fields, *Protocol.model_fields}.union(*(model.model_fields for model in models))


def defaults(method: str) -> dict[str, Scalar | None]:
    """The default of every parameter of a method; None where it has none."""
    models: list[type[BaseModel]] = [METHODS[method], Recipe, Protocol]
    return {"head": None} | {name: field.default for model in models for name, field in model.model_fields.items()}


def _of(model: type[BaseModel], config: Config) -> dict[str, Scalar | None]:
    return {name: value for name, value in config.items() if name in model.model_fields}


def _told(issue: ErrorDetails, valid: Collection[str]) -> Problem:
    """The problem of one parameter, with its name, or of several together."""
    law = issue["msg"]
    if issue["type"] != "law":
        law += got(issue["input"], issue.get("ctx", {}).get("expected", ""))
    name = issue["loc"][-1]
    return Problem((name,), f"{name}: {law}") if name in valid else Problem((), law)
