"""The task: what is predicted, from which data, and which metric the search improves. Each kind has a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from ptune.errors import nearest
from ptune.spec.any_task import NEEDS_TEXT, TEXT, AnyTask, Read
from ptune.spec.data import (
    ChoiceData,
    ClassificationData,
    ClozeData,
    Data,
    EntityData,
    GenerationData,
    HeadName,
    InfillData,
    MultilabelData,
    RegressionData,
    SpanData,
    TokensData,
)
from ptune.spec.problem import Place, Problem
from ptune.spec.strict import broken, refusal

DEFAULT_KIND = "classification"
GROUPED = "exact_groups"
"""The metric of whole groups. It is reported if the data names groups."""


def _check_metric(metric: str, metrics: Sequence[str]) -> None:
    """A metric, or several joined by `+`, whose mean is the objective."""
    names = metric.split("+")
    for name in names:
        if name not in metrics:
            raise broken(
                f"metric must be one of {', '.join(metrics)}, or several joined by '+', got {metric!r}"
                f"{nearest(name, metrics)}"
            )
    if len(set(names)) < len(names):
        raise broken(f"metric must name each metric once, got {metric!r}")
    if len(set(map(is_minimized, names))) > 1:
        minimized = ", ".join(name for name in names if is_minimized(name))
        maximized = ", ".join(name for name in names if not is_minimized(name))
        raise broken(
            f"metric {metric!r} is a mean of metrics that differ in direction: less is better of {minimized}, "
            f"more of {maximized}"
        )


class _Sets(AnyTask):
    """A task over one data set, or several that share a prompt (P-Tuning v2, section 3.3, "multi-task learning")."""

    @property
    def sets(self) -> list[Data]:
        """The data sets, in order."""
        first: Data = self.data  # type: ignore[attr-defined]
        return [first, *self.more]  # type: ignore[attr-defined]

    @property
    def set_names(self) -> list[str]:
        """What reports call each data set."""
        return [data.name or f"set{number}" for number, data in enumerate(self.sets, 1)]

    @property
    def set_places(self) -> list[Place]:
        """Where each data set stands in a job."""
        return [("task", "data"), *(("task", "more", number) for number in range(len(self.sets) - 1))]

    @property
    def template_places(self) -> list[Place]:
        """Where each data set's template stands in a job."""
        return [(*place, "template") for place in self.set_places]

    @property
    def reported(self) -> Sequence[str]:
        """The metrics that trials report of each data set and that a search may improve."""
        return METRICS[self.kind]  # type: ignore[attr-defined]

    @property
    def shares(self) -> Sequence[str]:
        """The metrics that are shares of examples, of which each is right or wrong by itself."""
        return SHARES[self.kind]  # type: ignore[attr-defined]

    @model_validator(mode="after")
    def _named_apart(self) -> Self:
        if len(set(self.set_names)) != len(self.sets):
            raise broken(f"data sets must have names that differ, got {self.set_names}")
        _check_metric(self.metric, METRICS[self.kind])  # type: ignore[attr-defined]
        return self


class Classification(_Sets):
    """One label for each input."""

    class_loss: ClassVar[bool] = True
    labelled: ClassVar[bool] = True
    other_head: ClassVar[str] = "a verbalizer needs its words: state task.data.verbalizer"

    kind: Literal["classification"] = "classification"
    """What is predicted for one input."""
    data: ClassificationData
    more: list[ClassificationData] = Field(default_factory=list)
    """Further data sets, trained together with `data`: a shared prompt, a head for each."""
    metric: str = "accuracy"
    """What the search improves on the dev split: one metric, or the mean of several, such as `accuracy+macro_f1`."""

    @model_validator(mode="after")
    def _groups_to_count(self) -> Self:
        if GROUPED in self.metric.split("+") and not self.grouped:
            law = f"{GROUPED} counts groups, and a data set names none: state group, the column that holds them"
            raise refusal(type(self), [Problem(("metric",), law)])
        return self

    @property
    def grouped(self) -> bool:
        """Whether every data set names the groups that `exact_groups` counts."""
        return all(data.group is not None for data in [self.data, *self.more])

    @property
    def reported(self) -> Sequence[str]:
        """The metrics; that of groups only if there are groups."""
        return [name for name in METRICS[self.kind] if name != GROUPED or self.grouped]

    @property
    def shares(self) -> Sequence[str]:
        """None where the examples of a group, such as the answers to one question, are right or wrong together."""
        return [] if any(data.group is not None for data in [self.data, *self.more]) else super().shares

    @property
    def language(self) -> bool:
        """Whether any data set has a verbalizer."""
        return any(data.verbalizer is not None for data in self.sets if isinstance(data, ClassificationData))

    @property
    def default_head(self) -> HeadName:
        """The verbalizer, if one is stated."""
        return "verbalizer" if self.language else "linear"

    @property
    def heads(self) -> Sequence[HeadName]:
        """A trained head, and the verbalizer if one is stated."""
        return ("linear", "verbalizer") if self.language else ("linear",)


