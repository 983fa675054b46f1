"""The pages keep their word: commands exist, options parse, links lead somewhere, tables load."""

import ast
import inspect
import re
import shlex
import tomllib

import click
import pytest
from pydantic import TypeAdapter

import ptune
from ptune.cli.main import cli
from ptune.spec.job import Job
from ptune.spec.space import Space
from ptune.spec.task import Task
from support.repository import PACKAGE, PAGES, ROOT

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def code(page):
    """Shell lines of a page's code blocks, and `ptune ...` in its running text."""
    text = page.read_text(encoding="utf-8")
    blocks = [body for language, body in _FENCE.findall(text) if language in ("", "sh", "bash", "console", "text")]
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return lines + re.findall(r"`(ptune [^`]+)`", _FENCE.sub("", text))


def ptune_commands():
    return [(page, line) for page in PAGES for line in code(page) if re.match(r"ptune [a-z-]", line)]


def arguments(line):
    """A line's words up to a comment, a pipe or a redirection; placeholders such as URL stand as they are."""
    words = shlex.split(line.replace("…", "x").replace("...", "x"), comments=True)
    stops = [index for index, word in enumerate(words) if word in ("|", ">", "<", "&&", ";") or word.startswith("#")]
    return words[1 : min(stops, default=len(words))]


@pytest.mark.parametrize(("page", "line"), ptune_commands(), ids=str)
def test_a_command_on_a_page_parses(page, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name, *rest = arguments(line)
    for word in rest:
        if "." in word and "://" not in word and not word.startswith(("-", "/")):
            (tmp_path / word).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / word).touch()  # files that a page names may be opened while parsing
    assert name in cli.commands, f"{page.name}: {line}"
    if rest:  # a bare `ptune search` in running text names the command
        try:
            cli.commands[name].make_context(name, rest)
        except click.exceptions.Exit:  # --help
            return
        except click.UsageError as problem:
            pytest.fail(f"{page.name}: {line}: {problem.format_message()}")


def anchors(page):
    """What a link into a page may name: its headings, spelt as GitHub spells them."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", _FENCE.sub("", page.read_text(encoding="utf-8"))):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            assert target.exists(), f"{page.relative_to(ROOT)} links to {link}"
            assert not anchor or anchor in anchors(target), f"{page.relative_to(ROOT)} links to {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_modules_named_on_a_page_exist(page):
    for name in re.findall(r"`([a-z_0-9/]+\.py)`", page.read_text(encoding="utf-8")):
        assert any((folder / name).exists() for folder in (ROOT, PACKAGE)), f"{page.relative_to(ROOT)}: {name}"


def tables():
    return [
        (page, tomllib.loads(body))
        for page in PAGES
        for language, body in _FENCE.findall(page.read_text(encoding="utf-8"))
        if language == "toml"
    ]


@pytest.mark.parametrize(("page", "content"), tables())
def test_a_table_on_a_page_is_valid(page, content):
    if {"name", "backbone", "task", "space", "budget"} <= content.keys() and isinstance(content["space"], dict):
        Job.model_validate(content)
    elif "data" in content.get("task", {}):
        TypeAdapter(Task).validate_python(content["task"])
    space = content if "parameters" in content else content.get("space")
    if isinstance(space, dict):
        Space.model_validate({"baseline": [], **space})


def programs():
    return [
        (page, body)
        for page in PAGES
        for language, body in _FENCE.findall(page.read_text(encoding="utf-8"))
        if language == "python"
    ]


NAMED = {"ptune": ptune, "result": ptune.SearchResult, "prompt": ptune.Prompt}
"""What the programs on pages call things."""


@pytest.mark.parametrize(("page", "program"), programs(), ids=lambda value: getattr(value, "name", None))
def test_a_program_on_a_page_uses_what_there_is(page, program):
    """The public names' own examples run; here every name and keyword has to exist."""
    calls = [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Call)]
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in NAMED:
            assert hasattr(NAMED[node.value.id], node.attr), f"{page.name}: {ast.unparse(node)}"
    for call in calls:
        owner = getattr(call.func, "value", None)
        if isinstance(owner, ast.Name) and owner.id in NAMED:
            parameters = inspect.signature(getattr(NAMED[owner.id], call.func.attr)).parameters
            unknown = {keyword.arg for keyword in call.keywords} - parameters.keys()
            assert not unknown, f"{page.name}: {ast.unparse(call)}"


def test_make_targets_on_pages_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in PAGES:
        for target in re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page.name}: make {target}"


def test_every_command_explains_itself_with_an_example():
    for name, command in cli.commands.items():
        assert f"ptune {name}" in (command.help or ""), name
