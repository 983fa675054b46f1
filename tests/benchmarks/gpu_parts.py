"""The parts of the GPU benchmark, a function each. Each measurement is a row, kept as soon as it is made."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import gpu_rival
import limit
import torch
from flops import Sizes, training_flops
from growth import memory
from made_up import SHAPES, TINY, made_backbone, made_sentences
from torch.profiler import ProfilerActivity, profile
from workload import ROWS, Load, Setting, clock

from ptune.backbone.backbone import Backbone
from ptune.backbone.budget import token_budget
from ptune.backbone.compiled import compile_layers
from ptune.backbone.graphs import Pass, replay_layers
from ptune.backbone.varlen import attend_to_tokens
from ptune.files import write_json
from ptune.prompts.rows import Rows, stack
from support.rows_in_turn import rows_in_turn

LENGTH = 20  # of a prompt, where nothing else is said
STEPS = 300  # of a trial: what trials an hour are counted by
_MOST_STEPS = 20  # of each slot; an epoch has more


@dataclass
class Bench:
    """What a part measures with, and the rows it has.

    Attributes:
        file: where the rows are kept, each as soon as it is measured.
        folder: for the files of engines.
        device: `cuda` or `cpu`.
        tiny: whether shapes are tiny and times short.
        rows: what has been measured; a row that could not be says why in `failed`.
    """

    file: Path
    folder: Path
    device: str
    tiny: bool
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def shapes(self) -> list[str]:
        """Names of the backbones, smallest first."""
        return list(TINY if self.tiny else SHAPES)

    @property
    def tokens(self) -> int:
        """Of a row, where nothing else is said."""
        return 8 if self.tiny else 64

    @property
    def slots(self) -> tuple[int, ...]:
        """How many trials train together."""
        return (1, 2) if self.tiny else (1, 4, 16, 32, 64)

    @property
    def seconds(self) -> float:
        """How long one measurement may take."""
        return 0.05 if self.tiny else 4.0

    def attempt(self, about: dict[str, Any], measure: Callable[[], dict[str, Any]]) -> None:
        """Measure one row and keep it; an error is a row too, and the next is measured."""
        try:
            found = measure()
        except Exception as error:  # noqa: BLE001 - an hour on a lent device is not lost to one row
            found = {"failed": f"{type(error).__name__}: {error}".splitlines()[0][:160]}
        self.rows.append({**about, **found})
        write_json(self.file, self.rows)  # type: ignore[arg-type]
        _let_go(self.device)

    def load(self, backbone: Backbone, setting: Setting) -> Load:
        """An engine with work, whose passes are as large as ptune makes them unless the setting says so."""
        return Load(backbone, made_sentences(ROWS * 24, setting.tokens or self.tokens), setting, self.folder)


def peaks(bench: Bench) -> None:
    """The best rate of large matrix products."""

    def measure() -> dict[str, Any]:
        sizes = (256,) if bench.tiny else None
        return {"gflops": limit.peak(torch.bfloat16, torch.device(bench.device), sizes) / 1e9}

    bench.attempt({"what": "matrix products in bfloat16"}, measure)


def slots(bench: Bench) -> None:
    """Trials an hour by slots, for each backbone; what a slot adds to memory."""
    for shape in bench.shapes:
        backbone = _made(bench, shape)
        if backbone is None:
            continue
        budget = token_budget(backbone, "auto")
        for count in bench.slots:
            setting = Setting(count, bench.tokens, LENGTH, budget=budget)
            bench.attempt({"shape": shape, "slots": count}, partial(_rate, bench, backbone, setting))
        del backbone
        _let_go(bench.device)


def rival(bench: Bench) -> None:
    """Trials an hour of Trainer and PEFT by processes, for each backbone."""
    for shape in bench.shapes:
        for count in (2,) if bench.tiny else (1, 4, 8):

            def measure(shape: str = shape, count: int = count) -> dict[str, Any]:
                seconds = bench.seconds if bench.tiny else 6.0
                found = gpu_rival.together(shape, bench.device, count, bench.tokens, LENGTH, seconds)
                return {**found, "trials_per_h": 3600 * found["steps_per_s"] / STEPS}

            bench.attempt({"shape": shape, "processes": count}, measure)


def trial(bench: Bench) -> None:
    """What a step costs by the prompt's length, its depth, and the tokens of a row."""
    shape = bench.shapes[0] if bench.tiny else "bert-large"
    backbone = _made(bench, shape)
    if backbone is None:
        return
    budget, layers = token_budget(backbone, "auto"), backbone.shape.layers
    count = 2 if bench.tiny else 8
    plain = Setting(count, bench.tokens, LENGTH, budget=budget)
    lengths, rows = ((1, 20), (8, 16)) if bench.tiny else ((1, 8, 20, 64, 128), (16, 64, 128, 256, 512))
    series = {
        "prompt length": {length: Setting(count, plain.tokens, length, budget=budget) for length in lengths},
        "layers with a prompt": {
            depth: Setting(count, plain.tokens, LENGTH, depth, budget)
            for depth in sorted({1, max(1, layers // 4), layers // 2, layers})
        },
        "tokens of a row": {tokens: Setting(count, tokens, LENGTH, budget=budget) for tokens in rows},
    }
    for name, settings in series.items():
        for at, setting in settings.items():
            about = {"shape": shape, "by": name, "at": at}
            bench.attempt(about, partial(_speed, bench, backbone, setting))


def passes(bench: Bench) -> None:
    """Steps a second by the most tokens of a pass: what the token budget should be."""
    for shape in bench.shapes[:1] if bench.tiny else ("bert-base", "llama-1b"):
        backbone = _made(bench, shape)
        if backbone is None:
            continue
        for budget in (64, 1_024) if bench.tiny else (2_048, 8_192, 32_768, 65_536, 131_072):
            setting = Setting(bench.slots[-1], bench.tokens, LENGTH, budget=budget)
            about = {"shape": shape, "budget": budget}
            bench.attempt(about, partial(_speed, bench, backbone, setting))
        del backbone
        _let_go(bench.device)


def where(bench: Bench) -> None:
    """Where a pass goes: kinds of work, the costliest operators, and how long the host takes to stack its rows."""
    for shape in bench.shapes[:1] if bench.tiny else ("bert-base", "bert-large", "llama-1b"):
        backbone = _made(bench, shape)
        if backbone is None:
            continue
        count = 2 if bench.tiny else 16
        setting = Setting(count, bench.tokens, LENGTH, budget=token_budget(backbone, "auto"))
        about = {"shape": shape, "slots": count}
        bench.attempt({**about, "what": "kinds of work"}, partial(_kinds, bench, backbone, setting))
        bench.attempt({**about, "what": "input pipeline"}, partial(_input, bench, backbone, setting))
        bench.attempt({**about, "what": "operators"}, partial(_operators, bench, backbone, setting))
        del backbone
        _let_go(bench.device)


def paths(bench: Bench) -> None:
    """Speed of each fast path that a job may switch on, beside that of passes as they are."""
    # The tiny shapes are compiled without a compiler of the device's code. On CPUs, they are replayed without a graph,
    # and tokens attend without the kernel.
    backend, on_gpu = ("aot_eager" if bench.tiny else "inductor"), bench.device == "cuda"
    capture, kernel = (None, None) if on_gpu else (_as_it_is, rows_in_turn)
    kinds: dict[str, Callable[[Backbone], Backbone]] = {
        "as they are": lambda backbone: backbone,
        "flat gradients": lambda backbone: backbone,
        "unpadded": partial(replace, unpadded=True),
        "unpadded throughout": partial(attend_to_tokens, kernel=kernel),
        "CUDA graphs": partial(replay_layers, capture=capture),
        "compiled": partial(compile_layers, backend=backend),  # the last, because it changes the backbone
    }
    for shape in bench.shapes if bench.tiny else ("bert-base", "llama-1b"):
        backbone = _made(bench, shape)
        if backbone is None:
            continue
        budget = token_budget(backbone, "auto")
        for what, faster in kinds.items():
            quick = faster(backbone)
            flat = what == "flat gradients"
            for count in (2,) if bench.tiny else (32,) if flat else (1, 32):  # alone, nothing is clipped together
                setting = Setting(count, None, LENGTH, budget=budget, flat_gradients=flat)
                about = {"shape": shape, "slots": count, "what": what}
                bench.attempt(about, partial(_ragged_speed, bench, quick, setting))
        del backbone, quick
        _let_go(bench.device)


def _as_it_is(run: Pass, inputs: tuple[torch.Tensor, ...]) -> Pass:
    """What stands for a graph where there is none."""
    return run


def _ragged_speed(bench: Bench, backbone: Backbone, setting: Setting) -> dict[str, Any]:
    """How fast an engine with work of its own passes, on rows of a quarter of the usual tokens and more."""
    sentences = made_sentences(ROWS * 24, bench.tokens, fewest=bench.tokens // 4)
    load = Load(backbone, sentences, setting, bench.folder)
    for _ in range(2):  # beside those that are never timed: the first shapes are compiled or captured
        load.step()
    return _timed(bench, load, 0.75)  # so that all paths fit into the part's limit


PARTS: dict[str, tuple[Callable[[Bench], None], float]] = {
    "peak": (peaks, 60),
    "slots": (slots, 240),
    "where": (where, 100),
    "passes": (passes, 80),
    "trial": (trial, 90),
    "paths": (paths, 90),
    "rival": (rival, 240),
}
"""Each part, most telling first, with the seconds that it may take on a GPU."""


def run(name: str, file: Path, folder: Path, device: str, tiny: bool) -> None:
    """Run one part, in a process and a process group of its own."""
    os.setsid()
    if tiny:
        torch.set_num_threads(1)  # shapes so small are slower on several
    os.environ["PTUNE_CACHE"] = f"{folder}/states"
    PARTS[name][0](Bench(file, folder, device, tiny))


def _made(bench: Bench, shape: str) -> Backbone | None:
    """A backbone, or a row that says why there is none."""
    try:
        return made_backbone(shape, bench.device)
    except Exception as error:  # noqa: BLE001 - the other shapes are measured all the same
        text = f"{type(error).__name__}: {error}".splitlines()[0][:160]

    def fail() -> dict[str, Any]:
        raise RuntimeError(text)

    bench.attempt({"shape": shape}, fail)
    return None


def _rate(bench: Bench, backbone: Backbone, setting: Setting) -> dict[str, Any]:
    """Speed and memory of one number of slots."""
    found = _speed(bench, backbone, setting)
    _let_go(bench.device)
    sentences = made_sentences(ROWS * 24, bench.tokens)
    used = memory(backbone, sentences, bench.folder, [setting.slots], setting)[0]
    return {**found, **{key: value for key, value in used.items() if key != "slots"}}


def _speed(bench: Bench, backbone: Backbone, setting: Setting) -> dict[str, Any]:
    """How fast an engine with work of its own passes."""
    return _timed(bench, bench.load(backbone, setting))


def _timed(bench: Bench, load: Load, share: float = 1.0) -> dict[str, Any]:
    """Passes until a share of a measurement's time is up, or every slot is near its epoch's end."""
    sizes, setting = Sizes.of(load.engine.backbone), load.setting
    layers = sizes.layers
    first = 0 if setting.depth is None else layers - setting.depth
    load.step()
    load.step()
    taken: list[tuple[float, float, int]] = []
    began = time.perf_counter()
    while sum(steps for _, steps, _ in taken) < _MOST_STEPS * setting.slots and (
        len(taken) < 2 or time.perf_counter() - began < share * bench.seconds
    ):
        done = load.step()
        lengths = [length for batch in done.batches for length in batch]
        useful = training_flops(sizes, lengths, setting.length, first)
        taken.append((done.seconds, len(lengths) / ROWS, useful))
    seconds, steps = sum(one for one, _, _ in taken), sum(one for _, one, _ in taken)
    return {
        "passes": len(taken),
        "ms_per_pass": 1e3 * median(one for one, _, _ in taken),
        "steps_per_s": steps / seconds,
        "trials_per_h": 3600 * steps / seconds / STEPS,
        "gflops": sum(one for _, _, one in taken) / seconds / 1e9,
        "token_budget": load.engine.token_budget,
    }


def _kinds(bench: Bench, backbone: Backbone, setting: Setting) -> dict[str, Any]:
    # One interruption takes much of a few passes as short as the tiny ones.
    return {"shares": limit.breakdown(bench.load(backbone, setting), 10 if bench.tiny else 3)}


def _input(bench: Bench, backbone: Backbone, setting: Setting) -> dict[str, Any]:
    """How long a pass's rows take from flat arrays to the device, and their share of a pass."""
    load = bench.load(backbone, setting)
    rate = _timed(bench, load)
    together = max(1, min(setting.slots, setting.budget // (ROWS * bench.tokens)))
    batches = [plan.train.rows for plan in load.plans[:together]]
    taken = []
    for number in range(12):
        numbers = torch.arange(number * ROWS, (number + 1) * ROWS).numpy()
        began = clock(backbone.device)
        stack(Rows.joined([rows.pick(numbers) for rows in batches]), backbone.device)
        taken.append(clock(backbone.device) - began)
    milliseconds = 1e3 * median(taken[2:])
    return {"ms": milliseconds, "share": milliseconds / rate["ms_per_pass"]}


def _operators(bench: Bench, backbone: Backbone, setting: Setting) -> dict[str, Any]:
    """The operators whose own time is longest: on a GPU, of its kernels."""
    load, gpu = bench.load(backbone, setting), bench.device == "cuda"
    load.step()
    load.step()
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]
    with profile(activities=activities) as profiler:
        wall = sum(load.step().seconds for _ in range(3))
    spent = [
        ((one.self_device_time_total if gpu else one.self_cpu_time_total) / 1e6, one.count, one.key)
        for one in profiler.key_averages()
        if not gpu or one.device_type == torch.autograd.DeviceType.CUDA
    ]
    top = sorted(spent, reverse=True)[:15]
    return {
        "busy": sum(seconds for seconds, _, _ in spent) / wall,
        "top": [{"name": name[:80], "calls": calls, "share": seconds / wall} for seconds, calls, name in top],
    }


def _let_go(device: str) -> None:
    """Give back what nothing refers to any more."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
