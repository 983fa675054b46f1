"""The prompts of one server: loaded onto one backbone, asked by name, and answered together. Knows no HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self, TypeAlias

from ptune.artifacts.artifact import Artifact
from ptune.artifacts.inputs import Many, rows
from ptune.artifacts.load import load_artifact
from ptune.artifacts.predict import Inquiry, Predictor, answer, find_backbone
from ptune.backbone.backbone import Backbone
from ptune.backbone.footprint import FASTEST
from ptune.errors import ArtifactError, DataError, SpecError, nearest
from ptune.tasks.kind import Prediction

_CHARACTERS = 4  # of a token, about: enough to tell how many requests fill a pass


@dataclass(frozen=True)
class Question:
    """What one request asks.

    Attributes:
        prompt: the prompt's name.
        data_set: which of its data sets the inputs are like; None is the only one.
        texts: the inputs, with a text for each name.
        tokens: how many they have, estimated.
    """

    prompt: str
    data_set: str | None
    texts: Sequence[tuple[str, ...]]
    tokens: int


@dataclass(frozen=True)
class Entry:
    """What a server says of one of its prompts."""

    name: str
    task: str
    method: str
    data_sets: dict[str, DataSetEntry]


@dataclass(frozen=True)
class DataSetEntry:
    """One data set of a prompt: the names of an input's texts, and the labels."""

    inputs: list[str]
    labels: list[str]


Answer: TypeAlias = list[Prediction] | DataError
"""A prediction for each input of a question, or why it cannot be answered."""


class UnknownPromptError(SpecError):
    """A server has no such prompt."""