class Multilabel(_Sets):
    """Any number of labels for each input; the dev split decides from which probability each label is given."""

    labelled: ClassVar[bool] = True
    always: ClassVar[str] = "the commonest label"
    decides: ClassVar[bool] = True

    kind: Literal["multilabel"]
    data: MultilabelData
    more: list[MultilabelData] = Field(default_factory=list)
    """Further data sets, trained together with `data`: a shared prompt, a head for each."""
    metric: str = "micro_f1"
    """What the search improves on the dev split."""


class Regression(_Sets):
    """One number for each input, such as how similar two sentences are."""

    always: ClassVar[str] = "the mean"

    kind: Literal["regression"]
    data: RegressionData
    more: list[RegressionData] = Field(default_factory=list)
    """Further data sets, trained together with `data`: a shared prompt, a head for each."""
    metric: str = "mse"
    """What the search improves on the dev split: one metric, or the mean of several, such as `pearson+spearman`."""


class _Worded(_Sets):
    """A task that the language head answers."""

    @property
    def language(self) -> bool:
        """Always."""
        return True

    @property
    def default_head(self) -> HeadName:
        """The language head."""
        return "verbalizer"


class Cloze(_Worded):
    """The object of a fact, named by the language model itself (LAMA; "GPT Understands, Too", section 4.1)."""

    class_loss: ClassVar[bool] = True
    prompts_by_set: ClassVar[bool] = True

    kind: Literal["cloze"]
    data: ClozeData
    metric: str = "p_at_1"
    """What the search improves. `p_at_1` is the share of objects that are named first, averaged over relations."""

    @property
    def more(self) -> list[ClozeData]:
        """The second and further relations."""
        return self._relations()[1:]

    @property
    def sets(self) -> list[Data]:
        """The data of each relation."""
        return list(self._relations())

    @property
    def set_places(self) -> list[Place]:
        """Where the relations stand in a job: all in the same table."""
        return [("task", "data")] * len(self.sets)

    @property
    def template_places(self) -> list[Place]:
        """One template for all relations, or a table of them."""
        if self.data.templates is None:
            return super().template_places
        return [("task", "data", "templates", name) for name in self.set_names]

    def _relations(self) -> list[ClozeData]:
        if self.data.relations is None:
            return [self.data]
        return [self.data.of_relation(relation) for relation in self.data.relations]


class Tokens(_Sets):
    """A tag for each word: named entities, semantic roles."""

    class_loss: ClassVar[bool] = True
    labelled: ClassVar[bool] = True
    read: ClassVar[tuple[Read, ...]] = TEXT
    needs: ClassVar[str] = NEEDS_TEXT

    kind: Literal["tokens"]
    data: TokensData
    more: list[TokensData] = Field(default_factory=list)
    """Further data sets, trained together with `data`: a shared prompt, a head for each."""
    metric: str = "f1"
    """What the search improves: micro F1 of entities (seqeval)."""


class Span(_Sets):
    """The stretch of a context that answers a question."""

    read: ClassVar[tuple[Read, ...]] = TEXT
    needs: ClassVar[str] = NEEDS_TEXT

    kind: Literal["span"]
    data: SpanData
    more: list[SpanData] = Field(default_factory=list)
    """Further data sets, trained together with `data`: a shared prompt, a head for each."""
    metric: str = "f1"
    """What the search improves."""


class Choice(_Sets):
    """The right one of several candidates."""

    class_loss: ClassVar[bool] = True
    other_head: ClassVar[str] = 'state task.head = "verbalizer"'

    kind: Literal["choice"]
    data: ChoiceData
    more: list[ChoiceData] = Field(default_factory=list)
    """Further data sets, trained together with `data`: a shared prompt, a head for each."""
    metric: str = "accuracy"
    """What the search improves."""
    loss: Literal["softmax", "hinge"] = "softmax"
    """`softmax` over the candidates, or `hinge`: the right candidate must lead by a margin of 1."""
    head: HeadName = "linear"
    """`linear` scores each candidate from its features; `verbalizer` by the language head's probability of the
    candidate's own tokens at [MASK] (P-tuning v1's COPA)."""

    @property
    def smooths(self) -> bool:
        """Unless the candidates are told apart by a margin."""
        return self.loss == "softmax"

    @property
    def language(self) -> bool:
        """Whether the language head scores candidates."""
        return self.head == "verbalizer"

    @property
    def default_head(self) -> HeadName:
        """As stated."""
        return self.head

    @property
    def heads(self) -> Sequence[HeadName]:
        """A trained head, and the language head if the task states it."""
        return ("linear", "verbalizer") if self.language else ("linear",)


