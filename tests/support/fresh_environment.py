"""Virtual environments that hold some packages with what these need, and nothing else: no ptune, and none of its tools.

Each has an interpreter and packages of its own. The packages are not installed from an index but linked from where the
tests run, because PyTorch alone is hundreds of megabytes, and tests do without a network. What is linked are the files
that each package's record names, so that a package is found exactly if one that was asked for requires it.
"""

import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def fresh_environment(folder: Path, packages: Iterable[str]) -> Path:
    """Make an environment in a folder; return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for package in with_requirements(packages):
        for name in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
            if not (site / name).exists():  # folders that packages share, such as `google`, are linked once
                (site / name).symlink_to(str(package.locate_file(name)))
    return folder / "bin" / "python"


def with_requirements(packages: Iterable[str]) -> list[Distribution]:
    """Packages, and what they require here, and what that requires."""
    waiting, known = [Requirement(package) for package in packages], {}
    while waiting:
        wanted = waiting.pop()
        key = (canonicalize_name(wanted.name), *sorted(wanted.extras))
        if key in known:
            continue
        known[key] = distribution(wanted.name)
        required = map(Requirement, known[key].requires or ())
        waiting += [
            further
            for further in required
            if further.marker is None
            or any(further.marker.evaluate({"extra": extra}) for extra in ("", *wanted.extras))
        ]
    return [*known.values()]
