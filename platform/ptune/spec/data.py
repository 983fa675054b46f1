"""What the columns of a data set mean. Each kind of task has a model, on a common base."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ptune.spec.class_weights import ClassWeights, weights_law
from ptune.spec.problem import Problem
from ptune.spec.source import Source
from ptune.spec.strict import broken, refusal

Labels = Annotated[list[str], Field(min_length=2)]
Words = str | Annotated[list[str], Field(min_length=1)]
"""One label's word, or several."""
CHOICE = "choice"
"""What templates call the candidate of a multiple choice."""


class Labelled(Source):
    """Texts with a column of answers."""

    text: list[str] = Field(default_factory=lambda: ["text"], min_length=1, max_length=8)
    """Text columns, in the order in which an input without a template has them."""
    label: str = "label"
    """Label column."""

    @property
    def fields(self) -> list[str]:
        """The text columns."""
        return self.text

    @model_validator(mode="after")
    def _distinct_names(self) -> Self:
        if len({*self.text, self.label}) != len(self.text) + 1:
            raise ValueError(f"text and label must name different columns, got text={self.text}, label={self.label!r}")
        return self


class ClassificationData(Labelled):
    """One label for each input."""

    masked: ClassVar[bool] = True
    labels: Labels | None = None
    """Label values in the order of the head's outputs; None takes those of the training split, sorted."""
    verbalizer: dict[str, Words] | None = None
    """The word, or words, that stand for each label at the template's [MASK]; each must be a single token."""
    class_weights: ClassWeights | None = None
    """How much each label counts in training: `balanced`, by how rare it is there, or a table; None is all alike."""
    group: str | None = None
    """Column whose equal values make one question. `exact_groups` is the share of questions with only right answers."""

    @model_validator(mode="after")
    def _distinct_labels(self) -> Self:
        if self.labels is not None and len(set(self.labels)) != len(self.labels):
            raise ValueError(f"labels must differ from each other, got {self.labels}")
        if self.labels is not None and (law := weights_law(self.class_weights, self.labels)) is not None:
            raise broken(law)
        if self.labels is not None and self.verbalizer is not None and set(self.verbalizer) != set(self.labels):
            raise broken(
                f"verbalizer must hold a word for every label and no other, "
                f"got {sorted(self.verbalizer)} for the labels {sorted(self.labels)}"
            )
        return self


class MultilabelData(Labelled):
    """Any number of labels for each input."""

    label: str = "labels"
    """Column of the labels: a list, or a text in which a separator stands between them. It may be empty."""
    labels: Labels | None = None
    """Label values in the order of the head's outputs; None takes those of the training split, sorted."""
    separator: str | None = Field(None, min_length=1)
    """What stands between the labels of a text, such as `|`; None is a column of lists."""
    label_columns: Labels | None = None
    """Columns of 0 and 1 in place of `label`, one for each label, whose name it has; in the order of the head's
    outputs."""

    @model_validator(mode="after")
    def _distinct_labels(self) -> Self:
        if self.labels is not None and len(set(self.labels)) != len(self.labels):
            raise ValueError(f"labels must differ from each other, got {self.labels}")
        return self

    @model_validator(mode="after")
    def _one_place_for_labels(self) -> Self:
        if self.label_columns is None:
            return self
        names, default = [*self.text, *self.label_columns], type(self).model_fields["label"].default
        if len(set(names)) != len(names):
            raise broken(f"label_columns must differ from each other and from text, got {self.label_columns}")
        further = [key for key in ("labels", "separator") if getattr(self, key) is not None]
        further += ["label"] if self.label != default else []
        if further:
            raise broken(
                f"state label_columns or {further[0]}, not both, got {further[0]}={getattr(self, further[0])!r}"
            )
        return self


class RegressionData(Labelled):
    """One number for each input; the label column holds it."""

    kind_labels: ClassVar[tuple[str, ...]] = ()


