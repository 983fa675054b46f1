"""Transformers' models without the libraries that only training, compiling and other architectures need.

Whoever imports a model of transformers also imports PyTorch's compiler and distributed tensors, what only the compiler
knows of tensors without data, SymPy, SciPy, and Accelerate and torchao where they are installed: half of the time that
a first answer takes, and of an engine's start. This module is for a process of ptune's own that answers or trains and
does nothing else, because what it leaves out stays out until the process ends.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

_UNUSED = ("accelerate", "PIL", "scipy", "sklearn", "torchao", "torchvision", "trio")
"""What transformers imports where it is installed, and works without."""
_COMPILER = "torch._dynamo"
_SHAPES = "torch._meta_registrations"
"""Written in Python, for the compiler, what PyTorch's kernels in C++ do as well with tensors without data."""


def _unmarked(fn: Callable[..., Any]) -> Callable[..., Any]:
    return fn


class _Compiler(ModuleType):
    """Stands where PyTorch's compiler would: marks for it mean nothing, and any other use imports the real one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(_COMPILER)
        self.__path__ = [str(folder)]  # its submodules can be imported without it

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(_COMPILER) is self:
            del sys.modules[_COMPILER]
            if not hasattr(sys.modules[_SHAPES], "__file__"):
                del sys.modules[_SHAPES]
                importlib.import_module(_SHAPES)
        return getattr(importlib.import_module(_COMPILER), name)

    @staticmethod
    def disable(fn: Any = None, *_options: Any, **_named: Any) -> Any:
        """The function as it is; where none is given, a decorator that leaves functions so."""
        return _unmarked if fn is None else fn

    allow_in_graph = assume_constant_result = staticmethod(_unmarked)


def import_leanly(*, trains: bool = False) -> None:
    """Import transformers' models without what ptune does not use; nothing where transformers is there already.

    Args:
        trains: whether the process trains, which takes random numbers, too.
    """
    if "transformers" in sys.modules:
        return
    hidden = [name for name in _UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None says that a module is not to be found
    if not trains and "torch" not in sys.modules:
        sys.modules[_SHAPES] = ModuleType(_SHAPES)
    try:
        import torch

        setattr(torch.distributed, "is_available", lambda: False)  # noqa: B010 - as in a PyTorch built without it
        compiler = _Compiler(Path(torch.__file__).parent / "_dynamo")
        sys.modules[_COMPILER] = compiler
        setattr(torch, "_dynamo", compiler)  # noqa: B010 - mypy knows it as another module
        _scan_once(importlib.import_module("transformers.utils.import_utils"))
        importlib.import_module("transformers.modeling_utils")
    finally:
        for name in hidden:
            del sys.modules[name]


def import_compiler() -> None:
    """Import PyTorch's compiler where it was left out, for a library that takes it for granted."""
    _ = importlib.import_module(_COMPILER).config


def _scan_once(structure: Any) -> None:
    """Let transformers' folder of models, all of whose files it has just searched for names, be searched only once."""
    scan = structure.create_import_structure_from_path

    def scan_folder(path: Any) -> Any:
        return scan(Path(path).parent if Path(path).is_file() else Path(path))

    structure.create_import_structure_from_path = scan_folder
