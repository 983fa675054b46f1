"""Sizes and manners that a linter does not know."""

import ast
import re
import statistics
import sys
import tokenize

import pytest

from support.repository import PACKAGE, ROOT, functions, modules, nodes, tree

LONGEST_MODULE = 400
LONGEST_BODY = 80
MOST_BROAD_EXCEPTS = {"raytune": 6, "elsewhere": 7}
"""Ray's callbacks, threads and futures are boundaries that nothing may cross by accident. Elsewhere, MLflow (three) and
the clients of the Hub, of tokenizers and of object storage raise errors without a class of their own. So may a module
of the user's."""
FORBIDDEN = ("/" + "work/", "/" + "root/", "jf" + "rog", "art" + "ifactory", "bgent" + "lab")


def body_lines(function):
    """Lines from a function's first statement after its docstring to its last."""
    body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
    return body[-1].end_lineno - body[0].lineno + 1


def test_modules_and_functions_are_small(record_property):
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules().values()}
    bodies = {(path, f.name): body_lines(f) for path in modules().values() for f in functions(path)}
    ninth = statistics.quantiles(bodies.values(), n=10)[-1]
    numbers = f"modules: median {statistics.median(lengths.values())}; bodies: median "
    numbers += f"{statistics.median(bodies.values())}, p90 {ninth:.0f}, longest {max(bodies.values())}"
    sys.stdout.write(numbers + "\n")
    record_property("sizes", numbers)
    assert not {path.name: n for path, n in lengths.items() if n > LONGEST_MODULE}
    assert not {key: n for key, n in bodies.items() if n > LONGEST_BODY}


@pytest.mark.parametrize("path", modules().values(), ids=modules())
def test_a_module_says_what_it_is(path):
    empty = not path.read_text(encoding="utf-8").strip()
    assert ast.get_docstring(tree(path)) or (empty and path.name == "__init__.py")


@pytest.mark.parametrize("path", modules().values(), ids=modules())
def test_every_function_is_typed(path):
    for function in functions(path):
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        arguments += [extra for extra in (function.args.vararg, function.args.kwarg) if extra]
        untyped = [a.arg for a in arguments if a.annotation is None and a.arg not in ("self", "cls")]
        assert not untyped, f"{function.name}: {untyped}"
        assert function.returns is not None or function.name == "__init__", function.name


def broad_excepts():
    """Every handler, or `suppress`, that catches everything, with the comment on its line."""
    for path in modules().values():
        with path.open("rb") as stream:
            tokens = list(tokenize.tokenize(stream.readline))
        comments = {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}
        for node in nodes(path):
            caught = ast.unparse(node.type) if isinstance(node, ast.ExceptHandler) and node.type else ""
            bare = isinstance(node, ast.ExceptHandler) and node.type is None
            reraises = (
                isinstance(node, ast.ExceptHandler) and isinstance(node.body[-1], ast.Raise) and not node.body[-1].exc
            )
            suppresses = (
                isinstance(node, ast.Call)
                and re.fullmatch(r"(contextlib\.)?suppress", ast.unparse(node.func))
                and re.search(r"\b(Base)?Exception\b", ast.unparse(node))
            )
            if suppresses or ((bare or re.search(r"\b(Base)?Exception\b", caught)) and not reraises):
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", comments.get(node.lineno, "")


def test_catching_everything_is_rare_and_has_a_reason():
    found = list(broad_excepts())
    for place, comment in found:
        reason = re.sub(r"#\s*|noqa:?\s*[A-Z0-9, ]*|-", "", comment).strip()
        assert len(reason) > 10, f"{place}: say beside it why everything is caught"
    on_ray = [place for place, _ in found if place.startswith("raytune/")]
    assert len(on_ray) <= MOST_BROAD_EXCEPTS["raytune"], on_ray
    assert len(found) - len(on_ray) <= MOST_BROAD_EXCEPTS["elsewhere"], found


def project_files():
    folders = ("platform", "tests", "jobs", "search_spaces", ".ci")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    paths += [path for path in ROOT.iterdir() if path.suffix in (".md", ".toml", ".txt")] + [ROOT / "Makefile"]
    texts = {".py", ".md", ".toml", ".txt", ".tsv", ".sh", ""}
    return [path for path in paths if path.is_file() and path.suffix in texts and "__pycache__" not in path.parts]


def test_nothing_names_a_machine_or_a_registry():
    for path in project_files():
        content = path.read_text(encoding="utf-8")
        assert not [word for word in FORBIDDEN if word in content], path
