"""One thing that somebody gives to ptune, and what must come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Content = str | bytes


@dataclass(frozen=True)
class Case:
    """An input.

    Attributes:
        name: what is wrong, or odd, about it.
        arguments: the words behind `ptune`.
        code: the exit code that it must have.
        words: what the messages must hold.
        files: files to write before, by path.
    """

    name: str
    arguments: tuple[str, ...]
    code: int
    words: tuple[str, ...] = ()
    files: Mapping[str, Content] = field(default_factory=dict)


JOB = {
    "name": '"t"',
    "backbone.id": '"packaged:minilm"',
    "task.data.source": '"builtin:whose_job"',
    "budget.trials": "2",
    "budget.epochs": "2",
    "space.parameters.method.value": '"v2"',
}
"""A job that is right, by dotted key."""


def toml(changes: Mapping[str, str | None] | None = None, more: str = "") -> str:
    """The text of the job with other values for some keys; None leaves a key out."""
    lines = {**JOB, **(changes or {})}
    return "".join(f"{key} = {value}\n" for key, value in lines.items() if value is not None) + more
