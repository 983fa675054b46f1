"""What is wrong with a line of a journal that is no event, in words. Pure."""

from __future__ import annotations

from pydantic import ValidationError

_SCALARS = ("bool", "int", "float", "str")  # how pydantic calls the types that a parameter's value may have


def misread(error: ValidationError) -> str:
    """Every key that is missing or has a wrong value, each once although several types may be allowed there."""
    problems: dict[str, str] = {}
    for issue in error.errors():
        key = ".".join(str(part) for part in issue["loc"] if part not in _SCALARS)
        if issue["type"] == "missing":
            problems[key] = f"{key} is missing"
        elif issue["type"] == "law":
            problems[key] = f"{key}: {issue['msg']}"
        else:
            law = "a value of another type belongs here" if key in problems else issue["msg"]
            problems[key] = f"{key}: {law}, got {str(issue['input'])[:80]!r}"
    return "; ".join(problems.values())
