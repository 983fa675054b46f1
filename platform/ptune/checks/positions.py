"""Whether every input that a space can make ends before a backbone's last position.

Texts count, and so do v2 prompts that push them on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ptune.backbone.families import Family
from ptune.backbone.profile import Profile
from ptune.spec.data import Data
from ptune.spec.problem import Place, Problem, dotted
from ptune.spec.prompt import PromptV2, layers_of
from ptune.spec.space import Parameter, Space
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
    for branch in space.branches(["method", "positions"]):
        positions = branch.get("positions", "auto")
        shifts = positions == "shifted" or (positions == "auto" and _may_fill(space, branch, layers))
        if branch.get("method", DEFAULT_METHOD) == "v2" and shifts:
            yield from _lengths(space, branch)


def _may_fill(space: Space, branch: Mapping[str, object], layers: int) -> bool:
    """Whether v2 prompts in a branch of a resolved space may stand in all layers, as they do unless told otherwise."""
    depths, named = ([d for _, d in _existing(space, branch, name)] for name in ("depth", "layers"))
    if any(depth.high == layers or layers in depth.possible() for depth in depths):
        return True
    texts = [str(value) for definition in named for value in definition.possible() if value is not None]
    if any(len(layers_of(text)) == layers for text in texts):
        return True
    return all(None in definition.possible() for definition in (*depths, *named))


def _lengths(space: Space, branch: Mapping[str, object]) -> Iterator[tuple[Place, int]]:
    """The lengths stated for v2 prompts in a branch of a space, or the default."""
    is_default = True
    for name in ("length", "lengths"):
        for index, definition in _existing(space, branch, name):
            for key, value in definition.stated():
                is_default = False
                longest = max(map(int, value.split(","))) if isinstance(value, str) else int(value)
                yield ("space", "parameters", name, index, key), longest
    if is_default:
        yield ("space", "parameters"), PromptV2().length


def _existing(space: Space, branch: Mapping[str, object], name: str) -> list[tuple[int, Parameter]]:
    """The definitions of a parameter that hold in a branch, with their positions."""
    definitions = enumerate(space.parameters.get(name, []))
    return [(index, definition) for index, definition in definitions if definition.applies(branch)]
