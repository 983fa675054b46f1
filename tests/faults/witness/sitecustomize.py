"""Writes down every saved state of every process whose PYTHONPATH holds this folder: `TRIAL EPOCH TIME`, a line each.

Python imports it at its start. Nothing happens without the variable `PTUNE_WITNESS`, which names the file.
"""

import importlib.abc
import importlib.util
import os
import sys
import time

_MODULE = "ptune.engine.state"


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the module that saves states, once, and wraps its function."""

    def find_spec(self, name, *_):
        if name != _MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def execute_and_wrap(module):
            execute(module)
            module.save = _witnessed(module.save)

        spec.loader.exec_module = execute_and_wrap
        return spec


def _witnessed(save):
    def save_and_tell(slot):
        save(slot)
        line = f"{slot.plan.trial} {slot.epoch} {time.time()}\n"
        with open(os.environ["PTUNE_WITNESS"], "a", encoding="utf-8") as witness:  # noqa: PTH123 - the start of every process
            witness.write(line)

    return save_and_tell


if "PTUNE_WITNESS" in os.environ:
    sys.meta_path.insert(0, _Finder())
