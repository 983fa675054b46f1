"""A trained prompt on its backbone: what `ptune.load` returns. Imports torch when a prompt is loaded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from ptune.artifacts.artifact import Manifest
    from ptune.artifacts.inputs import Many, Single
    from ptune.artifacts.predict import Predictor
    from ptune.tasks.kind import Prediction


def load(
    folder: str | os.PathLike[str],
    *,
    backbone: str | None = None,
    device: str = "auto",
    dtype: str | None = None,
    trust_remote_code: bool = False,
) -> Prompt:
    """Load a trained prompt and the backbone it was trained on.

    Args:
        folder: the artifact, in ptune's own format or in PEFT's as ptune exports it: a search's `artifact` folder, or
            what `SearchResult.export` or `ptune export` has written. `hub:ORG/NAME` is one on the Hub.
        backbone: folder or Hub id of the backbone, if it is not where it was at training.
        device: `cpu`, `cuda`, or `auto`: a GPU if there is one.
        dtype: type of the backbone's weights: `float32`, `bfloat16` or `auto`; None is that of the training.
        trust_remote_code: whether Python code is run that the backbone brings along.

    Raises:
        ArtifactError: the folder holds no artifact or a damaged one, or the backbone has other weights, settings or
            tokens than the one the prompt was trained on; or it needs code that is not trusted.
        BackboneError: the backbone cannot be found or loaded.
        SpecError: `folder` is no path.

    Examples:
        >>> prompt = ptune.load("my-prompt")
        >>> prompt.predict("You asked, so I will paint the fence.")
        {'label': ..., 'probabilities': {...}}
    """
    from ptune.api.arguments import as_path
    from ptune.artifacts.predict import Predictor

    return Prompt(Predictor.load(as_path(folder, "folder"), backbone, device, dtype, trust=trust_remote_code))


class Prompt:
    """A trained prompt on its backbone, ready to answer.

    Args:
        predictor: the artifact on its backbone.
        data_set: the data set that inputs are like, for a prompt of several.

    Examples:
        >>> prompt = ptune.load("my-prompt")
        >>> prompt
        <ptune prompt: v... for classification (text) on packaged:minilm>
        >>> prompt.inputs
        ['text']
        >>> prompt.labels
        ['done', 'other', 'reader', 'writer']
        >>> answers = prompt.predict(["I will do it.", "You do it."])
        >>> [answer["label"] in prompt.labels for answer in answers]
        [True, True]
    """

    def __init__(self, predictor: Predictor, data_set: str | None = None) -> None:
        self._predictor = predictor
        self._data_set = data_set

    @property
    def info(self) -> Manifest:
        """Everything known about the prompt: its parameters, task, backbone, scores, and the trial it comes from."""
        return self._predictor.artifact.manifest

    @property
    def data_sets(self) -> list[str]:
        """Names of the data sets that the prompt was trained on; `on` chooses one of several."""
        return self.info.set_names

    @property
    def inputs(self) -> list[str]:
        """Names of the texts that one input is made of, in order.

        Raises:
            ArtifactError: the prompt answers for several data sets, and none is chosen.
        """
        return list(self._predictor.inputs(self._data_set))

    @property
    def labels(self) -> list[str]:
        """The labels, in the order of the head's outputs; none for a task without labels.

        Raises:
            ArtifactError: the prompt answers for several data sets, and none is chosen.
        """
        return self._predictor.labels(self._data_set)

    def on(self, data_set: str) -> Prompt:
        """The same prompt for inputs like those of one of its data sets.

        Raises:
            ArtifactError: it has no such data set.
        """
        self._predictor.inputs(data_set)  # which refuses a data set that it does not have
        return Prompt(self._predictor, data_set)

    @property
    def encoding(self) -> str | None:
        """The encoding of the files it was trained on; None is UTF-8, or what a byte order mark says."""
        return self._predictor.data(self._data_set).encoding

    def read(
        self, path: str | os.PathLike[str], columns: Sequence[str] | None = None, encoding: str | None = None
    ) -> list[tuple[str, ...]]:
        """Inputs from a csv, tsv, jsonl, json, parquet or conll file, read as training reads its data.

        Args:
            path: the file.
            columns: the columns that hold the texts of an input, in the order of `inputs`; None is those of the names
                that they have in training.
            encoding: the file's encoding; None is that of training.

        Raises:
            DataError: the file cannot be read, a column is missing, or a text is missing or empty.
            ArtifactError: the prompt answers for several data sets, and none is chosen.

        Examples:
            >>> import pandas
            >>> notes = pandas.DataFrame({"note": ["I will do it.", "You do it."]})
            >>> notes.to_csv("notes.csv", index=False)
            >>> inputs = prompt.read("notes.csv", columns=["note"])
            >>> [answer["label"] in prompt.labels for answer in prompt.predict(inputs)]
            [True, True]
        """
        from ptune.api.arguments import as_path
        from ptune.artifacts.table import read_table

        data = self._predictor.data(self._data_set)
        if encoding is not None:
            data = data.model_copy(update={"encoding": encoding})
        return read_table(as_path(path, "path"), data, self.inputs, columns)

    @overload
    def predict(self, inputs: Single) -> Prediction: ...  # type: ignore[overload-overlap]  # a string holds strings

    @overload
    def predict(self, inputs: Many) -> list[Prediction]: ...

    def predict(self, inputs: Single | Many) -> Prediction | list[Prediction]:
        """Answer one input, or several.

        One input is a string where `inputs` has one name; a tuple of strings in the order of `inputs`; or a mapping
        with these names as keys, whose further keys do not count. Several inputs are a list of these, or anything else
        to iterate over, such as a Hub data set; a pandas DataFrame has one input in each row.

        Returns:
            A dictionary for one input, a list of dictionaries for several, ready for JSON: `label` and `probabilities`
            (classification); `choice`, `text` and `probabilities` (choice); `words`, `tags` and `entities` (tokens);
            `answer`, `score` and `no_answer_score` (span); `object` and `probabilities` (cloze); `answer` and
            `probabilities` (entity); `text` (generation).

        Raises:
            DataError: an input is of another type, has another number of texts, or an empty one.
            ArtifactError: the prompt answers for several data sets, and none is chosen.

        Examples:
            >>> prompt.predict("The gate has been welded.")["label"] in prompt.labels
            True
            >>> prompt.predict({"text": "The gate has been welded.", "number": 7})["label"] in prompt.labels
            True
            >>> prompt.predict(["You do it.", 3])
            Traceback (most recent call last):
            ptune.errors.DataError: input 2: must be a string (text), got int 3
        """
        return self._predictor.predict(inputs, self._data_set)

    def __repr__(self) -> str:
        """One line: method, task, inputs and backbone."""
        description = self.info
        where = f" on {self._data_set}" if self._data_set is not None else ""
        single = self._data_set is not None or len(self.data_sets) == 1
        inputs = ", ".join(self.inputs) if single else f"{len(self.data_sets)} data sets"
        task = f"{description.task.kind} ({inputs}{where})"
        return f"<ptune prompt: {description.prompt.method} for {task} on {description.backbone.id}>"
