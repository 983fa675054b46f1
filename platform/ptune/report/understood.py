"""What a job makes of its data, printed: a few lines for each data set that fit any terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ptune.checks.understood import Lengths, Understood, UnderstoodSplit
from ptune.report.said import one_line
from ptune.report.wording import plural

_INDENT, _NAME = 3, 9
_LABELS = 8
"""Labels that are counted by name."""
_EXAMPLE = 600
"""Characters of an example that are shown."""


def lines(data_sets: Sequence[Understood], width: int) -> Iterator[str]:
    """The lines that tell what was understood.

    Args:
        data_sets: a job's data sets.
        width: characters in a line.
    """
    for data in data_sets:
        if len(data_sets) > 1:
            yield f"{' ' * _INDENT}{data.name}"
        yield from _told("columns", data.columns, width)
        for split in data.splits:
            yield from _told(split.role, _split(split, data), width)
        if data.weights:
            yield from _told(
                "weights", _answers([(name, round(value, 4)) for name, value in data.weights.items()]), width
            )
        if data.example is not None:
            shown = data.example if len(data.example) <= _EXAMPLE else f"{data.example[:_EXAMPLE]}..."
            yield from _told("example", one_line(shown), width)
            yield from _told("answer", one_line(data.answer)[:_EXAMPLE], width)


def _told(name: str, text: str, width: int) -> list[str]:
    """A named text, folded beside its name."""
    from rich.text import Text

    from ptune.report.console import Terminal  # knows how wide the signs of a terminal are

    first = f"{' ' * _INDENT}{name:<{_NAME}}"
    folded = [line.plain.rstrip() for line in Text(text).wrap(Terminal(), max(width, 40) - len(first))]
    return [(" " * len(first) if number else first) + line for number, line in enumerate(folded)]


def _split(split: UnderstoodSplit, data: Understood) -> str:
    parts = [plural(split.rows, "row")]
    if split.answers:
        parts.append(_answers(split.answers))
    if split.numbers is not None:
        numbers = split.numbers
        parts.append(f"{numbers.lowest:g} to {numbers.highest:g}, mean {numbers.mean:.4g}")
    if split.lengths is not None:
        parts.append(_lengths(split.lengths, data, split.rows))
    return "; ".join(parts)


def _answers(answers: Sequence[tuple[str, float]]) -> str:
    """How often each answer stands there, or how much it counts; of many, the extremes and their number."""
    if len(answers) <= _LABELS:
        return ", ".join(f"{one_line(label)} {number}" for label, number in answers)
    ranked = sorted(answers, key=lambda answer: -answer[1])
    most, least = ranked[0], ranked[-1]
    return f"{len(answers)} labels, from {one_line(least[0])} {least[1]} to {one_line(most[0])} {most[1]}"


def _lengths(lengths: Lengths, data: Understood, rows: int) -> str:
    """Lengths in tokens, and how many inputs are too long."""
    text = f"{lengths.shortest} to {lengths.longest} tokens, median {lengths.median}"
    fate = "cut into windows of" if data.windows else "shortened to"
    over = f"{lengths.over} {fate} {data.max_length}" if lengths.over else f"none over {data.max_length}"
    return f"{text}, {over}" + (f" (the first {lengths.of} inputs)" if lengths.of < rows else "")