class ClozeData(Labelled):
    """Facts: a subject, and an object that the language model is to name at [MASK]."""

    masked: ClassVar[bool] = True
    word_labels: ClassVar[bool] = True
    text: list[str] = Field(default_factory=lambda: ["sub_label"], min_length=1, max_length=8)
    """Subject column."""
    label: str = "obj_label"
    """Object column. Facts whose object is not a single token of the vocabulary are left out and counted."""
    relations: Annotated[list[str], Field(min_length=1)] | None = None
    """Relations. Each has a prompt and files of its own; `{relation}` stands for its name. None is one relation."""
    templates: dict[str, str] | None = None
    """The template of each relation, if they differ: manual prompts such as `{sub_label} is in [MASK].`"""
    vocabulary: str | None = None
    """File of the words that may be answers, one on each line or a JSON list. None takes every object of the
    relation's splits."""

    def of_relation(self, relation: str) -> ClozeData:
        """The data of one of the relations."""
        changes = {
            key: value.replace("{relation}", relation)
            for key in ("train", "dev", "test", "template")
            if (value := getattr(self, key)) is not None
        }
        if self.templates is not None:
            changes["template"] = self.templates[relation]
        return self.model_copy(update={**changes, "name": relation, "relations": None, "templates": None})

    @property
    def files(self) -> dict[str, str]:
        """The splits, and the vocabulary if it is a file."""
        return super().files | ({} if self.vocabulary is None else {"vocabulary": self.vocabulary})

    @model_validator(mode="after")
    def _each_relation_apart(self) -> Self:
        if self.templates is not None and set(self.templates) != set(self.relations or []):
            raise broken(
                f"templates must hold one for each relation and no other, got {sorted(self.templates)} for the "
                f"relations {sorted(self.relations or [])}"
            )
        if self.templates is not None and self.template is not None:
            raise broken(f"state template or templates, not both, got template={self.template!r}")
        if self.relations is not None and len(self.relations) > 1 and "{relation}" not in self.train:
            raise broken(f"several relations need {{relation}} in the names of their files, got train={self.train!r}")
        return self


class TokensData(Source):
    """A tag for each word of a sentence."""

    tagged: ClassVar[bool] = True
    whole_texts: ClassVar[str] = "every word is tagged where it stands"
    words: str = "words"
    """Column of the sentence's words, as a list."""
    tags: str = "tags"
    """Column of the words' tags, as a list of the same length; BIO tags for entities and arguments."""
    text: list[str] = Field(default_factory=list, max_length=2)
    """Further text columns behind the sentence, such as the predicate in semantic role labelling."""
    labels: Labels | None = None
    """Tags in the order of the head's outputs; None takes those of the training split, sorted."""
    class_weights: ClassWeights | None = None
    """How much each tag counts in training: `balanced`, by how rare it is there, or a table; None is all alike."""

    @model_validator(mode="after")
    def _weighs_its_labels(self) -> Self:
        if self.labels is not None and (law := weights_law(self.class_weights, self.labels)) is not None:
            raise broken(law)
        return self

    @property
    def fields(self) -> list[str]:
        """The sentence, then further texts."""
        return [self.words, *self.text]


class SpanData(Source):
    """A question about a context, answered by a stretch of it or not at all (SQuAD 1.1 and 2.0)."""

    whole_texts: ClassVar[str] = "answers are cut from a context as it stands"
    question: str = "question"
    """Question column."""
    context: str = "context"
    """Context column."""
    answers: str = "answers"
    """Column of `{text = [...], answer_start = [...]}`; empty lists mean that the context has no answer."""
    max_length: int = Field(384, ge=8)
    """Longest input in tokens, prompt tokens of v1 included. A longer context is cut into overlapping windows."""
    stride: int | None = Field(None, ge=0)
    """Tokens that neighbouring windows of a long context share. None is 128, or half of a window if that is less."""
    max_answer: int = Field(30, ge=1)
    """Longest answer in tokens."""
    best: int = Field(20, ge=1)
    """How many starts and ends of each window are paired up (n-best)."""

    @property
    def overlap(self) -> int:
        """Tokens that neighbouring windows share, provided that each has room for twice as many."""
        return 128 if self.stride is None else self.stride

    @model_validator(mode="after")
    def _windows_advance(self) -> Self:
        half = self.max_length // 2
        if self.stride is not None and self.stride > half:
            law = f"stride <= {half}, half of max_length = {self.max_length}, must hold, got {self.stride}"
            raise refusal(type(self), [Problem(("stride",), law)])
        return self

    @property
    def fields(self) -> list[str]:
        """The question, then the context."""
        return [self.question, self.context]


