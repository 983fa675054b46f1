"""The code of model cards, run by a Python that can import no ptune but what an export brings."""

import os
import re
import subprocess
import sys
from pathlib import Path

_REFUSING = """
import sys

class Refusing:
    def find_spec(self, name, path=None, target=None):
        brought = any(place.endswith("/ptune.zip") for place in sys.path[:1])
        if name.partition(".")[0] == "ptune" and not brought:
            raise ModuleNotFoundError("ptune is not here", name="ptune")

sys.meta_path.insert(0, Refusing())
"""


def card_code(folder: Path) -> str:
    """The first block of Python in an export's model card."""
    return re.search(r"```python\n(.+?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)[1]


def run_cards(folders: list[Path]) -> list[str]:
    """What the code of each card prints, each run inside its folder, all in one process."""
    lines = ["import contextlib, io, os, sys", "printed = []"]
    for folder in folders:
        code = card_code(folder)
        lines.append(f"os.chdir({str(folder)!r})\nwith contextlib.redirect_stdout(io.StringIO()) as out:")
        lines.append(f"    exec({code!r}, {{}})\nprinted.append(out.getvalue())")
        lines.append("sys.modules.pop('client', None)  # each folder has its own")
    lines.append("for text in printed: print('====', text, sep=chr(10), end='')")
    program = _REFUSING + "\n".join(lines)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.split("====\n")[1:]
