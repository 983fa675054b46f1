"""Use artifacts: texts in, answers out. Knows prompts on one backbone; trains nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, overload

from ptune.artifacts.artifact import Artifact
from ptune.artifacts.described import check_answer, check_room
from ptune.artifacts.inputs import Many, Single, is_single, row, rows
from ptune.artifacts.load import load_artifact
from ptune.backbone.backbone import Backbone
from ptune.backbone.footprint import FASTEST
from ptune.backbone.hashes import settings_hashes, weights_hash
from ptune.backbone.load import best_device, load_backbone
from ptune.backbone.locate import locate
from ptune.backbone.own_code import code_hashes
from ptune.data.sources import Split, unlabelled
from ptune.errors import ArtifactError, BackboneError, nearest
from ptune.prompts.build import load_learner
from ptune.prompts.rows import Examples
from ptune.spec.data import Data
from ptune.tasks.build import build_task, lay_out
from ptune.tasks.joint import Asked, answer_together, with_joint_metric
from ptune.tasks.kind import DecidingKind, Prediction

_ELSEWHERE = "`--backbone`, or `backbone=` in Python, names"


class Predictor:
    """An artifact on its backbone, ready to answer.

    Attributes:
        artifact: the artifact.
        backbone: its backbone.
        task: the kinds of its data sets, in order.
        layouts: how an input of each data set is laid out.
        learner: its prompts and heads.

    Raises:
        ArtifactError: the artifact's tensors do not fit its description, or it belongs to another backbone.
    """

    def __init__(self, artifact: Artifact, backbone: Backbone) -> None:
        manifest = artifact.manifest
        _check_backbone(artifact, backbone.id, backbone.hash, backbone.settings)
        if wrong := manifest.backbone.differences(backbone):
            raise ArtifactError(f"the artifact is damaged, it misdescribes {backbone.id}: {'; '.join(wrong)}")
        check_room(manifest, backbone)
        self.artifact = artifact
        self.backbone = backbone
        sets = manifest.sets
        self.task = build_task(
            manifest.task,
            [task_set.labels for task_set in sets],
            manifest.head,
            thresholds=[task_set.thresholds for task_set in sets],
        )
        if manifest.tuned and not any(name.startswith("backbone.") for name in artifact.tensors):
            raise ArtifactError("the artifact is damaged: its backbone was tuned, and the tuned weights are missing")
        try:
            self.layouts = [
                lay_out(manifest.prompt, data, backbone, language=manifest.language) for data in manifest.task.sets
            ]
            head_specs = [kind.head_spec(layout) for kind, layout in zip(self.task.kinds, self.layouts, strict=True)]
            learner = load_learner(manifest.resolved_prompt, backbone, head_specs, artifact.tensors)
        except (RuntimeError, ValueError) as error:
            raise ArtifactError(f"the artifact is damaged, its parts do not fit each other: {error}") from None
        self.learner = learner.to(backbone.device)

    @classmethod
    def load(
        cls,
        folder: str | os.PathLike[str],
        backbone_id: str | None = None,
        device: str = "auto",
        dtype: str | None = None,
        *,
        trust: bool = False,
    ) -> Self:
        """Load an artifact, native or PEFT, and its backbone.

        Args:
            folder: the artifact.
            backbone_id: where the backbone is, if not where the artifact says; see `ptune.backbone.locate.locate`.
            device: `cpu`, `cuda`, or `auto`: a GPU if there is one.
            dtype: type of the backbone's weights: `float32`, `bfloat16`, or `auto`; None is that of the training.
            trust: whether Python code is run that the backbone brings along.

        Raises:
            ArtifactError: the artifact cannot be read, the backbone's weights, settings or tokenizer are not those it
                was trained on, or it needs code that is not trusted.
            BackboneError: the backbone cannot be found or loaded.
        """
        return cls.on_backbone(load_artifact(Path(folder)), backbone_id, device, dtype, trust=trust)

    @classmethod
    def on_backbone(
        cls,
        artifact: Artifact,
        backbone_id: str | None = None,
        device: str = "auto",
        dtype: str | None = None,
        *,
        trust: bool = False,
    ) -> Self:
        """Load an artifact's backbone; arguments and errors are those of `load`."""
        backbone = find_backbone(artifact, backbone_id, device, dtype, lm=artifact.manifest.language, trust=trust)
        if not artifact.manifest.backbone.pooled:  # as in a search whose trials may use the language head
            backbone = replace(backbone, pooler=None)
        return cls(artifact, backbone)

    def inputs(self, data_set: str | None = None) -> list[str]:
        """Names of the strings that one input is made of, in order.

        Args:
            data_set: which of the task's data sets it is like; None is the only one.

        Raises:
            ArtifactError: the task has no such data set, or several and none is named.
        """
        return self.task.kinds[self._part(data_set)].inputs

    def data(self, data_set: str | None = None) -> Data:
        """The data set that inputs are like.

        Args:
            data_set: its name; None is the only one.

        Raises:
            ArtifactError: the task has no such data set, or several and none is named.
        """
        return self.artifact.manifest.task.sets[self._part(data_set)]

    def labels(self, data_set: str | None = None) -> list[str]:
        """Names of the labels, in the order of the head's outputs; none for a task without labels.

        Args:
            data_set: the data set whose labels are meant; None is the only one.

        Raises:
            ArtifactError: the task has no such data set, or several and none is named.
        """
        return list(self.artifact.manifest.sets[self._part(data_set)].labels)

    @overload
    def predict(  # type: ignore[overload-overlap]  # a string is a list of strings to a type checker
        self, inputs: Single, data_set: str | None = None, token_budget: int | None = None
    ) -> Prediction: ...

    @overload
    def predict(
        self, inputs: Many, data_set: str | None = None, token_budget: int | None = None
    ) -> list[Prediction]: ...

    def predict(
        self, inputs: Single | Many, data_set: str | None = None, token_budget: int | None = None
    ) -> Prediction | list[Prediction]:
        """Answer one input, or several.

        Args:
            inputs: one input (a string, a tuple of strings in the order of `inputs`, or a mapping by name), or several
                of them; values that the data set replaces may be given as its files have them.
            data_set: which of the task's data sets they are like; None is the only one.
            token_budget: most tokens, padding included, in one pass; None is what the device answers fastest.

        Returns:
            One answer for one input, a list of answers for several.

        Raises:
            ArtifactError: the task has no such data set, or several and none is named.
            DataError: an input is of another type, has another number of texts, or an empty one.
        """
        names = self.inputs(data_set)
        if is_single(inputs):
            return answer([self.asked([row(inputs, names, "the input")], data_set)], token_budget)[0][0]
        given = rows(inputs, names)
        return answer([self.asked(given, data_set)], token_budget)[0] if given else []

    def asked(self, texts: Sequence[tuple[str, ...]], data_set: str | None = None) -> Inquiry:
        """Rows of texts, at least one, as the backbone reads them; see `answer`.

        Args:
            texts: rows with one text for each of `inputs`.
            data_set: which of the task's data sets they are like; None is the only one.

        Raises:
            ArtifactError: the task has no such data set, or several and none is named.
            DataError: a row cannot be encoded.
        """
        part = self._part(data_set)
        kind, replaced = self.task.kinds[part], self.artifact.manifest.task.sets[part].replace
        inputs = [kind.texts(_replaced(values, kind.inputs, replaced)) for values in texts]
        return Inquiry(self, part, inputs, self._encoded(part, unlabelled(inputs)))

    def measure(self, splits: Sequence[Split], token_budget: int | None = None) -> dict[str, float]:
        """Metrics on labelled splits, one for each of the task's data sets.

        Raises:
            DataError: an example cannot be encoded.
        """
        encoded, answers = self._answered(splits, token_budget)
        every = [answer for found in answers for answer in found]
        metrics = self.task.measure(every, Examples.joined(encoded))
        return with_joint_metric(metrics, self.artifact.manifest.task.metric)

    def decided(self, splits: Sequence[Split], token_budget: int | None = None) -> list[list[float]]:
        """The thresholds that labelled splits, one for each of the task's data sets, decide for their labels.

        Raises:
            DataError: an example cannot be encoded.
        """
        parts = zip(self.task.kinds, *self._answered(splits, token_budget), strict=True)
        return [kind.decided(found, own) for kind, own, found in parts if isinstance(kind, DecidingKind)]

    def _answered(self, splits: Sequence[Split], token_budget: int | None) -> tuple[list[Examples], list[list[Any]]]:
        """The examples of each split, and the answers to them."""
        budget = token_budget or FASTEST[self.backbone.device.type]
        encoded = [self._encoded(part, split) for part, split in enumerate(splits)]
        return encoded, [self.task.predict(self.backbone, self.learner, examples, budget) for examples in encoded]

    def _encoded(self, part: int, split: Split) -> Examples:
        examples = self.task.kinds[part].encode(split, self.layouts[part], self.backbone, training=False)
        return examples.as_dataset(part)

    def _part(self, data_set: str | None) -> int:
        names = [task_set.name for task_set in self.artifact.manifest.sets]
        if data_set is None:
            if len(names) > 1:
                raise ArtifactError(
                    f"the prompt answers for several data sets, {', '.join(names)}: name the one that the inputs are "
                    "like, with `--data-set NAME`, in Python with `prompt.on(NAME)`, over HTTP and in MLflow with the "
                    "parameter `data_set`"
                )
            return 0
        if data_set not in names:
            raise ArtifactError(
                f"the artifact has no data set {data_set!r}{nearest(data_set, names)} (it has: {', '.join(names)})"
            )
        return names.index(data_set)


