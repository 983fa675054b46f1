"""How a trained prompt is named that is not in a folder: by a URI of MLflow or of the Hugging Face Hub."""

from __future__ import annotations

import re

from ptune.spec.tracking import MODELS, RUNS

HUB = "hub:"
"""How the name of a prompt on the Hub begins."""
FORMS = (
    f"{RUNS}RUN_ID[/PATH], {MODELS}NAME@ALIAS, {MODELS}NAME/VERSION, {MODELS}MODEL_ID, "
    f"{HUB}ORG/NAME or {HUB}ORG/NAME@REVISION"
)
"""All that such a URI may be, for people."""

_NAME = "[^/:@]+"
_VALID = re.compile(rf"{RUNS}\w+(?:/[^/]+)*|{MODELS}{_NAME}(?:@{_NAME}|/\d+)?|{HUB}[\w.-]+/[\w.-]+(?:@\S+)?", re.ASCII)


def is_uri(text: str) -> bool:
    """Whether a text is meant as a URI of a prompt, right or wrong, and not as a folder."""
    return text.startswith((RUNS, MODELS, HUB))


def uri_law(uri: str) -> str | None:
    """What the form of a prompt's URI breaks; None if there may be such a prompt."""
    return None if _VALID.fullmatch(uri) else f"must be {FORMS}, got {uri!r}"
