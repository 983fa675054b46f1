"""Rows of each kind of task, as JSON lines: what is read, and what is refused with which words."""

import json
from collections.abc import Iterator
from typing import Any

from support.input_cases import Case, toml

HALF = "\ud800"
"""Half of a letter, which JSON can hold and UTF-8 cannot."""
TYPICAL: dict[str, dict[str, Any]] = {
    "classification": {"text": "a", "label": "y"},
    "entity": {
        "passage": "Bob met Al in Rome.",
        "query": "Who met @placeholder?",
        "entities": ["Bob", "Al"],
        "answers": ["Al"],
    },
    "span": {"question": "Who?", "context": "Bob met Al.", "answers": {"text": ["Bob"], "answer_start": [0]}},
    "choice": {"premise": "a", "question": "because", "choice1": "b", "choice2": "c", "label": 1},
    "tokens": {"words": ["a", "b"], "tags": ["O", "B-x"]},
    "multilabel": {"text": "a", "a": 1, "b": 1},
    "regression": {"text": "a", "label": 1.5},
}
"""One good row of each kind."""
FLAGS = 'label_columns = ["a", "b"]'
PLACE = {"start": 0, "end": 2}
KINDS: dict[str, tuple[str, dict[str, Any], str, int, list[str]]] = {
    "entity as it is": ("entity", {}, "", 0, []),
    "entities by their places": ("entity", {"entities": [PLACE], "answers": ["Bob"]}, "", 0, []),
    "entities in one text": ("entity", {"entities": "Bob | Al"}, "", 0, []),
    "entities twice": ("entity", {"entities": ["Al", "Al", "Bob"]}, "", 0, []),
    "a query without a place": ("entity", {"query": "Who?"}, "", 0, ["hold no '@placeholder'"]),
    "a query with two places": ("entity", {"query": "@placeholder, @placeholder"}, "", 0, []),
    "an entity past the end": ("entity", {"entities": [{"start": 0, "end": 99}]}, "", 2, ["(0 to 18)", "99"]),
    "an entity between characters": ("entity", {"entities": [{"start": 0.0, "end": 2.0}]}, "", 2, ["0.0"]),
    "an entity from false to true": ("entity", {"entities": [{"start": False, "end": True}]}, "", 2, ["False"]),
    "an entity without an end": ("entity", {"entities": [{"start": 0}]}, "", 2, ["{'start': 0}"]),
    "an entity of no letters": ("entity", {"entities": ["Bob", " "]}, "", 2, ["the text is empty"]),
    "an entity that is a number": ("entity", {"entities": [{"text": 5}]}, "", 2, ["got 5 (int)"]),
    "an entity in a list in a list": ("entity", {"entities": [["Bob"]]}, "", 2, ["an item must be a text"]),
    "half an entity": ("entity", {"entities": ["Al", HALF]}, "", 2, ["not valid Unicode"]),
    "no entities": ("entity", {"entities": []}, "", 2, ["the list is empty"]),
    "null entities": ("entity", {"entities": None}, "", 2, ["must be a list of texts", "got None"]),
    "no answers": ("entity", {"answers": []}, "", 2, ["the list is empty"]),
    "answers that are no entity": ("entity", {"answers": ["Zed"]}, "", 2, ["no entity in 'entities'"]),
    "answers in another case": ("entity", {"answers": ["al"]}, "", 2, ["no entity in 'entities'"]),
    "a placeholder of nothing": ("entity", {}, 'placeholder = ""', 2, ["placeholder"]),
    "two keys for one column": ("entity", {}, 'query = "passage"', 2, ["different columns"]),
    "a question as it is": ("span", {}, "", 0, []),
    "answers one by one": ("span", {"answers": [{"text": "Bob", "answer_start": 0}]}, "", 0, []),
    "an answer elsewhere": ("span", {"answers": {"text": ["Bob"], "answer_start": [4]}}, "", 2, ["where 'met' stands"]),
    "an answer past the end": ("span", {"answers": {"text": ["Bob"], "answer_start": [400]}}, "", 2, ["400"]),
    "an answer from behind": ("span", {"answers": {"text": ["Al."], "answer_start": [-3]}}, "", 2, ["-3"]),
    "an answer at a word": ("span", {"answers": {"text": ["Bob"], "answer_start": ["0"]}}, "", 2, ["at '0'"]),
    "an answer at a truth": ("span", {"answers": {"text": ["Bob"], "answer_start": [False]}}, "", 2, ["at False"]),
    "an answer too many": ("span", {"answers": {"text": ["Bob", "Al"], "answer_start": [0]}}, "", 2, ["both as long"]),
    "an answer of nothing": ("span", {"answers": {"text": [""], "answer_start": [0]}}, "", 2, ["the answer is empty"]),
    "an answer that is a text": ("span", {"answers": "Bob"}, "", 2, ["got 'Bob'"]),
    "no answer to any question": ("span", {"answers": {"text": [], "answer_start": []}}, "", 2, ["no question"]),
    "half a context": ("span", {"context": "Bob " + HALF}, "", 2, ["not valid Unicode"]),
    "a stride longer than half": ("span", {}, "stride = 500", 2, ["stride <= 192", "got 500"]),
    "a choice as it is": ("choice", {}, "", 0, []),
    "a choice by a fraction": ("choice", {"label": 1.0}, "", 0, []),
    "a choice by digits": ("choice", {"label": "0"}, "", 0, []),
    "a choice by half": ("choice", {"label": 0.5}, "", 2, ["0 to 1, got 0.5"]),
    "a choice counted from 1": ("choice", {"label": 2}, "", 2, ["0 to 1, got 2"]),
    "a choice below nothing": ("choice", {"label": -1}, "", 2, ["0 to 1, got -1"]),
    "a choice by its letter": ("choice", {"label": "A"}, "", 2, ["got 'A'", "`replace`"]),
    "a choice by a truth": ("choice", {"label": True}, "", 2, ["got True"]),
    "a choice of many digits": ("choice", {"label": "9" * 5_000}, "", 2, ["0 to 1"]),
    "a candidate that is missing": ("choice", {"choice2": None}, "", 2, ["'choice2'", "missing"]),
    "half a candidate": ("choice", {"choice2": HALF}, "", 2, ["not valid Unicode"]),
    "one candidate": ("choice", {}, 'choices = ["choice1"]', 2, ["at least 2 items"]),
    "a candidate twice": ("choice", {}, 'choices = ["choice1", "choice1"]', 2, ["must differ"]),
    "tags as they are": ("tokens", {}, "", 0, []),
    "tags by number": ("tokens", {"tags": [0, 1]}, "", 0, ["of no scheme"]),
    "tags by truth": ("tokens", {"tags": [True, False]}, "", 0, ["'false', 'true'"]),
    "tags by fractions": ("tokens", {"tags": [0.0, 1.0]}, "", 2, ["got 0.0 (float)"]),
    "a tag too few": ("tokens", {"tags": ["O"]}, "", 2, ["got 1 tags for 2 words"]),
    "half a tag": ("tokens", {"tags": ["O", "B-" + HALF]}, "", 2, ["not Unicode"]),
    "half a word": ("tokens", {"words": ["a", HALF]}, "", 2, ["not valid Unicode"]),
    "a word that is null": ("tokens", {"words": ["a", None]}, "", 2, ["got None"]),
    "words in one text": ("tokens", {"words": "a b"}, "", 2, ["must be a list of strings, got 'a b'"]),
    "flags as they are": ("multilabel", {}, FLAGS, 0, ["a 3, b 3"]),
    "flags by truth": ("multilabel", {"a": True, "b": "True"}, FLAGS, 0, ["a 3, b 3"]),
    "flags by fractions": ("multilabel", {"a": 1.0, "b": "1.0"}, FLAGS, 0, ["a 3, b 3"]),
    "flags by words": ("multilabel", {"a": "yes"}, FLAGS, 2, ["0 or 1, got 'yes'", "`replace`"]),
    "flags by probability": ("multilabel", {"a": 0.7}, FLAGS, 2, ["0 or 1, got 0.7"]),
    "flags below nothing": ("multilabel", {"a": -1}, FLAGS, 2, ["0 or 1, got -1"]),
    "flags that are missing": ("multilabel", {"a": None}, FLAGS, 2, ["0 or 1 is missing"]),
    "flags that are no number": ("multilabel", {"a": float("nan")}, FLAGS, 2, ["0 or 1 is missing"]),
    "flags in lists": ("multilabel", {"a": [1]}, FLAGS, 2, ["0 or 1, got [1]"]),
    "flags of many digits": ("multilabel", {"a": 10**60}, FLAGS, 2, ["0 or 1, got 1000"]),
    "flags beside a separator": ("multilabel", {}, FLAGS + "\nseparator = '|'", 2, ["not both", "separator='|'"]),
    "flags beside labels": ("multilabel", {}, FLAGS + "\nlabels = ['a', 'b']", 2, ["not both", "labels="]),
    "flags of one label": ("multilabel", {}, 'label_columns = ["a"]', 2, ["at least 2 items"]),
    "flags that are not there": ("multilabel", {}, 'label_columns = ["a", "c"]', 2, ["there is no column 'c'"]),
    "flags that are texts": ("multilabel", {}, 'label_columns = ["a", "text"]', 2, ["differ", "'text'"]),
    "flags never set": ("multilabel", {"a": 0, "b": 0}, FLAGS, 2, ["at least two labels", "none"]),
    "labels in an object": ("multilabel", {"labels": {"a": 1}}, "", 2, ["must be a list, got {'a': 1}"]),
    "labels that are null": ("multilabel", {"labels": None}, "", 2, ["an empty list says that there is none"]),
    "labels with a null": ("multilabel", {"labels": ["a", None]}, "", 2, ["the label is missing, in ['a', None]"]),
    "labels twice": ("multilabel", {"labels": ["a", "a", "b"]}, "", 0, ["a 3, b 3"]),
    "weights of many labels": ("multilabel", {"labels": ["a"]}, 'class_weights = "balanced"', 2, ["class_weights"]),
    "a number as it is": ("regression", {}, "", 0, ["nothing to learn"]),
    "a number in a text": ("regression", {"label": "1e-3"}, "", 0, []),
    "a number in a list": ("regression", {"label": [1]}, "", 2, ["must be a number", "[1]"]),
    "a number that is a truth": ("regression", {"label": True}, "", 2, ["got True (bool)"]),
    "a number that is none": ("regression", {"label": float("nan")}, "", 2, ["the number is missing"]),
    "a number of all numbers": ("regression", {"label": float("inf")}, "", 2, ["got inf"]),
    "a number with 400 digits": ("regression", {"label": 10**400}, "", 2, ["must be a number", "..."]),
    "weights of numbers": ("regression", {}, 'class_weights = "balanced"', 2, ["class_weights: unknown key"]),
    "folds beside a dev split": ("regression", {}, "folds = 2", 2, ["leave out dev"]),
}
"""The kind, what differs from its good row, further keys, the exit code, and words."""


def cases() -> Iterator[Case]:
    """Three rows alike, read by `ptune validate --data`."""
    for name, (kind, changes, keys, code, words) in KINDS.items():
        row = TYPICAL[kind] | changes
        named = f'[task]\nkind = "{kind}"\n[task.data]\ntrain = "a.jsonl"\ndev = "a.jsonl"\n{keys}\n'
        files = {"a.jsonl": (json.dumps(row) + "\n") * 3, "j.toml": toml({"task.data.source": None}, named)}
        yield Case(f"rows: {name}", ("validate", "j.toml", "--data"), code, tuple(words), files)
