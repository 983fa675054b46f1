"""Numbers with words beside or below them."""

import io

import pytest
from rich.console import Console

from ptune.report.beside_words import beside_words
from ptune.report.folded import Folded

ROWS = [(["0.8750 ± 0.0050", "2"], Folded("v2 · 20 tokens · lr 0.01")), (["0.7942", "1"], Folded("v1 · 3 tokens"))]


def printed(width):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(beside_words(["dev", "trials"], ROWS, "configuration", width))
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [80, 140])
def test_words_stand_beside_numbers_where_there_is_room(width):
    assert printed(width) == [
        "dev trials configuration",
        "0.8750 ± 0.0050 2 v2 · 20 tokens · lr 0.01",
        "0.7942 1 v1 · 3 tokens",
    ]


def test_numbers_never_break_and_words_go_below_where_there_is_none():
    assert printed(40) == [
        "# dev trials",
        "1 0.8750 ± 0.0050 2",
        "2 0.7942 1",
        "1 v2 · 20 tokens · lr 0.01",
        "2 v1 · 3 tokens",
    ]
