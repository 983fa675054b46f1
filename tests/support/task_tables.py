"""The shortest `[task]` table of every kind of task."""

PLAIN_TASKS = {
    "classification": {"data": {"source": "a/b"}},
    "multilabel": {"kind": "multilabel", "data": {"source": "a/b"}},
    "regression": {"kind": "regression", "data": {"source": "a/b"}},
    "tokens": {"kind": "tokens", "data": {"source": "a/b"}},
    "span": {"kind": "span", "data": {"source": "a/b"}},
    "choice": {"kind": "choice", "data": {"source": "a/b"}},
    "entity": {"kind": "entity", "data": {"source": "a/b"}},
    "infill": {"kind": "infill", "data": {"source": "a/b"}},
    "generation": {"kind": "generation", "data": {"source": "a/b"}},
    "cloze": {"kind": "cloze", "data": {"source": "a/b", "template": "{sub_label} [MASK]"}},
}
