"""What the answers to each kind of task hold."""

from __future__ import annotations

from typing import Literal

Form = Literal["text", "texts", "number", "shares", "entities"]
ANSWERS: dict[str, dict[str, Form]] = {
    "classification": {"label": "text", "probabilities": "shares"},
    "multilabel": {"labels": "texts", "probabilities": "shares"},
    "regression": {"value": "number"},
    "cloze": {"object": "text", "probabilities": "shares"},
    "tokens": {"words": "texts", "tags": "texts", "entities": "entities"},
    "span": {"answer": "text", "score": "number", "no_answer_score": "number"},
    "choice": {"choice": "text", "text": "text", "probabilities": "shares"},
    "entity": {"answer": "text", "probabilities": "shares"},
    "infill": {"label": "text", "text": "text"},
    "generation": {"text": "text"},
}
"""The keys of an answer by kind, in order, and the form of what each holds."""
