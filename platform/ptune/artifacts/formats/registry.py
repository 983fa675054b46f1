"""All formats, by name."""

from __future__ import annotations

from collections.abc import Mapping

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
