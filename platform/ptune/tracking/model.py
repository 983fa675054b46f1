"""An MLflow model: the files by which MLflow loads a folder that holds a prompt, asks it, and sets up its environment.

ptune itself comes along, as a zip file of the parts that answer, which MLflow puts on Python's path. A requirement
could not stand for it, because no index need have it, and it would bring all that only searches need.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO
from pathlib import Path

from mlflow import pyfunc
from mlflow.models import Model, ModelSignature
from mlflow.types.schema import Array, ColSpec, DataType, Map, Object, ParamSchema, ParamSpec, Property, Schema

import ptune
from ptune.spec.answers import ANSWERS, Form
from ptune.spec.packaged import PACKAGES
from ptune.spec.task import Task
from ptune.tracking.location import quiet_mlflow

MARKER = "MLmodel"
CODE = "ptune.zip"
_LOADER = "ptune.artifacts.pyfunc"
_PARTS = ("spec", "data", "backbone", "prompts", "tasks", "artifacts")
_MODULES = ("__init__.py", "errors.py", "files.py", "node_files.py")
"""What of ptune answers."""
_REQUIREMENTS = (
    *("mlflow", "torch", "transformers", "tokenizers", "huggingface-hub", "safetensors", "sentencepiece"),
    *("numpy", "psutil", "pydantic", "seqeval"),
)
"""What these parts import."""
_ENTITY = {"type": DataType.string, "text": DataType.string, "first": DataType.long, "last": DataType.long}
_TYPES: Mapping[Form, Array | DataType | Map] = {
    "text": DataType.string,
    "texts": Array(DataType.string),
    "number": DataType.double,
    "shares": Map(DataType.double),
    "entities": Array(Object([Property(name, kind) for name, kind in _ENTITY.items()])),
}


def write_model(
    folder: Path,
    task: Task,
    trained_on: str,
    *,
    backbone: str | None = None,
    quantized: bool = False,
    model: Model | None = None,
) -> None:
    """Write what makes a folder an MLflow model, into an empty folder; the prompt's own files come beside it.

    Args:
        folder: where to write.
        task: what the prompt answers.
        trained_on: its backbone's name at training. A package that holds it is required, unless it is elsewhere now.
        backbone: where its backbone is, if not where the prompt's own files say.
        quantized: whether its backbone is, which takes a package of its own.
        model: what MLflow knows of the model already.
    """
    quiet_mlflow()
    model = model or Model()
    inputs = example(task)
    pyfunc.save_model(
        folder,
        loader_module=_LOADER,
        mlflow_model=model,
        signature=signature(task),
        input_example=(inputs, {"data_set": task.set_names[0]}) if len(task.sets) > 1 else inputs,
        pip_requirements=requirements(trained_on if backbone is None else backbone, quantized=quantized),
        model_config={"backbone": backbone, "device": "auto", "dtype": None},
        metadata={"ptune": ptune.__version__},
    )
    (folder / CODE).write_bytes(_code())
    model.model_size_bytes = None  # the prompt is yet to come
    model.flavors[pyfunc.FLAVOR_NAME][pyfunc.CODE] = CODE
    model.save(folder / MARKER)


def load_model(folder: Path, **config: str) -> pyfunc.PyFuncModel:
    """Load a model by MLflow's loader, which leaves the model's code on Python's path: here it is taken off again."""
    quiet_mlflow()
    path = sys.path
    try:
        return pyfunc.load_model(str(folder), suppress_warnings=True, model_config=config)
    finally:
        sys.path = path


def example(task: Task, data_set: int = 0) -> list[dict[str, str]]:
    """One made-up input, by the names of its columns."""
    return [{name: f"some {name}" for name in task.sets[data_set].columns}]


def signature(task: Task) -> ModelSignature:
    """The columns of an input, the keys of an answer, and what may be asked beside the inputs.

    Of several data sets, a column that some of them do not have is optional, and `data_set` says which one is meant.
    """
    columns = list(dict.fromkeys(name for data in task.sets for name in data.columns))
    inputs = [ColSpec("string", name, required=all(name in data.columns for data in task.sets)) for name in columns]
    chosen = ParamSchema([ParamSpec("data_set", "string", None)]) if len(task.sets) > 1 else None
    outputs = [ColSpec(_TYPES[form], name) for name, form in ANSWERS[task.kind].items()]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs), params=chosen)


def requirements(backbone: str, *, quantized: bool = False) -> Sequence[str]:
    """The packages that answer on a backbone, quantized or not, in the versions that are installed here."""
    names = [
        *_REQUIREMENTS,
        *([PACKAGES[backbone]] if backbone in PACKAGES else []),
        *(["torchao"] if quantized else []),
    ]
    return [f"{name}=={version(name).partition('+')[0]}" for name in names]  # an index has no local versions


@cache
def _code() -> bytes:
    """The parts of ptune that answer, as a zip file that is the same whenever it is made."""
    package, zipped = files("ptune"), BytesIO()
    metadata = f"Metadata-Version: 2.1\nName: ptune\nVersion: {ptune.__version__}\n"
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(f"ptune-{ptune.__version__}.dist-info/METADATA"), metadata)
        for name, source in _sources(package):
            archive.writestr(zipfile.ZipInfo(f"ptune/{name}"), source.read_bytes(), zipfile.ZIP_DEFLATED)
    return zipped.getvalue()


def _sources(package: Traversable) -> Iterator[tuple[str, Traversable]]:
    """The modules of the parts that answer, each with its path inside the package."""
    folders = [(part, package / part) for part in _PARTS]
    yield from ((name, package / name) for name in _MODULES)
    while folders:
        path, folder = folders.pop(0)
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
            if entry.name.endswith(".py"):
                yield f"{path}/{entry.name}", entry
            elif entry.is_dir():
                folders.append((f"{path}/{entry.name}", entry))
