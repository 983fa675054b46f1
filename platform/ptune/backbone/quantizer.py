"""torchao, which quantizes weights. It is optional, and is imported only when it is needed. Loads no torch before."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from ptune.backbone.lean_imports import import_compiler
from ptune.errors import BackboneError

_NOISY = ("torchao", "torch.utils._pytree")
"""Loggers that warn, while torchao is imported, of kernels for other devices and of its own old calls."""


def check_quantizer() -> None:
    """Check that torchao is installed.

    Raises:
        BackboneError: it is not; the message says how to get it.
    """
    if find_spec("torchao") is None:
        raise BackboneError("quantization needs torchao, which is missing here: pip install 'ptune[quantization]'")


def quantizer() -> Any:
    """The module `torchao.quantization`.

    Raises:
        BackboneError: torchao is not installed.
    """
    check_quantizer()
    import_compiler()
    with _silenced():
        import torchao.quantization

    return torchao.quantization


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in _NOISY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