class ChoiceData(Labelled):
    """Several candidates for one input; the label is the number of the right one."""

    whole_texts: ClassVar[str] = "candidates are scored as they stand"
    text: list[str] = Field(default_factory=lambda: ["premise", "question"], min_length=1, max_length=8)
    """Text columns that all candidates share."""
    choices: Annotated[list[str], Field(min_length=2)] = Field(default_factory=lambda: ["choice1", "choice2"])
    """Columns of the candidates. A template calls a row's own candidate `{choice}`. Candidates that every row holds
    under their names are text columns, too."""

    @property
    def columns(self) -> list[str]:
        """The shared columns, then the candidates' columns that are not among them."""
        return list(dict.fromkeys([*self.text, *self.choices]))

    @model_validator(mode="after")
    def _names_apart(self) -> Self:
        if len(set(self.choices)) != len(self.choices) or self.label in self.choices:
            raise broken(
                f"choices must differ from each other and from the label, got {self.choices}, label={self.label!r}"
            )
        if CHOICE in self.text:
            raise broken(
                f"text may not hold a column {CHOICE!r}, which is how a template calls the candidate; rename it"
            )
        return self

    @property
    def fields(self) -> list[str]:
        """The shared texts, then the candidate."""
        return [*self.text, CHOICE]


class InfillData(Labelled):
    """A candidate whose words are written into masks; the label says whether it is the right one (WSC)."""

    whole_texts: ClassVar[str] = "candidates are scored as they stand"
    kind_labels: ClassVar[tuple[str, ...]] = ("false", "true")
    span: str = "span1_text"
    """Column of the candidate. A template names the place where it stands as masks."""

    @property
    def fields(self) -> list[str]:
        """The texts, then the candidate."""
        return [*self.text, self.span]


class EntityData(Source):
    """A query about a passage, with a place that one of the passage's entities fills (ReCoRD)."""

    kind_labels: ClassVar[tuple[str, ...]] = ("other", "answer")
    passage: str = "passage"
    """Passage column."""
    query: str = "query"
    """Query column."""
    entities: str = "entities"
    """Column of the entities: texts, or `{start, end}` (the first and the last character) in the passage."""
    answers: str = "answers"
    """Column of the accepted answers, in the same form."""
    placeholder: str = Field("@placeholder", min_length=1)
    """What each entity replaces in the query."""

    @property
    def fields(self) -> list[str]:
        """The passage, then the query with an entity in its place."""
        return [self.passage, self.query]

    @property
    def columns(self) -> list[str]:
        """The passage, the query and the entities."""
        return [*self.fields, self.entities]

    @model_validator(mode="after")
    def _distinct_columns(self) -> Self:
        names = [*self.columns, self.answers]
        if len(set(names)) != len(names):
            raise broken(f"passage, query, entities and answers must name different columns, got {names}")
        return self


class GenerationData(Source):
    """A text to be written for each input."""

    kind_labels: ClassVar[tuple[str, ...]] = ()
    text: list[str] = Field(default_factory=lambda: ["text"], min_length=1, max_length=8)
    """Text columns of the input."""
    target: str = "target"
    """Column of the text to write."""
    max_target: int = Field(64, ge=2)
    """Longest written text in tokens, its end included. A longer target is cut, and writing stops there."""

    @property
    def longest_target(self) -> int:
        """The target's limit."""
        return self.max_target

    @property
    def fields(self) -> list[str]:
        """The text columns."""
        return self.text


Data = (
    ClassificationData
    | MultilabelData
    | RegressionData
    | ClozeData
    | TokensData
    | SpanData
    | ChoiceData
    | EntityData
    | InfillData
    | GenerationData
)
HeadName = Literal["linear", "verbalizer"]