@dataclass(frozen=True)
class Inquiry:
    """Inputs for one prompt.

    Attributes:
        predictor: the prompt.
        part: which of its data sets the inputs are like.
        texts: the texts of each input, as the data set's kind has them.
        examples: the same, encoded.
    """

    predictor: Predictor
    part: int
    texts: Sequence[tuple[Any, ...]]
    examples: Examples

    def presented(self, answers: Sequence[Any]) -> list[Prediction]:
        """Answers as people read them.

        Raises:
            ArtifactError: an answer holds a number that is none.
        """
        kind = self.predictor.task.kinds[self.part]
        predictions = [kind.present(*pair) for pair in zip(answers, self.texts, strict=True)]
        for prediction in predictions:
            check_answer(prediction)
        return predictions


def answer(inquiries: Sequence[Inquiry], token_budget: int | None = None) -> list[list[Prediction]]:
    """The answers to the inputs of each inquiry; prompts whose predictors hold one backbone share passes.

    Args:
        inquiries: what is asked.
        token_budget: most tokens, padding included, in one pass; None is what the device answers fastest.

    Raises:
        torch.OutOfMemoryError: memory does not hold the largest input alone.
    """
    answers: list[list[Prediction]] = [[] for _ in inquiries]
    places: dict[int, list[int]] = {}
    for place, inquiry in enumerate(inquiries):
        places.setdefault(id(inquiry.predictor.backbone), []).append(place)
    for members in places.values():
        backbone = inquiries[members[0]].predictor.backbone
        asked = [
            Asked(inquiry.predictor.task, inquiry.predictor.learner, inquiry.examples)
            for inquiry in (inquiries[place] for place in members)
        ]
        budget = token_budget or FASTEST[backbone.device.type]
        for place, found in zip(members, answer_together(backbone, asked, budget), strict=True):
            answers[place] = inquiries[place].presented(found)
    return answers


