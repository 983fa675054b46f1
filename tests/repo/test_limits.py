"""Limits that the package and the tests keep: names that say something, typed records, helpers in one place."""

import ast
import re
import sys
from collections import defaultdict

from support.repository import PLATFORM, ROOT, modules, nodes, tree

PRONOUNS = frozenset(
    ("one", "each", "own", "about", "stated", "place", "found", "given", "other", "rest", "these", "both", "such", "it")
)
MOST_PRONOUNS = 0.01
"""Share of the package's variable names that may be such words."""
MOST_FREE_FORM = 40
"""Lines of `platform/` that say `dict[str, Any]`."""


def variables(path):
    """Every name that a module binds: assignments, arguments, loop variables, handlers, patterns and fields."""
    for node in nodes(path):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name


def without_docstring(node):
    """A function's or class's code, whatever its docstrings and annotations say."""
    bare = ast.parse(ast.unparse(node)).body[0]
    for part in ast.walk(bare):
        if isinstance(part, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(part):
            part.body = part.body[1:] or [ast.Pass()]
        if isinstance(part, ast.FunctionDef):
            part.returns = None
        if isinstance(part, ast.arg):
            part.annotation = None
    return ast.unparse(bare)


def test_variables_are_named_for_what_they_hold(record_property):
    names = [name for path in modules().values() for name in variables(path)]
    pronouns = [name for name in names if name in PRONOUNS]
    share = len(pronouns) / len(names)
    figure = f"pronoun-like: {len(pronouns)} of {len(names)} variable names, {share:.2%}"
    sys.stdout.write(figure + "\n")
    record_property("pronouns", figure)
    assert share < MOST_PRONOUNS, figure


def test_free_form_dictionaries_are_few(record_property):
    lines = [line for path in PLATFORM.rglob("*.py") for line in path.read_text(encoding="utf-8").splitlines()]
    free = [line for line in lines if re.search(r"dict\[str, Any\]", line)]
    figure = f"dict[str, Any]: {len(free)} lines"
    sys.stdout.write(figure + "\n")
    record_property("free-form", figure)
    assert len(free) <= MOST_FREE_FORM, figure


def names_a_call(node):
    """Whether a fixture is one line: it names what a shared helper makes, and may do so in several folders."""
    return isinstance(node, ast.FunctionDef) and bool(node.decorator_list) and len(node.body) <= 2


def test_no_two_test_modules_hold_the_same_helper():
    namesakes = defaultdict(list)
    for path in (ROOT / "tests").rglob("*.py"):
        for node in tree(path).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not names_a_call(node):
                namesakes[node.name].append((path.relative_to(ROOT).as_posix(), node))
    places = defaultdict(set)
    for alike in namesakes.values():
        for path, node in alike if len(alike) > 1 else ():
            places[without_docstring(node)].add(path)
    assert not {code: sorted(paths) for code, paths in places.items() if len(paths) > 1}
