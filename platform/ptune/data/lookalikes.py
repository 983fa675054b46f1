"""Labels that are probably meant as one, or as none: they differ in case, spaces or the format of a number. Pure."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from ptune.errors import nearest
from ptune.spec.write import toml_value

_MISSING = frozenset({"nan", "none", "null", "n/a", "na", "nil", "<na>", "#n/a", "?", "-"})
_NAMED = 5
"""Groups of labels that are named."""


def alike(label: str) -> str:
    """What labels have in common that look alike: letters without case, spaces and quotes, and numbers as such."""
    text = "".join(sign for sign in unicodedata.normalize("NFKC", label) if unicodedata.category(sign) != "Cf")
    text = " ".join(text.casefold().split())
    text = text.strip("\"'") or text
    try:
        return repr(float(text)) if text not in _MISSING and "_" not in text else text
    except ValueError:
        return text


def likeliest(label: str, labels: Sequence[str]) -> str:
    """The hint that a label may be meant as another one."""
    same = [name for name in labels if alike(name) == alike(label)]
    return f"; did you mean {same[0]!r}?" if same else nearest(label, labels)


def doubtful(labels: Iterable[str], source: str, column: str) -> list[str]:
    """What is to be said of labels that look alike, or like a missing value; empty for most data.

    Args:
        labels: the label of each example.
        source: the file, for the message.
        column: the column that holds them.
    """
    counts = Counter(labels)
    groups = defaultdict(list)
    for label in counts:
        groups[alike(label)].append(label)
    twins = [sorted(names, key=lambda name: -counts[name]) for names in groups.values() if len(names) > 1]
    notes = []
    if twins:
        shown = "; ".join(", ".join(f"{name!r} ({counts[name]})" for name in names) for names in twins[:_NAMED])
        first, second = twins[0][:2]
        remedy = f"replace = {{ {_toml(column)} = {{ {_toml(second)} = {_toml(first)} }} }} makes one of two"
        notes.append(f"{source}: labels that look alike are classes of their own: {shown}; {remedy}")
    if empty := [f"{name!r} ({counts[name]})" for name in counts if alike(name) in _MISSING]:
        notes.append(f"{source}: a label may stand for a missing one, and is a class of its own: {', '.join(empty)}")
    return notes


def _toml(text: str) -> str:
    """A text as a quoted string of TOML, invisible signs written out."""
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in toml_value(text))
