"""How often a trial reports: after every epoch, or after equal parts of one."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

from ptune.spec.strict import RECORDED, broken

_STEPS = re.compile(r"(\d+) steps?", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?|\.\d+|\d+/\d+) epochs?(?: \((\d+) steps\))?", re.ASCII)
_FORMS = '"0.25 epochs", "1/3 epochs" or "500 steps"'
EPOCH_DIGITS = 3
"""Decimals of a number of epochs, as people read it."""
MOST_REPORTS = 1000
"""Reports of an epoch: each scores the dev split and saves a state."""


def _report_every(text: str, info: ValidationInfo) -> str:
    if (steps := _STEPS.fullmatch(text)) is not None:
        if int(steps[1]) < 1:
            raise broken(f"must be at least 1 step, got {text!r}")
        return text
    part = _PART.fullmatch(text)
    if part is None or part[1].endswith("/0"):
        raise broken(f"must be a part of an epoch or a number of steps, such as {_FORMS}, got {text!r}")
    share = Fraction(part[1])
    if share > 1:
        raise broken(f"must be at most 1 epoch, got {text!r}: `passes` of a space makes epochs longer")
    if share == 0 or share.numerator != 1:
        nearest = 1 if share == 0 else max(1, round(1 / share))
        nearest = min(nearest, MOST_REPORTS)
        raise broken(f"must divide an epoch into equal parts, got {text!r}; the nearest is {_written(nearest)!r}")
    if info.context == RECORDED:
        return text
    if part[2] is not None:
        alone = f"state {_written(share.denominator)!r} or '{part[2]} steps'"
        raise broken(f"holds what a search has counted from its data: {alone}, got {text!r}")
    if share.denominator > MOST_REPORTS:
        raise broken(f"must be from {_written(MOST_REPORTS)!r} to '1 epoch', got {text!r}")
    return text


ReportEvery = Annotated[str, AfterValidator(_report_every)]
"""A part of an epoch, such as `0.25 epochs`, or a number of steps, such as `500 steps`. A search that has begun holds
what its steps came to, such as `1/3 epochs (500 steps)`, which no user states."""


def reports_per_epoch(text: str | None) -> int | None:
    """How many reports an epoch has; None where steps are stated, whose number in an epoch the data decides."""
    if text is None:
        return 1
    part = _PART.fullmatch(text)
    return None if part is None else Fraction(part[1]).denominator


def stated_steps(text: str | None) -> int | None:
    """The steps that a user has stated; None where it is a part of an epoch."""
    steps = None if text is None else _STEPS.fullmatch(text)
    return None if steps is None else int(steps[1])


def counted(text: str, steps_per_epoch: int) -> str:
    """Steps as a part of an epoch: the largest equal parts that have no more steps than stated, or a whole epoch."""
    steps = stated_steps(text)
    return text if steps is None else f"{_written(-(-steps_per_epoch // steps))} ({steps} steps)"


def as_stated(text: str | None) -> str | None:
    """What a user has written, of what a search holds of it."""
    part = None if text is None else _PART.fullmatch(text)
    return text if part is None or part[2] is None else f"{part[2]} steps"


def as_meant(text: str | None) -> str | None:
    """A part of an epoch as one text, however it is written; None for a whole one. Steps stay as they are."""
    count = reports_per_epoch(text)
    return text if count is None else None if count == 1 else _written(count)


def in_epochs(reports: int, per_epoch: int) -> float:
    """A number of reports in epochs, as people read it: whole, or with up to `EPOCH_DIGITS` decimals."""
    whole, rest = divmod(reports, per_epoch)
    return whole if rest == 0 else round(reports / per_epoch, EPOCH_DIGITS)


def _written(per_epoch: int) -> str:
    return "1 epoch" if per_epoch == 1 else f"1/{per_epoch} epochs"
