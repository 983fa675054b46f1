"""Whether every input that a space can make ends before a backbone's last position.

Texts count, and so do v2 prompts that push them on. Imports no torch: what a backbone can take is read from its config.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ptune.backbone.families import Family
from ptune.errors import SpecError
from ptune.spec.data import Data
from ptune.spec.job import Job
from ptune.spec.prompt import PromptV2, layers_of
from ptune.spec.space import Parameter, Space
from ptune.spec.trial import DEFAULT_METHOD


def check_positions(job: Job, space: Space, family: Family, config: Mapping[str, Any], layers: int) -> None:
    """Refuse inputs that could reach past the last position: long texts, or shifted v2 prompts before them.

    Args:
        job: the job.
        space: its space, resolved.
        family: the backbone's family.
        config: the backbone's config.
        layers: the backbone's layers.

    Raises:
        SpecError: the longest prompt and the longest text are too long together, or the text alone.
    """
    positions = _positions(family, config)
    if positions is None:
        return
    longest = _longest_shift(space, layers) if family.shifts else 0
    text = max(_longest_text(data, family) for data in job.task.sets)
    if longest + text > positions:
        law = "length + task.data.max_length" if longest else "task.data.max_length"
        law += " + max_target" if job.task.data.longest_target and family.reads == "last" else ""
        given = str(text)
        if longest:
            given = f'{longest} + {text} (a v2 prompt takes positions before the text, unless positions = "unshifted")'
        raise SpecError(f"{law} <= {positions} must hold on {job.backbone.id}, got {given}")


def _positions(family: Family, config: Mapping[str, Any]) -> int | None:
    """Positions that a text may take; None if they are not bounded."""
    positions = config.get("max_position_embeddings", config.get("n_positions"))
    bounded = family.positions in ("absolute", "roberta", "fixed")
    if family.positions == "relative":  # DeBERTa may embed positions, too, and does so unless its config says otherwise
        bounded = bool(config.get("position_biased_input", family.reads == "first"))
    if not bounded or not isinstance(positions, int):
        return None
    padding = config.get("pad_token_id", 1)
    return positions - family.first_position(padding if isinstance(padding, int) else None)


def _longest_text(data: Data, family: Family) -> int:
    """Tokens of the longest input, with the text that is written: behind it, or by itself in a decoder."""
    if family.reads == "decoder" and data.longest_target:
        return max(data.max_length, data.longest_target + 1)
    return data.max_length + data.longest_target


def _longest_shift(space: Space, layers: int) -> int:
    """The most positions that a v2 prompt of a resolved space can take before the text."""
    longest = 0
    for branch in space.branches(["method", "positions"]):
        positions = branch.get("positions", "auto")
        shifts = positions == "shifted" or (positions == "auto" and _may_fill(space, branch, layers))
        if branch.get("method", DEFAULT_METHOD) == "v2" and shifts:
            longest = max(longest, *_lengths(space, branch))
    return longest


def _may_fill(space: Space, branch: Mapping[str, Any], layers: int) -> bool:
    """Whether v2 prompts in a branch of a resolved space may stand in all layers, as they do unless told otherwise."""
    depths, named = (_existing(space, branch, name) for name in ("depth", "layers"))
    if any(one.high == layers or layers in one.possible() for one in depths):
        return True
    if any(len(layers_of(str(value))) == layers for one in named for value in one.possible() if value is not None):
        return True
    return all(None in one.possible() for one in (*depths, *named))


def _lengths(space: Space, branch: Mapping[str, Any]) -> list[int]:
    """The lengths stated for v2 prompts in a branch of a space, or the default."""
    single = [int(value) for one in _existing(space, branch, "length") for _, value in one.stated()]
    each = [str(value).split(",") for one in _existing(space, branch, "lengths") for _, value in one.stated()]
    return [*single, *(int(length) for lengths in each for length in lengths)] or [PromptV2().length]


def _existing(space: Space, branch: Mapping[str, Any], name: str) -> list[Parameter]:
    return [definition for definition in space.parameters.get(name, []) if definition.applies(branch)]
