"""What the data of a task may be in a file that nobody has described: its kind, and the keys of `[task.data]`.

A proposal is a guess from names and values. It is checked by loading it, like any other data.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ptune.data import entities, facts, infills, label_sets, targets
from ptune.data.columns import explode
from ptune.data.csv_table import sniffed
from ptune.data.json_table import nested_lists
from ptune.data.readers import Reading, read_file
from ptune.data.table import Table
from ptune.data.text_file import TAGGED, contents, unpacked_suffix
from ptune.data.values import KIND as REGRESSION
from ptune.data.values import parsed
from ptune.errors import DataError

_LABELS = (
    *("label", "labels", "gold_label", "class", "category", "sentiment", "stars", "rating", "score", "intent", "topic"),
    *("emotion", "polarity", "tag", "type", "stance", "verdict", "target", "y"),
)
_NUMBERS = ("score", "similarity", "similarity_score", "relatedness", "relatedness_score", "mos", "value")
_LABEL_SETS = ("labels", "tags", "topics", "genres", "categories", "classes", "emotions", "keywords", "codes", "genre")
_TARGETS = ("target", "summary", "output", "response", "highlights", "completion", "translation", "answer", "reference")
_PAIRS = (
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("sentence_1", "sentence_2"),
    ("text_a", "text_b"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("passage", "question"),
)
_TEXTS = ("text", "sentence", "review", "content", "body", "comment", "tweet", "title", "input", "question", "document")
_CANDIDATES = re.compile(r"(choice|ending|option|candidate|solution|sol|alternative)_?\d|[A-E]", re.IGNORECASE)
_SCHEMES = re.compile(r"O|[BIESLU]-.+")
_SIBLINGS = {"dev": ("dev", "valid", "validation", "val", "eval"), "test": ("test",)}
_FEWEST_FLAGS = 3
"""Columns of 0 and 1 that are labels together; one or two may be anything."""
_MOST_LABELS, _LOOKED_AT = 200, 2_000


@dataclass(frozen=True)
class Proposal:
    """The data of a task.

    Attributes:
        kind: the kind of task.
        keys: the keys of `[task.data]`, as a job has them.
        rows: rows of the file.
        columns: names of its columns.
        notes: what is to be said of the file, and of the guess.
    """

    kind: str
    keys: Mapping[str, Any]
    rows: int
    columns: Sequence[str]
    notes: Sequence[str] = field(default_factory=list)


def propose(path: Path, kind: str | None = None) -> Proposal:
    """Guess what a file holds.

    Args:
        path: the file.
        kind: the kind of task that it is for; None guesses that, too.

    Raises:
        DataError: the file cannot be read, or suits no task, or not this kind; the message lists its columns.
    """
    keys, table = _read(path, kind)
    guess = next((likely for likely in _guesses(table, str(path)) if kind in (None, likely.kind)), None)
    if guess is None:
        what = "a task" if kind is None else f"kind = {kind!r}"
        raise DataError(f"{path}: no columns for {what} are found (there are: {', '.join(_described(table))})")
    keys = {**_splits(path), **keys, **guess.keys}
    return Proposal(guess.kind, keys, len(table), table.column_names, [*table.notes, *guess.notes])


def _read(path: Path, kind: str | None) -> tuple[Mapping[str, Any], Table]:
    """The keys that read a file, and what it holds."""
    if unpacked_suffix(path) == ".parquet":
        return {}, read_file(path)
    content = contents(path)
    encoding = content.likely_encoding()
    keys = {} if encoding is None else {"encoding": encoding}
    is_tagged = content.kind in TAGGED or (content.kind == ".tsv" and kind == "tokens")
    if is_tagged and (content.kind != ".txt" or kind == "tokens" or _is_tagged(path, encoding)):
        return keys, read_file(path, reading=Reading(tagged=True, encoding=encoding))
    if content.kind in (".csv", ".tsv", ".txt"):
        usual, delimiter = sniffed(content, content.text(encoding))
        keys |= {} if delimiter == usual else {"delimiter": delimiter}
        return keys, read_file(path, reading=Reading(encoding=encoding, delimiter=delimiter))
    return keys, read_file(path, reading=Reading(encoding=encoding))


def _is_tagged(path: Path, encoding: str | None) -> bool:
    try:
        table = read_file(path, reading=Reading(tagged=True, encoding=encoding))
    except DataError:
        return False
    return all(_SCHEMES.fullmatch(tag) for tags in table["tags"] for tag in tags)


@dataclass(frozen=True)
class _Guess:
    kind: str
    keys: Mapping[str, Any]
    notes: Sequence[str] = ()


def _guesses(table: Table, source: str) -> Iterator[_Guess]:
    """What a table may be for, the likeliest first; rows that lie inside lists count where the table has none."""
    yield from _flat_guesses(table)
    rows = list(table.select(range(min(len(table), _LOOKED_AT))))
    inside = [
        _Guess(guess.kind, {"explode": path, **guess.keys}, guess.notes)
        for path, _ in nested_lists(rows)
        for guess in _flat_guesses(explode(table, source, path))
    ]
    # The places of entities in a passage look like rows with labels, too.
    yield from sorted(inside, key=lambda guess: guess.kind != entities.KIND)


def _flat_guesses(table: Table) -> Iterator[_Guess]:
    values = {name: [v for v in table[name][:_LOOKED_AT] if v is not None] for name in table.column_names}
    values = {name: column for name, column in values.items() if column}
    before = (_tokens, _span, _entity, _choice, _cloze, _label_lists, _label_texts, _label_columns, _named_fractions)
    for recognised in (*before, _classification, _fractions, _generation, _named_numbers, _infill):
        guess = recognised(values)
        if guess is not None:
            yield guess


def _tokens(values: Mapping[str, Sequence[Any]]) -> _Guess | None:
    lists = [name for name, column in values.items() if all(isinstance(v, list) for v in column)]
    lengths = {name: [len(v) for v in values[name]] for name in lists}
    words = [name for name in lists if all(isinstance(word, str) for v in values[name] for word in v)]
    for word in sorted(words, key=lambda name: -len({w for v in values[name] for w in v})):
        tags = [name for name in lists if name != word and lengths[name] == lengths[word]]
        tags = [name for name in tags if all(isinstance(tag, str | int) for v in values[name] for tag in v)]
        if tags:
            named = [name for name in tags if "ner" in name or "tag" in name] or tags
            return _Guess("tokens", {"words": word, "tags": named[0]})
    return None


def _span(values: Mapping[str, Sequence[Any]]) -> _Guess | None:
    answers = [name for name, column in values.items() if all(map(_is_answer, column))]
    texts = _texts(values)
    if not answers or len(texts) < 2:
        return None
    context = next((name for name in texts if _last(name) in ("context", "passage", "paragraph")), texts[0])
    asked = [name for name in texts if name != context]
    question = next((name for name in asked if "question" in _last(name)), asked[0])
    return _Guess("span", {"question": question, "context": context, "answers": answers[0]})


def _is_answer(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, dict) and {"text", "answer_start"} <= item.keys() for item in value)
    return isinstance(value, dict) and {"text", "answer_start"} <= value.keys()


def _entity(values: Mapping[str, Sequence[Any]]) -> _Guess | None:
    """A passage, a query, and two lists that are called as ReCoRD calls them."""
    keys = {key: name for name in values if (key := _last(name)) in ("query", "entities", "answers")}
    passages = [name for name in _texts(values) if name != keys.get("query")]
    if len(keys) < 3 or not passages:
        return None
    return _Guess(entities.KIND, {"passage": passages[0], **keys})


def _choice(values: Mapping[str, Sequence[Any]]) -> _Guess | None:
    candidates = sorted(name for name in values if _CANDIDATES.fullmatch(_last(name)))
    texts = [name for name in _texts(values, fewest=1) if name not in candidates]
    numbers = [name for name in values if name not in (*candidates, *texts) and _counts(values[name], len(candidates))]
    named = [name for name in numbers if _last(name).lower() in _LABELS] or numbers
    if len(candidates) < 2 or not texts or not named:
        return None
    return _Guess("choice", {"text": texts[:2], "choices": candidates, "label": named[0]})


def _counts(column: Sequence[Any], most: int) -> bool:
    """Whether a column numbers some candidates, from 0."""
    return all(isinstance(v, int | str) and str(v).isdecimal() and int(v) < most for v in column)


def _infill(values: Mapping[str, Sequence[Any]]) -> _Guess | None:
    """A noun that a pronoun may mean, called as WSC calls it."""
    spans = {key: name for name in values if (key := _last(name)) in ("span1_text", "span2_text")}
    texts = [name for name in _texts(values) if name not in spans.values()]
    labels = [name for name in values if _last(name).lower() in _LABELS]
    if len(spans) < 2 or not texts or not labels:
        return None
    text, noun, pronoun = _chosen(texts)[0], spans["span1_text"], spans["span2_text"]
    template = f"{{{text}}} The pronoun '*{{{pronoun}}}*' refers to {{{noun}}}."
    return _Guess(infills.KIND, {"text": [text, pronoun], "span": noun, "label": labels[0], "template": template})


def _cloze(values: Mapping[str, Sequence[Any]]) -> _Guess | None:
    if not {"sub_label", "obj_label"} <= values.keys():
        return None
    note = "the template is a guess: write the relation between {sub_label} and [MASK]"
    return _Guess(facts.KIND, {"template": "{sub_label} is [MASK]."}, [note])


def _label_lists(values: Mapping[str, Sequence[Any]]) -> _Guess | None:
    """Multi-label classification on a column of lists."""
    lists = {name: column for name, column in values.items() if all(isinstance(v, list) for v in column)}
    return _multilabel({name: column for name, column in lists.items() if _are_labels(column)}, values)


def _label_texts(values: Mapping[str, Sequence[Any]]) -> _Guess | None:
    """The same on a column of texts that a sign takes apart, if its name says so."""
    for sign in label_sets.SEPARATORS:
        taken = {
            name: [label_sets.apart(v, sign) for v in column]
            for name, column in values.items()
            if _last(name).lower() in _LABEL_SETS and all(isinstance(v, str) for v in column)
        }
        several = {name: column for name, column in taken.items() if any(len(v) > 1 for v in column)}
        guess = _multilabel({name: column for name, column in several.items() if _are_labels(column)}, values)
        if guess is not None:
            return _Guess(guess.kind, {**guess.keys, "separator": sign}, guess.notes)
    return None


def _label_columns(values: Mapping[str, Sequence[Any]]) -> _Guess | None:
    """The same on columns of 0 and 1, unless one of them is called as the only label is."""
    flags = [name for name, column in values.items() if label_sets.are_flags(column)]
    texts = [name for name in _texts(values) if name not in flags]
    if len(flags) < _FEWEST_FLAGS or not texts or any(_last(name).lower() in _LABELS for name in values):
        return None
    note = f"that {', '.join(flags)} are the labels is a guess: they hold 0 and 1"
    return _Guess(label_sets.KIND, {"text": _chosen(texts), "label_columns": flags}, [note])


def _multilabel(columns: Collection[str], values: Mapping[str, Sequence[Any]]) -> _Guess | None:
    by_name = {_last(name).lower(): name for name in columns}
    label = next((by_name[name] for name in _LABEL_SETS if name in by_name), next(iter(columns), None))
    texts = [name for name in _texts(values) if name != label]
    return _Guess(label_sets.KIND, {"text": _chosen(texts), "label": label}) if label and texts else None


def _are_labels(column: Sequence[Sequence[Any]]) -> bool:
    """Whether the items of lists repeat as labels do."""
    items = [item for value in column for item in value]
    return all(isinstance(item, str | int) for item in items) and _is_label(items)


def _named_fractions(values: Mapping[str, Sequence[Any]]) -> _Guess | None:
    """Regression on a column of fractions whose name says that it is what to predict."""
    return _named({name: column for name, column in values.items() if _is_measured(column)}, values)


def _named_numbers(values: Mapping[str, Sequence[Any]]) -> _Guess | None:
    """The same of any numbers, which are mostly something else."""
    return _named({name: column for name, column in values.items() if None not in map(parsed, column)}, values)


def _fractions(values: Mapping[str, Sequence[Any]]) -> _Guess | None:
    """Regression on the first column of fractions."""
    label = next((name for name, column in values.items() if _is_measured(column)), None)
    note = f"that {label!r} holds the number to predict is a guess: it is the first column of fractions"
    return None if label is None else _regression(values, label, note)


def _named(numbers: Collection[str], values: Mapping[str, Sequence[Any]]) -> _Guess | None:
    by_name = {_last(name).lower(): name for name in numbers}
    label = next((by_name[name] for name in (*_NUMBERS, *_LABELS) if name in by_name), None)
    return None if label is None else _regression(values, label)


def _regression(values: Mapping[str, Sequence[Any]], label: str, *notes: str) -> _Guess | None:
    texts = [name for name in _texts(values) if name != label]
    return _Guess(REGRESSION, {"text": _chosen(texts), "label": label}, notes) if texts else None


def _is_measured(column: Sequence[Any]) -> bool:
    """Whether values are numbers, and some of them fractions."""
    numbers = [parsed(value) for value in column]
    return None not in numbers and any(number is not None and not number.is_integer() for number in numbers)


def _classification(values: Mapping[str, Sequence[Any]]) -> _Guess | None:
    texts = _texts(values)
    labels = [name for name in values if name not in texts[:1] and _is_label(values[name])]
    named = [name for wanted in _LABELS for name in labels if _last(name).lower() == wanted]
    label = next(iter(named), min(labels, key=lambda name: len(set(map(str, values[name]))), default=None))
    texts = [name for name in texts if name != label] or [
        name for name in values if name != label and all(isinstance(v, str) for v in values[name])
    ]
    if label is None or not texts:
        return None
    notes = [] if named else [f"that {label!r} is the label is a guess: it has the fewest values"]
    return _Guess("classification", {"text": _chosen(texts), "label": label}, notes)


def _is_label(column: Sequence[Any]) -> bool:
    """Whether values repeat as labels do: few of them, short, and none a list, an object or a fraction."""
    if not all(isinstance(v, str | int | bool) or (isinstance(v, float) and v.is_integer()) for v in column):
        return False
    if _is_measured(column):
        return False
    distinct = {str(v).strip() for v in column}
    short = all(0 < len(v) <= 60 and len(v.split()) <= 6 for v in distinct)
    return short and 2 <= len(distinct) <= min(_MOST_LABELS, max(2, len(column) // 2))


def _generation(values: Mapping[str, Sequence[Any]]) -> _Guess | None:
    texts = _texts(values, fewest=1)
    named = [name for wanted in _TARGETS for name in texts if _last(name).lower() == wanted]
    if not named or len(texts) < 2:
        return None
    inputs = [name for name in texts if name != named[0]]
    return _Guess(targets.KIND, {"text": _chosen(inputs), "target": named[0]})


def _texts(values: Mapping[str, Sequence[Any]], fewest: float = 2) -> list[str]:
    """The columns of texts, the longest first: strings that mostly differ, or have several words."""
    sizes = {}
    for name, column in values.items():
        if all(isinstance(v, str) for v in column):
            words = sum(len(v.split()) for v in column) / len(column)
            wide = sum(not v.isascii() for v in column) * 2 > len(column)  # of scripts that may not part words
            if (words >= fewest and (not _is_label(column) or _last(name).lower() in _TEXTS)) or (wide and fewest > 1):
                sizes[name] = sum(map(len, column))
    return sorted(sizes, key=lambda name: -sizes[name])


def _chosen(texts: Sequence[str]) -> list[str]:
    """Which texts an input has: a pair that is known by its names, a column that is called a text, or the longest."""
    by_name = {_last(name).lower(): name for name in texts}
    for first, second in _PAIRS:
        if first in by_name and second in by_name:
            return [by_name[first], by_name[second]]
    return [next((by_name[name] for name in _TEXTS if name in by_name), texts[0])]


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _described(table: Table) -> list[str]:
    return table.column_names[:20]


def _splits(path: Path) -> Mapping[str, Any]:
    """The splits: files beside this one that are called as its other splits are, else two parts of this one."""
    stem, _, suffixes = path.name.partition(".")
    parts = re.split(r"([-_.])", stem)
    beside: Collection[str] = {file.name for file in path.parent.iterdir() if file.is_file()}
    splits = {}
    if "train" in parts:
        for role, names in _SIBLINGS.items():
            others = ("".join(name if part == "train" else part for part in parts) for name in names)
            other = next((f"{name}.{suffixes}" for name in others if f"{name}.{suffixes}" in beside), None)
            if other is not None:
                splits[role] = str(path.parent / other)
    if "dev" not in splits:
        return {"train": f"{path}[:80%]", "dev": f"{path}[80%:]", **splits}
    return {"train": str(path), **splits}
