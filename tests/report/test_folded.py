"""Configurations on several lines."""

import io

import pytest
from rich.console import Console
from rich.text import Text

from ptune.report.folded import Folded, fold

TEXT = "v2 · 17 tokens · head lr 0.01 · lr 0.0881"


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (80, [TEXT]),
        (24, ["v2 · 17 tokens ·", "head lr 0.01 · lr 0.0881"]),
        (23, ["v2 · 17 tokens ·", "head lr 0.01 ·", "lr 0.0881"]),
        (1, ["v2 ·", "17 tokens ·", "head lr 0.01 ·", "lr 0.0881"]),
    ],
)
def test_it_breaks_between_parameters_alone(width, lines):
    assert fold(TEXT, width) == lines
    assert fold(f"title\n{TEXT}", width) == ["title", *lines]


def test_colours_stay_where_they_were():
    console = Console(file=io.StringIO(), width=24, force_terminal=True, color_system="standard")
    console.print(Folded(Text.assemble("v2 · 17 tokens · head lr 0.01 · ", ("lr 0.0881", "green"))))
    assert console.file.getvalue().splitlines() == ["v2 · 17 tokens ·", "head lr 0.01 · \x1b[32mlr 0.0881\x1b[0m"]
