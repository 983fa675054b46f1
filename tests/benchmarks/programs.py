"""Other programs, run from their start to their end."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

_LOOK_EVERY_S = 0.1


def run(program: list[str], folder: Path, look: Callable[[str], None]) -> float:
    """Run a program to its end; its wall seconds.

    Args:
        program: its words.
        folder: for searches, kept states and tokenised data.
        look: called several times a second with the whole lines that it has printed since.
    """
    homes = {name: f"{folder}/{name}" for name in ("PTUNE_RUNS", "PTUNE_CACHE", "HF_DATASETS_CACHE")}
    with tempfile.TemporaryFile("w+") as errors, tempfile.NamedTemporaryFile("w") as out:
        with Path(out.name).open(encoding="utf-8") as printed:
            began = time.monotonic()
            process = subprocess.Popen(program, env=os.environ | homes, stdout=out, stderr=errors)
            rest, ended = "", False
            while not ended:
                ended = process.poll() is not None
                whole, line_break, rest = (rest + printed.read()).rpartition("\n")
                look(whole + line_break)
                if not ended:
                    time.sleep(_LOOK_EVERY_S)
        seconds = time.monotonic() - began
        if process.returncode != 0:
            errors.seek(0)
            sys.exit(f"{' '.join(program)} failed:\n{errors.read()[-4000:]}")
        return seconds