def find_backbone(
    artifact: Artifact, backbone_id: str | None, device: str, dtype: str | None, *, lm: bool, trust: bool = False
) -> Backbone:
    """Load an artifact's backbone; `lm` loads its language head, too. Other arguments, and errors: `Predictor.load`."""
    origin = artifact.manifest.backbone
    resolved, dtype = _device(device), dtype or origin.dtype
    _check_choice("dtype", dtype, ("auto", "float32", "bfloat16"))
    name, revision = (origin.id, origin.revision) if backbone_id is None else (backbone_id, None)
    code = origin.has_code
    if code and not trust:
        raise ArtifactError(
            f"the prompt was trained on {origin.id}, which runs Python code of its own; `ptune predict "
            "--trust-remote-code`, or `ptune.load(..., trust_remote_code=True)`, runs it, too, and nothing else does"
        )
    try:
        weights = locate(name, revision, code=code)
    except BackboneError as error:
        raise BackboneError(f"{error} ({_ELSEWHERE} another place to look)") from None
    _check_backbone(
        artifact, name, weights_hash(weights), settings_hashes(weights) | (code_hashes(weights) if code else {})
    )
    return load_backbone(name, revision, dtype, resolved, lm=lm, quantization=origin.quantization, trust=code)


def _device(name: str) -> str:
    """The device of a name.

    Raises:
        BackboneError: there is no such device here.
    """
    _check_choice("device", name, ("auto", "cpu", "cuda"))
    if name == "cuda" and best_device() != "cuda":
        raise BackboneError("device 'cuda': PyTorch finds no GPU here")
    return best_device() if name == "auto" else name


def _check_choice(option: str, value: str, valid: Sequence[str]) -> None:
    if value not in valid:
        raise BackboneError(f"{option} is one of {', '.join(valid)}, got {value!r}{nearest(str(value), valid)}")


def _replaced(texts: Sequence[str], names: Sequence[str], values: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """An input as training saw it: values written as the data set writes them (`[task.data] replace`)."""
    return tuple(values.get(name, {}).get(text, text) for name, text in zip(names, texts, strict=True))


def _check_backbone(artifact: Artifact, name: str, weights: str, settings: Mapping[str, str]) -> None:
    """A prompt with other weights, settings or tokens than those of its training gives numbers without meaning."""
    origin = artifact.manifest.backbone
    if weights != origin.hash:
        raise ArtifactError(
            f"the prompt was trained on {origin.id} with weights sha256 {origin.hash}, "
            f"but {name} has {weights}; {_ELSEWHERE} a copy with the weights it was trained on"
        )
    if origin.settings is None:
        return
    files = sorted({*origin.settings, *settings})
    if differing := [file for file in files if origin.settings.get(file) != settings.get(file)]:
        raise ArtifactError(
            f"{name} has the weights of {origin.id}, on which the prompt was trained, but differs in "
            f"{', '.join(differing)}; {_ELSEWHERE} a copy with the same settings and the same tokenizer"
        )