class Infill(_Worded):
    """Whether a candidate is what the language head writes into masks ("GPT Understands, Too", section 4.2, WSC)."""

    read: ClassVar[tuple[Read, ...]] = ("first",)
    needs: ClassVar[str] = "needs a masked language model"

    kind: Literal["infill"]
    data: InfillData
    more: list[InfillData] = Field(default_factory=list)
    """Further data sets, trained together with `data`: a shared prompt."""
    metric: str = "accuracy"
    """What the search improves."""


class Entity(_Sets):
    """The entity of a passage that fills the place which a query leaves open (ReCoRD)."""

    class_loss: ClassVar[bool] = True
    always: ClassVar[str] = "the entity at the likeliest place"

    kind: Literal["entity"]
    data: EntityData
    more: list[EntityData] = Field(default_factory=list)
    """Further data sets, trained together with `data`: a shared prompt, a head for each."""
    metric: str = "f1"
    """What the search improves."""


class Generation(_Worded):
    """A text, written by a causal language model or an encoder-decoder (prefix tuning; Li and Liang 2021)."""

    class_loss: ClassVar[bool] = True
    read: ClassVar[tuple[Read, ...]] = ("last", "decoder")
    needs: ClassVar[str] = "needs a causal language model or an encoder-decoder"

    kind: Literal["generation"]
    data: GenerationData
    more: list[GenerationData] = Field(default_factory=list)
    """Further data sets, trained together with `data`: a shared prompt."""
    metric: str = "bleu"
    """What the search improves."""


METRICS: dict[str, tuple[str, ...]] = {
    "classification": ("accuracy", "macro_f1", "f1", "matthews", GROUPED, "loss"),
    "multilabel": ("micro_f1", "macro_f1", "map", "subset_accuracy", "loss"),
    "regression": ("mse", "mae", "pearson", "spearman", "loss"),
    "cloze": ("p_at_1", "p_at_10", "mrr", "loss"),
    "tokens": ("f1", "precision", "recall", "accuracy", "loss"),
    "span": ("f1", "exact_match", "loss"),
    "choice": ("accuracy", "loss"),
    "entity": ("exact_match", "f1", "loss"),
    "infill": ("accuracy", "loss"),
    "generation": ("bleu", "chrf", "exact_match", "loss", "perplexity"),
}
"""Metrics that a search may improve, by kind. The files of the kinds define them."""
SHARES: dict[str, tuple[str, ...]] = {
    "classification": ("accuracy",),
    "multilabel": ("subset_accuracy",),
    "regression": (),
    "cloze": ("p_at_1", "p_at_10"),
    "tokens": (),
    "span": ("exact_match",),
    "choice": ("accuracy",),
    "entity": ("exact_match",),
    "infill": ("accuracy",),
    "generation": ("exact_match",),
}
"""Of these metrics, the shares of examples that are right, each by itself. A tagger's accuracy is a share of words, and
the words of a sentence are right or wrong together."""
MINIMIZED = frozenset({"loss", "perplexity", "mse", "mae"})
"""Metrics of which less is better. Of all others more is better."""
CORRELATIONS = frozenset({"matthews", "pearson", "spearman"})
"""Metrics that lie between -1 and 1. All others of which more is better are shares, between 0 and 1."""


def is_minimized(metric: str) -> bool:
    """Whether less is better of a metric: a single one (`loss`), a mean (`a+b`) or one of a data set (`a.NAME`)."""
    return metric.partition("+")[0].partition(".")[0] in MINIMIZED


def _kind_of(value: Any) -> str | None:
    if isinstance(value, dict):
        kind = value.get("kind", DEFAULT_KIND)
        return kind if isinstance(kind, str) else None
    return getattr(value, "kind", None)


Task = Annotated[
    Annotated[Classification, Tag("classification")]
    | Annotated[Multilabel, Tag("multilabel")]
    | Annotated[Regression, Tag("regression")]
    | Annotated[Cloze, Tag("cloze")]
    | Annotated[Tokens, Tag("tokens")]
    | Annotated[Span, Tag("span")]
    | Annotated[Choice, Tag("choice")]
    | Annotated[Entity, Tag("entity")]
    | Annotated[Infill, Tag("infill")]
    | Annotated[Generation, Tag("generation")],
    Discriminator(_kind_of),
]