class Catalogue:
    """Prompts by name.

    Attributes:
        predictors: the prompts, each on the backbone that all share.
    """

    def __init__(self, predictors: Mapping[str, Predictor]) -> None:
        self.predictors = dict(predictors)

    @classmethod
    def load(
        cls,
        folders: Mapping[str, Path],
        backbone_id: str | None = None,
        device: str = "auto",
        dtype: str | None = None,
    ) -> Self:
        """Load artifacts and the backbone that they were trained on.

        Args:
            folders: the artifacts by name, at least one.
            backbone_id: where the backbone is, if not where the first artifact says.
            device: `cpu`, `cuda`, or `auto`: a GPU if there is one.
            dtype: type of the backbone's weights: `float32`, `bfloat16` or `auto`; None is that of the training, and
                float32 where the prompts differ in it.

        Raises:
            ArtifactError: an artifact cannot be read, or was trained on another backbone than the first.
            BackboneError: the backbone cannot be found or loaded.
        """
        artifacts = {name: load_artifact(folder) for name, folder in folders.items()}
        _check_alike(artifacts)
        types = {artifact.manifest.backbone.dtype for artifact in artifacts.values()}
        dtype = dtype or (types.pop() if len(types) == 1 else "float32")
        backbones = _backbones(list(artifacts.values()), backbone_id, device, dtype)
        return cls(
            {
                name: Predictor(artifact, backbones[artifact.manifest.backbone.pooled])
                for name, artifact in artifacts.items()
            }
        )

    @property
    def useful_tokens(self) -> int:
        """Tokens above which a pass gets no faster on the backbone's device."""
        return FASTEST[next(iter(self.predictors.values())).backbone.device.type]

    @property
    def entries(self) -> list[Entry]:
        """What there is to ask."""
        return [
            Entry(
                name,
                predictor.artifact.manifest.task.kind,
                predictor.artifact.manifest.prompt.method,
                {
                    data_set: DataSetEntry(predictor.inputs(data_set), predictor.labels(data_set))
                    for data_set in predictor.artifact.manifest.set_names
                },
            )
            for name, predictor in self.predictors.items()
        ]

    def question(self, inputs: Many, prompt: str | None = None, data_set: str | None = None) -> Question:
        """Check what a request asks.

        Args:
            inputs: a list of inputs, see `ptune.artifacts.inputs.rows`.
            prompt: name of the prompt; None is the only one.
            data_set: which of the prompt's data sets the inputs are like; None is the only one.

        Raises:
            UnknownPromptError: there is no such prompt, or there are several and none is named.
            ArtifactError: the prompt has no such data set, or several and none is named.
            DataError: an input is of another type, has another number of texts, or an empty one.
        """
        names = list(self.predictors)
        if prompt is None and len(names) > 1:
            raise UnknownPromptError(f"name the prompt that is asked (there are: {', '.join(names)})")
        if prompt is not None and prompt not in self.predictors:
            raise UnknownPromptError(
                f"there is no prompt {prompt!r}{nearest(prompt, names)} (there are: {', '.join(names)})"
            )
        name = names[0] if prompt is None else prompt
        predictor = self.predictors[name]
        texts = rows(inputs, predictor.inputs(data_set))
        longest = predictor.data(data_set).max_length
        tokens = sum(min(longest, 2 + sum(map(len, values)) // _CHARACTERS) for values in texts)
        return Question(name, data_set, texts, tokens)

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """The answers to questions, in order.

        Raises:
            torch.OutOfMemoryError: memory does not hold the largest input alone.
        """
        answers: list[Answer] = [[] for _ in questions]
        replies: Sequence[Answer]
        inquiries: list[tuple[list[int], Inquiry]] = []
        for places in _alike(questions):
            try:
                inquiries.append((places, self._asked([questions[place] for place in places])))
            except DataError:  # some input cannot be encoded: each question is asked by itself, to find it
                for place in places:
                    try:
                        inquiries.append(([place], self._asked([questions[place]])))
                    except DataError as error:
                        answers[place] = error
        try:
            replies = answer([inquiry for _, inquiry in inquiries])
        except ArtifactError:  # a prompt gives no numbers: each is asked by itself, so that others answer
            replies = [_alone(inquiry) for _, inquiry in inquiries]
        for (places, _), predictions in zip(inquiries, replies, strict=True):
            if isinstance(predictions, DataError):
                answers = [predictions if index in places else earlier for index, earlier in enumerate(answers)]
                continue
            remaining = iter(predictions)
            for place in places:
                answers[place] = [next(remaining) for _ in questions[place].texts]
        return answers

    def _asked(self, questions: Sequence[Question]) -> Inquiry:
        """The inputs of questions to one prompt, encoded."""
        first = questions[0]
        texts = [values for question in questions for values in question.texts]
        return self.predictors[first.prompt].asked(texts, first.data_set)


def _alone(inquiry: Inquiry) -> Answer:
    """The answers to the inputs of one inquiry, or why there are none."""
    try:
        return answer([inquiry])[0]
    except ArtifactError as error:
        return DataError(str(error))


def _alike(questions: Sequence[Question]) -> list[list[int]]:
    """The places of the questions to each prompt; those without inputs are left out."""
    groups: dict[tuple[str, str | None], list[int]] = {}
    for place, question in enumerate(questions):
        if question.texts:
            groups.setdefault((question.prompt, question.data_set), []).append(place)
    return list(groups.values())


def _check_alike(artifacts: Mapping[str, Artifact]) -> None:
    """Refuse prompts of different backbones."""
    (first, reference), *others = artifacts.items()
    expected = reference.manifest.backbone
    for name, artifact in others:
        origin = artifact.manifest.backbone
        if origin.hash != expected.hash or _differ(origin.settings, expected.settings):
            raise ArtifactError(
                f"the prompts of one server share a backbone: {first} was trained on {expected.id} (sha256 "
                f"{expected.hash}), {name} on {origin.id} (sha256 {origin.hash}); start a server for each"
            )
        if origin.quantization != expected.quantization:
            raise ArtifactError(
                f"the prompts of one server share a backbone: {first} was trained on it with matrices in "
                f"{expected.quantization or expected.dtype}, {name} in {origin.quantization or origin.dtype}; start a "
                "server for each"
            )


def _differ(settings: Mapping[str, str] | None, expected: Mapping[str, str] | None) -> bool:
    return settings is not None and expected is not None and settings != expected


def _backbones(
    artifacts: Sequence[Artifact], backbone_id: str | None, device: str, dtype: str
) -> dict[Literal[True, False], Backbone]:
    """The backbone with its pooler, and without: the same weights for prompts that were trained either way."""
    first = artifacts[0]
    lm = any(artifact.manifest.language for artifact in artifacts)
    pooled = any(artifact.manifest.backbone.pooled for artifact in artifacts)
    backbone = find_backbone(first, backbone_id, device, dtype, lm=lm)
    # A backbone that is loaded with its language head leaves its pooler out.
    pooler = find_backbone(first, backbone_id, device, dtype, lm=False).pooler if lm and pooled else backbone.pooler
    return {True: replace(backbone, pooler=pooler), False: replace(backbone, pooler=None)}
