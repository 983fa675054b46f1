"""Whether every input that a space can make ends before a backbone's last position.

Texts count, and so do v2 prompts that push them on.
"""

from __future__ import annotations

from collections.abc import Iterator

from ptune.backbone.families import Family
from ptune.backbone.profile import Profile
from ptune.spec.data import Data
from ptune.spec.problem import Place, Problem, dotted
from ptune.spec.prompt import PromptV2, layers_of
from ptune.spec.reach import ABSENT, Value, Wants, both, conditions
from ptune.spec.space import Space
from ptune.spec.task import Task
from ptune.spec.trial import DEFAULT_METHOD


def position_problems(task: Task, space: Space | None, profile: Profile) -> list[Problem]:
    """Inputs that could reach past the last position: long texts, or shifted v2 prompts before them.

    Args:
        task: the task.
        space: the search space, resolved; without one only texts are judged.
        profile: the backbone.
    """
    positions = profile.positions
    if positions is None:
        return []
    lengths = dict(zip(task.set_places, (_longest_text(data, profile.family) for data in task.sets), strict=True))
    table, text = max(lengths.items(), key=lambda item: item[1])
    place, longest = (*table, "max_length"), 0
    if space is not None and profile.family.shifts and text <= positions:
        place, longest = max(_shifts(space, profile.layers), key=lambda shift: shift[1], default=(place, 0))
    if longest + text <= positions:
        return []
    law = f"{'length + ' if longest else ''}{dotted(table)}.max_length"
    law += " + max_target" if task.data.longest_target and profile.family.reads == "last" else ""
    sizes = str(text)
    if longest:
        sizes = f'{longest} + {text} (a v2 prompt takes positions before the text, unless positions = "unshifted")'
    return [Problem(place, f"{law} <= {positions} must hold on {profile.id}, got {sizes}")]


def _longest_text(data: Data, family: Family) -> int:
    """Tokens of the longest input, with the text that is written: behind it, or by itself in a decoder."""
    if family.reads == "decoder" and data.longest_target:
        return max(data.max_length, data.longest_target + 1)
    return data.max_length + data.longest_target


def _shifts(space: Space, layers: int) -> Iterator[tuple[Place, int]]:
    """The positions that v2 prompts of a resolved space can take before the text, each with what states them."""
    reach = space.reach()
    ways = [both(way, _V2) for way in _shifted(space, layers)]
    for place, longest, stated in _lengths(space):
        if any(way is not None and reach.is_met(both(way, stated)) for way in ways):
            yield place, longest


_V2: Wants = {"method": frozenset(["v2", *([ABSENT] if DEFAULT_METHOD == "v2" else [])])}
_UNSTATED: frozenset[Value] = frozenset([None, ABSENT])


def _shifted(space: Space, layers: int) -> Iterator[Wants]:
    """The ways in which text positions start after a v2 prompt: as stated, or because it stands in all layers."""
    yield {"positions": frozenset(["shifted"])}
    auto: Wants = {"positions": frozenset(["auto", None, ABSENT])}
    yield {**auto, "depth": _UNSTATED, "layers": _UNSTATED}
    for definition in space.parameters.get("depth", []):
        if layers in (definition.high, *definition.possible()):
            yield {**auto, "depth": frozenset([layers])}
    named = [value for definition in space.parameters.get("layers", []) for value in definition.possible()]
    full = [value for value in named if value is not None and len(layers_of(str(value))) == layers]
    yield {**auto, "layers": frozenset(full)}


def _lengths(space: Space) -> Iterator[tuple[Place, int, Wants]]:
    """The lengths stated for v2 prompts, or the default, each with what its existence asks of other parameters."""
    for name in ("length", "lengths"):
        for index, definition in enumerate(space.parameters.get(name, [])):
            for key, value in definition.stated():
                longest = max(map(int, value.split(","))) if isinstance(value, str) else int(value)
                yield ("space", "parameters", name, index, key), longest, conditions(definition)
    yield ("space", "parameters"), PromptV2().length, {"length": _UNSTATED, "lengths": _UNSTATED}
