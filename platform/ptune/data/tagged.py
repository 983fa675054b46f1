"""Sentences as lists of words, with a tag for each word, and further texts beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ptune.data import columns
from ptune.data.bad_rows import bad_rows, refuse
from ptune.data.columns import Columns, sorted_labels, texts_of
from ptune.data.lookalikes import doubtful
from ptune.data.table import Table
from ptune.errors import DataError, listed, nearest
from ptune.spec.data import TokensData


def columns_read(data: TokensData) -> list[str]:
    """The columns that token classification reads."""
    return [data.words, data.tags, *data.text]


def extract(table: Table, source: str, data: TokensData) -> Columns:
    """Take the words, tags and further texts out of a table that has them.

    Blank words, as files with a character on each line write the spaces of a sentence, are left out with their tags:
    no token stands for them.

    Raises:
        DataError: rows hold no words, not one tag for each word, or no further text; one line for each problem.
    """
    declared = table.declared.get(data.tags)
    words, tags = table[data.words], table[data.tags]
    further, problems = texts_of(table, source, data.text)
    problems += bad_rows(f"{source}: column {data.words!r}", words, _words_problem)
    if not problems:
        pairs = list(zip(words, tags, strict=True))
        problems += bad_rows(
            f"{source}: column {data.tags!r}", pairs, lambda pair: _tags_problem(*pair, declared=declared)
        )
    refuse(problems)
    visible = [[index for index, word in enumerate(sentence) if word.strip()] for sentence in words]
    texts = [
        ([sentence[index] for index in indices], *more_texts)
        for sentence, indices, more_texts in zip(words, visible, further or [()] * len(words), strict=True)
    ]
    names = [
        [columns.label_name(row[index], declared) for index in indices]
        for row, indices in zip(tags, visible, strict=True)
    ]
    return Columns(source, texts, names, declared)


def label_order(train: Columns, data: TokensData) -> list[str]:
    """The tags in the order of the head's outputs: as the job states them, as declared, or the training split's.

    Raises:
        DataError: the training split holds fewer than two tags.
    """
    names = {tag for tags in train.labels for tag in tags}
    if len(names) < 2:
        raise DataError(f"{train.source}: tags must differ; every word here has {names.pop()!r}")
    if data.labels is not None:
        return list(data.labels)
    return list(train.declared) if train.declared is not None else sorted_labels(names)


def number(read: Columns, labels: Sequence[str]) -> list[list[int]]:
    """Turn the tags of each sentence into their positions in `labels`.

    Raises:
        DataError: a word has a tag that is not among them.
    """
    position = {name: index for index, name in enumerate(labels)}

    def problem(tags: list[str]) -> str | None:
        unknown = next((tag for tag in tags if tag not in position), None)
        return None if unknown is None else _unknown(unknown, labels)

    refuse(bad_rows(read.source, read.labels, problem))
    return [[position[tag] for tag in tags] for tags in read.labels]


def _unknown(tag: str, labels: Sequence[str]) -> str:
    """The message that a tag is not among the tags, with what may have been meant.

    A tag such as `I-product` is of a scheme: where in an entity, and of which kind. Another place in an entity of the
    same kind is no misspelling; a kind may be misspelt, and then the place stays.
    """
    place, hyphen, kind = tag.partition("-")
    siblings = [label for label in labels if hyphen and label.partition("-")[2] == kind]
    law = f"tag {tag!r} is not among the tags"
    valid = f"(valid: {listed(labels)}); labels states them"
    if siblings:
        return f"{law}, which have {kind!r} only in {', '.join(map(repr, siblings))} {valid}"
    plausible = [label for label in labels if label.partition("-")[0] == place] if hyphen else labels
    return f"{law}{nearest(tag, plausible)} {valid}"


_PLACES = ("B-", "I-", "E-", "S-", "L-", "U-")
"""How the tags of IOB1, IOB2, BIOES and BILOU begin."""


def notes(read: Columns, data: TokensData) -> list[str]:
    """What is to be said of a training split's tags."""
    tags = [tag for sentence in read.labels for tag in sentence]
    strange = sorted({tag for tag in tags if tag != "O" and not tag.startswith(_PLACES)})
    said = doubtful(tags, read.source, data.tags)
    if not strange:
        return said
    named = ", ".join(map(repr, strange[:5])) + (", ..." if len(strange) > 5 else "")
    law = "are of no scheme (O, B-x, I-x): entity scores such as f1 mean little, accuracy counts words"
    return [*said, f"{read.source}: the tags {named} {law}"]


def _words_problem(value: Any) -> str | None:
    if value is None:
        return "the words are missing (null)"
    if not isinstance(value, list):
        return f"the words must be a list of strings, got {value!r} ({type(value).__name__})"
    for word in value:
        if not isinstance(word, str):
            return f"a word must be a string, got {word!r} ({type(word).__name__})"
        if not columns.is_unicode(word):
            return f"a word is not valid Unicode: {word[:40]!r}"
    return None if any(word.strip() for word in value) else f"there is no word: {value!r}"


def _tags_problem(words: list[str], tags: Any, *, declared: list[str] | None) -> str | None:
    if not isinstance(tags, list):
        return f"the tags must be a list, got {tags!r} ({type(tags).__name__})"
    if len(tags) != len(words):
        return f"every word has one tag, got {len(tags)} tags for {len(words)} words"
    for tag in tags:
        if tag is None or (isinstance(tag, str) and not tag.strip()):
            return "a tag is missing"
        if not isinstance(tag, str | int):
            return f"a tag must be a string or an integer, got {tag!r} ({type(tag).__name__})"
        if (law := columns.label_problem(tag, declared)) is not None:
            return f"a tag: {law}"
    return None


def counted(answers: Sequence[Sequence[int]], labels: Sequence[str]) -> list[tuple[str, int]]:
    """How many words have each tag, in the order of the tags."""
    return columns.counted([tag for tags in answers for tag in tags], labels)


def written(answer: Sequence[int], labels: Sequence[str]) -> str:
    """An answer as people read it: its tags."""
    return " ".join(labels[tag] for tag in answer)
