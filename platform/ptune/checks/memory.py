"""What an engine of a job takes of its device's memory, before it is there, and the law that it fits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from ptune.backbone.footprint import (
    FASTEST,
    LONGEST_PLAIN,
    Dimensions,
    Pass,
    fullest,
    pass_bytes,
    tokens_within,
    trained_bytes,
)
from ptune.checks.largest import Largest, largest
from ptune.spec.job import Job
from ptune.spec.problem import Problem
from ptune.spec.resources import MOST_GPUS
from ptune.spec.task import Task

GIB = 2**30
_BESIDE = {"cpu": GIB, "cuda": 3 * GIB // 4}  # an interpreter with torch, and the data; CUDA's context and kernels
_CLIENT = 120 * 2**20  # of a trial's client: Ray and Tune without torch
_ALLOCATOR = 1.1  # a GPU's blocks are larger than what lies in them
_SHORT = 16  # tokens of a short row, which takes the most for each of them beside a long prompt
_HALF = 2  # bytes of a weight in bfloat16
_WORD_BY_WORD = ("choice", "infill")  # kinds that score the vocabulary at many positions of what they are given

Device = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Needs:
    """The memory of one engine, in bytes.

    Attributes:
        device: where it is.
        gpus: how many devices its layers are spread over; all sizes are those of the fullest.
        beside: what the process takes before it loads anything.
        weights: the frozen weights.
        slot: the most that a trial trains, with gradients and moments, and on CPUs its client.
        slots: how many of them there are.
        row: a pass with one row as long as the job allows, as sparing as the job lets it be.
        passes: passes with rows like those to come.
        tokens: of a pass, where memory holds as many.
        sizes: of the backbone.
        itemsize: bytes of a frozen weight that is not quantized.
        quantized: whether the matrices of the layers are.
    """

    device: Device
    gpus: int
    beside: int
    weights: int
    slot: int
    slots: int
    row: int
    passes: tuple[Pass, ...]
    tokens: int
    sizes: Dimensions
    itemsize: int
    quantized: bool

    @property
    def held(self) -> int:
        """What all slots take."""
        return self.slots * self.slot

    @property
    def passing(self) -> int:
        """A pass of as many tokens as the job asks for."""
        return max(
            self.row,
            *(pass_bytes(self.sizes, replace(taken, rows=max(1, self.tokens // taken.width))) for taken in self.passes),
        )

    @property
    def total(self) -> int:
        """With passes of as many tokens as the job asks for."""
        return self._with(self.passing)

    @property
    def least(self) -> int:
        """With passes of one row, and as many slots."""
        return self._with(self.row)

    def tokens_in(self, room: int) -> int:
        """The most tokens of a pass on a device with so many bytes; 0 if not even one row fits."""
        left = int((room - self.beside) / self._overhead) - self.weights - self.held
        return min(self.tokens, *(tokens_within(left, self.sizes, taken) for taken in self.passes))

    def slots_in(self, room: int) -> int:
        """The most slots on a device with so many bytes, beside passes of one row."""
        left = int((room - self.beside) / self._overhead) - self.weights - self.row
        return max(0, left // self.slot)

    def _with(self, passing: int) -> int:
        return self.beside + int(self._overhead * (self.weights + self.held + passing))

    @property
    def _overhead(self) -> float:
        return _ALLOCATOR if self.device == "cuda" else 1.0


def needs(job: Job, sizes: Dimensions, device: Device, itemsize: int | None = None) -> Needs:
    """What an engine of a job takes on a device.

    Args:
        job: the job.
        sizes: of its backbone.
        device: where it runs.
        itemsize: bytes of a weight; None is what the job says, where it leaves that open 2 on GPUs and 4 on CPUs.
    """
    itemsize = itemsize or {"float32": 4, "bfloat16": 2, "auto": 2 if device == "cuda" else 4}[job.backbone.dtype]
    most = largest(job.space, sizes, len(job.task.sets))
    longest = max(data.max_length for data in job.task.sets)
    passes = tuple(
        _pass(job, sizes, most, width, device, itemsize) for width in sorted({min(_SHORT, longest), longest})
    )
    spares = job.resources.checkpointing != "never" and sizes.family.layers is not None and not most.tuned
    budget = job.resources.token_budget
    gpus = job.resources.gpus_per_engine if device == "cuda" else 1
    quantized = job.backbone.quantization is not None
    weights, layers = fullest(sizes, itemsize, gpus, quantized=quantized)
    passes = tuple(replace(taken, kept=min(taken.kept, layers)) for taken in passes)
    return Needs(
        device=device,
        gpus=gpus,
        beside=_BESIDE[device],
        weights=weights,
        slot=trained_bytes(most.numbers, most.table, flat=job.resources.flat_gradients)
        + (_CLIENT if device == "cpu" else 0),
        slots=job.resources.slots,
        row=pass_bytes(sizes, replace(passes[-1], recompute=spares, replayed=False)),
        passes=passes,
        tokens=max(longest, FASTEST[device] if budget == "auto" else budget),
        sizes=sizes,
        itemsize=itemsize,
        quantized=quantized,
    )


def _weights(sizes: Dimensions, itemsize: int, gpus: int, *, quantized: bool) -> int:
    """Bytes of the frozen weights on one device, the fullest of several."""
    return fullest(sizes, itemsize, gpus, quantized=quantized)[0]


def memory_problems(needed: Needs, room: int, task: Task) -> list[Problem]:
    """The law that a device holds the weights, every slot, and a pass with the longest row.

    Args:
        needed: by an engine of the job.
        room: bytes that the device has for it.
        task: the job's.
    """
    return list(_misfits(needed, room, task))


def _misfits(needed: Needs, room: int, task: Task) -> Iterator[Problem]:
    if needed.least <= room:
        return
    has = f"and there are {in_gib(room)}" + (f" on each of {needed.gpus} GPUs" if needed.gpus > 1 else "")
    slots, place = needed.slots_in(room), task.set_places[0]
    ways = _smaller_weights(needed, room)
    less = "".join(f"{key} makes the weights {in_gib(size)}, or " for key, size in ways.items())
    if needed.beside + needed.weights > room:
        less = less or "take a smaller backbone, or "
        text = f"the backbone's weights take {in_gib(needed.weights)}, {has}: {less}take a larger device"
        yield Problem(("backbone", "dtype" if needed.itemsize > _HALF else "id"), text)
    elif slots == 0:
        text = (
            f"beside the weights ({in_gib(needed.weights)}) and one trial ({in_gib(needed.slot)}), the longest row "
            f"takes {in_gib(needed.row)}, {has}: lower max_length or the prompt's length, or {less}take a larger device"
        )
        yield Problem((*place, "max_length"), text)
    else:
        text = f"slots <= {slots} must hold, since each takes {in_gib(needed.slot)}, {has}; got {needed.slots}"
        yield Problem(("resources", "slots"), text)


def _smaller_weights(needed: Needs, room: int) -> dict[str, int]:
    """What makes the weights smaller and breaks no law (`ptune.spec.quantization`, `ptune.checks.spread`).

    Args:
        needed: by an engine of the job.
        room: bytes that the device has for it; a backbone is spread over no more GPUs than have room for it.

    Returns:
        What to write, each alone, with the bytes of the weights then.
    """
    sizes, gpus, tuned = needed.sizes, needed.gpus, needed.passes[0].tuned
    ways = {}
    if needed.itemsize > _HALF:
        ways['backbone.dtype = "bfloat16"'] = _weights(sizes, _HALF, gpus, quantized=needed.quantized)
    if tuned:
        return ways
    if (size := _weights(sizes, needed.itemsize, gpus, quantized=True)) < needed.weights:
        ways['backbone.quantization = "int8"'] = size
    if needed.device == "cuda" and sizes.family.layers is not None:
        for more in range(gpus + 1, min(sizes.layers, MOST_GPUS) + 1):
            share = _weights(sizes, needed.itemsize, more, quantized=needed.quantized)
            if replace(needed, weights=share, slots=1).least <= room:
                return ways | {f"resources.gpus_per_engine = {more}": share}
    return ways


def in_gib(size: float) -> str:
    """A size as people read it."""
    return f"{size / GIB:.1f} GiB" if size >= GIB / 10 else f"{size / 2**20:.1f} MiB"


def _pass(job: Job, sizes: Dimensions, most: Largest, width: int, device: Device, itemsize: int) -> Pass:
    """A pass with rows of some tokens, for the most that a trial of the job may ask."""
    return Pass(
        rows=1,
        width=width,
        itemsize=4 if most.tuned else itemsize,
        prefix=most.prefix,
        prompted=most.prompted,
        kept=most.kept,
        dropped=most.dropped,
        reads=_reads(job.task, width),
        single=job.task.kind == "classification",
        recompute=job.resources.checkpointing == "always" and sizes.family.layers is not None and not most.tuned,
        plain=device == "cpu" and itemsize == 2 and width <= LONGEST_PLAIN,
        tuned=most.tuned,
        replayed=device == "cuda" and job.resources.cuda_graphs,
    )


def _reads(task: Task, width: int) -> int:
    """Positions of a row at which the vocabulary is scored."""
    if not task.language:
        return 0
    written = max(data.longest_target for data in task.sets)
    return written or (width if task.kind in _WORD_BY_WORD else 1)
