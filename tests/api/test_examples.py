"""Every example of the Python API runs: those in its docstrings, and those of the pages."""

import doctest
import inspect
import re
import shutil

import pytest

import ptune
from ptune.api import compose
from ptune.tracking.location import DATABASE
from support.repository import PAGES, ROOT

SMALL = ("budget.epochs=2", "tracking.type=none", *(f"task.data.limit_{role}=16" for role in ("train", "dev", "test")))
"""What makes the searches of pages small, as those of docstrings are."""
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
DOCUMENTED = [name for name in ptune.__all__ if "api" in ptune._HOMES.get(name, "")]
PYTHON_PAGES = [path for path in PAGES if "```python\n" in path.read_text(encoding="utf-8")]


def examples(name):
    """The examples of a public name: of a function, or of a class and its methods."""
    found = doctest.DocTestFinder(recurse=True).find(getattr(ptune, name), name, extraglobs={"ptune": ptune})
    return [test for test in found if test.examples]


def as_in_a_clone(folder, patched):
    """Make a folder the working directory, with the library of jobs in it."""
    for name in ("jobs", "search_spaces"):
        (folder / name).symlink_to(ROOT / name)
    patched.chdir(folder)
    patched.delenv("PTUNE_RUNS", raising=False)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, blank_database):
    """A folder in which the example of `ptune.search` has run."""
    with pytest.MonkeyPatch.context() as patched:
        folder = tmp_path_factory.mktemp("examples")
        as_in_a_clone(folder, patched)
        (folder / "ptune_runs").mkdir()
        shutil.copy(blank_database, folder / "ptune_runs" / DATABASE)
        run(examples("search"))
        yield folder


def run(tests):
    """Run examples, and fail with what they print instead."""
    runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
    said = []
    for test in tests:
        test.globs["prompt"] = ptune.load("my-prompt") if "search" not in test.name else None
        runner.run(test, out=said.append)
    assert not runner.failures, "".join(said)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_public_name_of_the_api_has_an_example(name):
    assert examples(name), f"ptune.{name}"
    assert inspect.getdoc(getattr(ptune, name))


@pytest.mark.parametrize("name", [name for name in DOCUMENTED if name != "search"])
def test_the_examples_of_docstrings_run(name, workplace):
    run(examples(name))


@pytest.mark.parametrize("page", PYTHON_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_examples_of_a_page_run_one_after_another(page, tmp_path, monkeypatch):
    start = compose.start
    monkeypatch.setattr(compose, "start", lambda source, overrides, *rest: start(source, (*overrides, *SMALL), *rest))
    as_in_a_clone(tmp_path, monkeypatch)
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    exec(compile("\n".join(blocks), page.name, "exec"), {"__name__": "page"})
