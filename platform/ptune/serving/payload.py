"""What a request's body asks, in the protocol of MLflow's scoring server."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ptune.errors import DataError, nearest

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
JSON, CSV = "application/json", "text/csv"
_PARAMS = ("prompt", "data_set")


class MediaTypeError(ValueError):
    """A body is of a type that is not read."""


@dataclass(frozen=True)
class Payload:
    """Inputs, and the prompt and the data set that a body names beside them."""

    inputs: list[Any]
    prompt: str | None = None
    data_set: str | None = None


def read_payload(body: bytes, content_type: str) -> Payload:
    """Read a body of JSON, with exactly one of `FORMS` and perhaps `params`, or of csv with a header.

    Raises:
        MediaTypeError: it is of another type.
        DataError: it does not keep to the protocol.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in (JSON, CSV):
        raise MediaTypeError(f"the content type must be {JSON} or {CSV}, got {content_type!r}")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"the body is not UTF-8: {error}") from None
    return _of_csv(text) if kind == CSV else _of_json(text)


def _of_csv(text: str) -> Payload:
    header, *rows = [*csv.reader(io.StringIO(text))] or [[]]
    return Payload(_records(header, rows, CSV))


def _of_json(text: str) -> Payload:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"the body is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise DataError(f"the body must be an object with one of {', '.join(FORMS)}, got {type(content).__name__}")
    forms = [form for form in FORMS if form in content]
    if unknown := [key for key in content if key not in (*FORMS, "params")]:
        raise DataError(f"the body has no key {unknown[0]!r}{nearest(unknown[0], (*FORMS, 'params'))}")
    if len(forms) != 1:
        raise DataError(f"the body must hold exactly one of {', '.join(FORMS)}, got {', '.join(forms) or 'none'}")
    return Payload(_inputs(forms[0], content[forms[0]]), **_params(content.get("params")))


def _params(value: Any) -> dict[str, str | None]:
    """The parameters, each of which may be left out."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DataError(f"params must be an object with {', '.join(_PARAMS)}, got {type(value).__name__}")
    for name, setting in value.items():
        if name not in _PARAMS:
            raise DataError(f"there is no parameter {name!r}{nearest(name, _PARAMS)} (there are: {', '.join(_PARAMS)})")
        if setting is not None and not isinstance(setting, str):
            raise DataError(f"params: {name} must be a string, got {type(setting).__name__}")
    return value


def _inputs(form: str, value: Any) -> list[Any]:
    """The inputs one by one."""
    match form, value:
        case "dataframe_split", {"columns": [*columns], "data": [*data]}:
            return _records(columns, data, form)
        case "dataframe_split", _:
            raise DataError(f'{form} must be an object such as {{"columns": ["text"], "data": [["..."]]}}')
        case "dataframe_records" | "instances" | "inputs", list():
            return value
        case "inputs", str():
            return [value]
        case "inputs", dict():
            return _of_columns(value)
        case _:
            raise DataError(f"{form} must be a list, got {type(value).__name__}")


def _records(columns: Sequence[Any], rows: Sequence[Any], form: str) -> list[Any]:
    """Rows by the names of their columns."""
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list) or len(row) != len(columns):
            said = f"{len(row)} values" if isinstance(row, list) else type(row).__name__
            raise DataError(f"{form}: row {number} must be a list of {len(columns)} values, got {said}")
    return [dict(zip(map(str, columns), row, strict=True)) for row in rows]


def _of_columns(value: Mapping[str, Any]) -> list[Any]:
    """One input by the names of its texts, or several as columns."""
    columns = [cells for cells in value.values() if isinstance(cells, list)]
    if not columns:
        return [value]
    if len(columns) < len(value) or len({len(cells) for cells in columns}) != 1:
        raise DataError("inputs: every column must be a list, and all of one length")
    return [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)]
