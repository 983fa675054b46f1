"""How MLflow loads and asks a prompt: `mlflow.pyfunc.load_model` calls `_load_pyfunc`. Imports no MLflow."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from ptune.artifacts.inputs import Many
from ptune.artifacts.predict import Predictor
from ptune.artifacts.reference import FOLDER
from ptune.tasks.kind import Prediction


class PyfuncPrompt:
    """A prompt with the methods that MLflow calls."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._turn = threading.Lock()  # a scoring server asks from many threads, and a tokenizer bears only one

    def predict(self, inputs: Many, params: Mapping[str, str | None] | None = None) -> list[Prediction]:
        """Answer several inputs.

        Args:
            inputs: a pandas DataFrame, or what else `ptune.artifacts.inputs.rows` takes.
            params: `data_set`, which of its data sets the inputs are like, for a prompt of several.

        Raises:
            DataError: an input is of another type, has another number of texts, or an empty one.
            ArtifactError: the prompt answers for several data sets and none is named, or has no such data set.
        """
        with self._turn:
            return self._predictor.predict(inputs, (params or {}).get("data_set"))

    def get_raw_model(self) -> Predictor:
        """The prompt on its backbone, which MLflow hands out by the same name."""
        return self._predictor


def _load_pyfunc(folder: str, config: Mapping[str, str | None] | None = None) -> PyfuncPrompt:
    """Load the prompt that an MLflow model holds.

    Args:
        folder: the model.
        config: where its `backbone` is, the `device` and the `dtype`, as `Predictor.load` takes them. Without a
            `backbone`, the copy in the folder serves, or else what the prompt was trained on.

    Raises:
        ArtifactError: the folder is damaged, or the backbone is another than that of the training.
        BackboneError: the backbone cannot be found or loaded.
    """
    chosen, embedded = dict(config or {}), Path(folder) / FOLDER
    backbone = chosen.get("backbone") or (str(embedded) if embedded.is_dir() else None)
    return PyfuncPrompt(Predictor.load(folder, backbone, chosen.get("device") or "auto", chosen.get("dtype")))
