"""What a search may use: engines, their devices, and the nodes of a cluster that suit them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from ptune.spec.problem import Problem
from ptune.spec.strict import Strict, broken, got, refusal

_LABEL_KEY = re.compile(r"([A-Za-z0-9][A-Za-z0-9.-]*/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"!?(in\((?P<choices>[^()]+)\)|(?P<value>[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?))")
MOST_GPUS = 64
"""Of one engine."""
_STATED_ELSEWHERE = ("CPU", "GPU", "memory", "object_store_memory")


class EngineRange(Strict):
    """The fewest and the most engines; between them, there are as many as the trials need."""

    min: int = Field(1, ge=1)
    """Engines that are kept whatever the trials need."""
    max: int = Field(ge=1)
    """The most engines that are asked for."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min > self.max:
            raise refusal(type(self), [Problem((), f"min <= max must hold, got {self.min} > {self.max}")])
        return self


def _form(engines: Any) -> str:
    return EngineRange.__name__ if isinstance(engines, dict | EngineRange) else "plain"


Engines = Annotated[
    Annotated[EngineRange, Tag(EngineRange.__name__)]
    | Annotated[Annotated[int, Field(ge=1)] | Literal["auto"], Tag("plain")],
    Discriminator(_form),
]
"""How many engines a job asks for."""


