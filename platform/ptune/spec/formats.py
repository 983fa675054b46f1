"""The names of the formats that a prompt is exported in."""

from __future__ import annotations

from typing import Literal, get_args

FormatName = Literal["native", "mlflow", "peft", "vllm", "cartridge", "hf"]
FORMATS: tuple[FormatName, ...] = get_args(FormatName)
"""In the order in which they are listed."""
