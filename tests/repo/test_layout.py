"""The repository's folders, its job and space files, and what the wheel holds."""

import subprocess
import sys
import tomllib
import zipfile

import pytest

from ptune.spec.load import load_job, load_space
from support.repository import PACKAGE, PLATFORM, ROOT

TOP = {"platform", "search_spaces", "jobs", "tests", "pyproject.toml", "README.md", "SECURITY.md", "CONTRIBUTING.md"}
CONVENTION = {"Makefile", "LICENSE", "constraints.txt", ".gitignore", ".ci"}


def committed():
    """Paths that git knows, relative to the root; none outside a checkout."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.splitlines() if done.returncode == 0 else []


def test_the_top_level_holds_what_it_should():
    top = {path.split("/")[0] for path in committed()} or {path.name for path in ROOT.iterdir()} & (TOP | CONVENTION)
    assert top <= TOP | CONVENTION
    assert top >= TOP


def test_the_source_root_holds_the_package_alone():
    beside = {path.name for path in PLATFORM.iterdir() if path.suffix not in (".md", ".svg", ".png")}
    assert beside <= {"ptune", "ptune.egg-info"}


@pytest.mark.parametrize("path", sorted((ROOT / "jobs").glob("*.toml")), ids=lambda path: path.name)
def test_every_job_loads(path):
    assert load_job(path).name


@pytest.mark.parametrize("path", sorted((ROOT / "search_spaces").glob("*.toml")), ids=lambda path: path.name)
def test_every_search_space_loads(path):
    assert load_space(path).parameters


def test_there_are_jobs_and_search_spaces():
    assert (ROOT / "jobs" / "quickstart.toml").is_file()
    assert list((ROOT / "search_spaces").glob("*.toml"))


def test_nothing_that_the_wheel_needs_is_ignored():
    """Hatchling packs the files of the package that .gitignore does not name."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert pyproject["tool"]["hatch"]["build"]["targets"]["wheel"] == {"packages": ["platform/ptune"]}
    data = [str(path) for path in (PACKAGE / "data" / "builtin").rglob("*.tsv")]
    assert data
    ignored = subprocess.run(["git", "check-ignore", *data], cwd=ROOT, capture_output=True, text=True, check=False)
    assert not ignored.stdout


def test_the_wheel_holds_the_built_in_tasks(tmp_path):
    code = "import sys, hatchling.build; print(hatchling.build.build_wheel(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    data = {path.relative_to(PLATFORM).as_posix() for path in (PACKAGE / "data" / "builtin").rglob("*.tsv")}
    assert data <= names
    assert {"ptune/cli/main.py", "ptune/py.typed"} <= names
    assert not [name for name in names if name.startswith(("tests", "jobs", "platform"))]
