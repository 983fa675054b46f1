"""All formats, by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ptune.artifacts.formats.cartridge import Cartridge
from ptune.artifacts.formats.format import Format
from ptune.artifacts.formats.hf import Hf
from ptune.artifacts.formats.mlflow import Mlflow
from ptune.artifacts.formats.native import Native
from ptune.artifacts.formats.peft import Peft
from ptune.artifacts.formats.vllm import Vllm
from ptune.spec.formats import FormatName

BY_NAME: Mapping[FormatName, Format] = {
    "native": Native(),
    "mlflow": Mlflow(),
    "peft": Peft(),
    "vllm": Vllm(),
    "cartridge": Cartridge(),
    "hf": Hf(),
}
_SPECIAL_FIRST: tuple[FormatName, ...] = ("mlflow", "cartridge", "vllm", "peft", "native", "hf")
"""Some formats hold the marker of another one: a model of MLflow holds a native artifact."""


def format_in(folder: Path) -> FormatName | None:
    """The format of what lies in a folder, by the files that tell formats apart; None where none of them is there."""
    return next((name for name in _SPECIAL_FIRST if (folder / BY_NAME[name].marker).is_file()), None)