class Resources(Strict):
    """What the search may use."""

    slots: int = Field(4, ge=1, le=256)
    """Trials that train together on one engine."""
    engines: Engines = "auto"
    """Number of engines, or `{min = 1, max = 8}`. auto is one for each GPU. Without GPUs it is up to one for each core
    while memory holds them and half of the trials still wait for a slot. A range or auto never has more than there are
    trials to train, and asks a cluster that can grow for more than it has room for."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where engines run. auto is cuda where the cluster has a GPU or says that it can add one."""
    gpus_per_engine: int = Field(1, ge=1, le=MOST_GPUS)
    """GPUs of one node over which the layers of an engine's backbone are spread, for a backbone that one GPU does not
    hold. More than one implies GPUs, takes the package `accelerate`, and tunes no backbone."""
    accelerator_type: str | None = Field(None, min_length=1)
    """Kind of GPU, as Ray names it: `A100`, `H100`, `L4`. Implies GPUs."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels that a node of the cluster must have, such as `{zone = "eu-1"}`. Values may be `!x`, `in(a,b)` and
    `!in(a,b)`."""
    reserve: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Custom resources of Ray that each engine reserves, by name."""
    engines_within_s: float = Field(900.0, gt=0)
    """Seconds that the search waits while no engine is ready, before it ends with an error. It can be resumed."""
    silent_s: float = Field(120.0, ge=1)
    """Seconds after which an engine that does not answer is replaced. One that answers and makes no progress is
    replaced after five times as long, or after twenty times its longest pass if that is more."""
    token_budget: Annotated[int, Field(ge=64)] | Literal["auto"] = "auto"  # noqa: S105 - tokens of text
    """Most tokens, padding included, in one pass of an engine. auto is as many as its device can use and hold. A larger
    mini-batch is trained in parts, whose gradients add up."""
    cache_gb: float = Field(4.0, ge=0.0)
    """Disk that a node may spend on results that can be computed again: hidden states below the first prompted layer,
    tokens of large data and, on a quarter of it, weights in another type than the checkpoint's. 0 keeps nothing."""
    checkpointing: Literal["auto", "always", "never"] = "auto"
    """Whether backward passes compute each layer anew instead of keeping it. `auto` does so once a single example
    does not fit into memory. Encoder-decoders, ALBERT, DeBERTa and trials that tune the backbone or train with its
    dropout never do."""
    compile: bool = False
    """Whether what lies between attention and attention in each layer is compiled (`torch.compile`). The first passes
    then take minutes, which `silent_s` must allow for. Trials that tune the backbone or train with its dropout run as
    it is. A backbone that runs as a whole, is quantized or is spread over GPUs is refused."""
    unpadded: bool = False
    """Whether the layers compute on the tokens of a pass without its padding; attention alone takes rows. Trials that
    tune the backbone or train with its dropout run as they are. A backbone that runs as a whole is refused."""
    unpadded_attention: bool = False
    """Whether attention takes those tokens as they are, too, which a kernel of GPUs does in half precision. It needs
    `unpadded = true`. What that refuses is refused here, too, and so are `dtype = "float32"`, `device = "cpu"`, and
    families whose tokens may not see their whole rows (sliding windows, ModernBERT, Gemma)."""
    cuda_graphs: bool = False
    """Whether training passes on a GPU are captured when a shape first comes, and replayed from then on. Passes whose
    trials join at several depths run as they are. The graphs hold as much memory as the largest pass, which is
    counted, and give it back where memory is short. What `compile` refuses is refused here, too, and so are `compile`,
    `unpadded` and `checkpointing = "always"` beside it."""
    flat_gradients: bool = False
    """Whether the gradients of trials that train up to two million numbers are clipped in one flat tensor, for all of
    them at once. It saves a GPU about ten launches for each trial of a pass, and costs CPUs time."""

    @property
    def most_engines(self) -> int | None:
        """The most engines that the job asks for; None where the cluster and the trials decide."""
        if isinstance(self.engines, EngineRange):
            return self.engines.max
        return None if self.engines == "auto" else self.engines

    @field_validator("engines", mode="before")
    @classmethod
    def _one_of_three(cls, engines: Any) -> Any:
        """One message for what is none of the three forms, where pydantic has one for each."""
        if isinstance(engines, dict | EngineRange) or engines == "auto":
            return engines
        if isinstance(engines, int) and not isinstance(engines, bool) and engines >= 1:
            return engines
        forms = "'auto', a number from 1 on, or {min = 1, max = 8}"
        raise broken(f"Input should be {forms}{got(engines, forms)}")

    @field_validator("labels")
    @classmethod
    def _labels_of_ray(cls, labels: dict[str, str]) -> dict[str, str]:
        for key, value in labels.items():
            if not _LABEL_KEY.fullmatch(key):
                raise broken(f"a label is letters, digits and . _ - with an optional prefix before a /, got {key!r}")
            if not _LABEL_VALUE.fullmatch(value):
                raise broken(f"the value of label {key} should be x, !x, in(a,b) or !in(a,b), got {value!r}")
        return labels

    @field_validator("reserve")
    @classmethod
    def _only_custom(cls, reserve: dict[str, float]) -> dict[str, float]:
        for name in reserve:
            if name in _STATED_ELSEWHERE:
                raise broken(f"{name} is no custom resource: ptune decides how much of it an engine reserves")
        return reserve

    @model_validator(mode="after")
    def _gpus_where_their_kind_is_named(self) -> Self:
        if self.accelerator_type is not None and self.device == "cpu":
            law = f"accelerator_type {self.accelerator_type!r} is a GPU's, but device is 'cpu'"
            raise refusal(type(self), [Problem(("accelerator_type",), law)])
        if self.gpus_per_engine > 1 and self.device == "cpu":
            law = f"gpus_per_engine = {self.gpus_per_engine} asks for GPUs, but device is 'cpu'; 1 is what CPUs allow"
            raise refusal(type(self), [Problem(("gpus_per_engine",), law)])
        return self


def suits(labels: Mapping[str, str], selector: Mapping[str, str]) -> bool:
    """Whether a node's labels are those that a job asks for, as Ray reads `resources.labels`."""
    return all(_suits(labels.get(key), wanted) for key, wanted in selector.items())


def _suits(value: str | None, wanted: str) -> bool:
    form = _LABEL_VALUE.fullmatch(wanted)
    assert form is not None, "a job's labels have been checked"
    choices = [form["value"]] if form["choices"] is None else [choice.strip() for choice in form["choices"].split(",")]
    return (value in choices) != wanted.startswith("!")
