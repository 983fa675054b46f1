"""Print a place in a job or a space as the key that the user's file has: `[space.parameters.lr].low`."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from ptune.spec.problem import Place


def locate(model: type[BaseModel], content: Any, place: Place) -> tuple[str, list[str]]:
    """Follow a place through models and content to the key as the file has it, and to the keys that are valid there.

    Args:
        model: the model that the place leads from.
        content: what the user wrote, as TOML holds it; a lone table may stand for a list of one.
        place: keys and positions. Pydantic puts names of a union's members between them, and they are passed over.
    """
    keys: list[str] = []
    current: Any = model
    valid: list[str] = []
    for step in place:
        members = _members(current)
        models = [member for member in members if isinstance(member, type) and issubclass(member, BaseModel)]
        tagged = [member for member in models if step in _tags(member)]
        if tagged:
            current = tagged[0]
        elif models:
            fields = [member.model_fields[step] for member in models if step in member.model_fields]
            valid = [name for member in models for name in member.model_fields]
            current = fields[0].annotation if fields else None
            keys.append(str(step))
            content = content.get(step) if isinstance(content, dict) else None
        elif isinstance(step, int) or any(get_origin(member) is dict for member in members):
            current = _item(members)
            content = _enter(content, step, keys)
        # otherwise the step names a member of a union of plain values: the author sees no such level
    is_table = any(isinstance(member, type) and issubclass(member, BaseModel) for member in _members(current))
    *tables, last = keys or ["file"]
    if is_table:
        return f"[{'.'.join(keys)}]" if keys else last, valid
    return f"[{'.'.join(tables)}].{last}" if tables else last, valid


def written(content: Mapping[str, Any]) -> dict[str, Any]:
    """A job's tables as a user would write them: a parameter's only definition is a table, not a list of one."""
    space = dict(content["space"])
    definitions = space["parameters"].items()
    space["parameters"] = {name: tables[0] if len(tables) == 1 else tables for name, tables in definitions}
    return {**content, "space": space}


def _enter(content: Any, step: str | int, keys: list[str]) -> Any:
    """Go one level into a list or a dictionary; a lone table that stands for a list of one adds no level."""
    if isinstance(step, int) and not isinstance(content, list):
        return content
    keys.append(str(step + 1 if isinstance(step, int) else step))
    try:
        return content[step]
    except (KeyError, IndexError, TypeError):
        return None


def _members(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [inner for member in get_args(annotation) for inner in _members(member)]
    return [annotation]


def _tags(model: type[BaseModel]) -> set[str]:
    """What pydantic calls one model of a union in an error's location."""
    fields = [field for name, field in model.model_fields.items() if name in ("type", "method", "kind")]
    return {model.__name__} | {str(tag) for field in fields for tag in get_args(field.annotation)}


def _item(members: list[Any]) -> Any:
    """What a list or a dictionary among the members of a union holds."""
    return next((get_args(member)[-1] for member in members if get_origin(member) in (list, dict)), None)
