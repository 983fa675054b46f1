"""What our own code says when it refuses."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError


def refused(error: type[Exception], make: Callable, *arguments: object, **fields: object) -> str:
    """The text of the error that a call must raise."""
    with pytest.raises(error) as caught:
        make(*arguments, **fields)
    return str(caught.value)


def refused_fields(make: Callable, *arguments: object, **fields: object) -> dict[str, str]:
    """What a model says about each field that it must refuse, by the field's dotted path."""
    with pytest.raises(ValidationError) as caught:
        make(*arguments, **fields)
    return {".".join(map(str, error["loc"])): error["msg"] for error in caught.value.errors()}
