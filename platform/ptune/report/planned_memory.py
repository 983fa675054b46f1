"""What an engine takes of a device's memory, printed and for programs."""

from __future__ import annotations

from collections.abc import Sequence

from ptune.checks.memory import GIB, Needs, in_gib, memory_problems
from ptune.report.wording import plural
from ptune.spec.problem import dotted
from ptune.spec.task import Task

_NAMES = {"cpu": "on CPUs", "cuda": "on a GPU"}


def memory_table(footprints: Sequence[Needs], room: int | None, task: Task) -> str:
    """A line for each kind of device; with the bytes of a GPU, whether it holds an engine.

    Args:
        footprints: what an engine takes on each kind.
        room: of the GPU; None asks nothing.
        task: the job's.
    """
    lines = [
        f"an engine takes up to {in_gib(needed.total)} {_place(needed)}: {_parts(needed)}" for needed in footprints
    ]
    if room is not None:
        lines += [_verdict(needed, room, task) for needed in footprints if needed.device == "cuda"]
    return "\n".join(lines)


def memory_rows(footprints: Sequence[Needs], room: int | None, task: Task) -> dict[str, dict[str, object]]:
    """The same for programs, by device, in GiB."""
    rows: dict[str, dict[str, object]] = {}
    for needed in footprints:
        rows[needed.device] = {
            "total_gib": needed.total / GIB,
            "weights_gib": needed.weights / GIB,
            "slot_gib": needed.slot / GIB,
            "pass_gib": needed.passing / GIB,
            "tokens": needed.tokens,
        }
        if room is not None and needed.device == "cuda":
            problems = [f"{dotted(problem.place)}: {problem.text}" for problem in memory_problems(needed, room, task)]
            rows[needed.device] |= {"fits": not problems, "problems": problems, "tokens": needed.tokens_in(room)}
    return rows


def _place(needed: Needs) -> str:
    return _NAMES[needed.device] if needed.gpus == 1 else f"on each of {needed.gpus} GPUs"


def _parts(needed: Needs) -> str:
    slots = f"{plural(needed.slots, 'slot')} of {in_gib(needed.slot)}"
    return f"weights {in_gib(needed.weights)}, {slots}, a pass of {needed.tokens:,} tokens {in_gib(needed.passing)}"


def _verdict(needed: Needs, room: int, task: Task) -> str:
    for problem in memory_problems(needed, room, task):
        return f"a GPU of {in_gib(room)} does not hold it: {dotted(problem.place)}: {problem.text}"
    tokens = needed.tokens_in(room)
    passes = f"passes of {tokens:,} tokens" if tokens else "passes of one row at a time, or recomputed layers"
    return f"a GPU of {in_gib(room)} holds it, with {passes} and room for {needed.slots_in(room):,} slots"
