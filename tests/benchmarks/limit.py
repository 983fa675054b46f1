"""How near a training pass comes to what this machine can multiply, and where the rest of its time goes.

    python tests/benchmarks/limit.py [--data FOLDER] [--passes N] [--out results.json]

Useful work (`flops.py`) over wall time, beside the best rate of large square matrix products in the same type, and
beside the rate of the backbone's own, narrower ones, all in the same run. Plots stand in `build/bench/`.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import results
import torch
from flops import Sizes, training_flops
from results import default_data, say
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from workload import BACKBONE, ROWS, Load, Pass, Setting, clock, interleaved, per_step, read_sentences

from ptune.backbone.backbone import Backbone
from ptune.backbone.load import best_device, load_backbone

ROWS_OF = {"short": 14, "as they come": None, "long": 64}
SLOTS = {"short": (1, 2, 4, 8, 16), "as they come": (1, 4, 16), "long": (1, 2, 4)}
PROFILED = ("short", "long")

GROUPS = {
    "matrix products": ("addmm", "mm", "linear", "matmul"),
    "attention": ("bmm", "baddbmm", "softmax", "scaled_dot_product", "masked_fill", "where", "cat"),
    "elementwise": ("layer_norm", "gelu", "tanh", "add", "sub", "mul", "div", "sum", "neg", "pow"),
    "copies and fresh memory": ("copy", "clone", "fill", "zero", "empty", "index", "gather", "embedding", "cudaMalloc"),
}
"""Where an operator belongs: the first group with a name that the operator's starts with, underscores aside."""
OPTIMISER, REST = "optimiser", "Python and all else"


def peak(dtype: torch.dtype, device: torch.device, sizes: Sequence[int] | None = None) -> float:
    """The best FLOP/s of large square matrix products."""
    sizes = sizes or ((4096, 8192, 16384) if device.type == "cuda" else (1024, 2048, 4096))
    return max(2 * size**3 / _fastest(_product(size, size, size, dtype, device), device) for size in sizes)


def narrow(sizes: Sizes, tokens: int, dtype: torch.dtype, device: torch.device) -> float:
    """FLOP/s of the products of one of the backbone's layers, forward and backward, for so many tokens."""
    wide, inner = sizes.hidden, sizes.inner
    shapes = [(wide, wide)] * 4 + [(wide, inner), (inner, wide)]
    took = {shape: _fastest(_product(tokens, *shape, dtype, device), device) for shape in set(shapes)}
    return sum(2 * tokens * one * other for one, other in shapes) / sum(took[shape] for shape in shapes)


def _product(rows: int, inner: int, columns: int, dtype: torch.dtype, device: torch.device) -> Callable[[], Tensor]:
    left = torch.randn(rows, inner, dtype=dtype, device=device)
    right = torch.randn(inner, columns, dtype=dtype, device=device)
    out = torch.empty(rows, columns, dtype=dtype, device=device)
    return lambda: torch.mm(left, right, out=out)


def _fastest(act: Callable[[], Any], device: torch.device, seconds: float = 0.4) -> float:
    """The shortest of several runs, after one that is not counted; at least three, as many as `seconds` hold."""
    act()
    taken: list[float] = []
    while len(taken) < 3 or sum(taken) < seconds:
        began = clock(device)
        act()
        taken.append(clock(device) - began)
    return min(taken)


def useful(backbone: Backbone, setting: Setting, done: Pass) -> int:
    """The operations that a pass cannot do without."""
    lengths = [length for batch in done.batches for length in batch]
    return training_flops(Sizes.of(backbone), lengths, setting.length)


def breakdown(load: Load, passes: int = 3) -> dict[str, float]:
    """Shares of a pass's time by kind of work; on GPUs of the device's, with what it waits as the rest."""
    device = load.engine.backbone.device
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if device.type == "cuda" else [])
    load.step()
    with profile(activities=activities) as profiler:
        wall = sum(load.step().seconds for _ in range(passes))
    spent: Counter[str] = Counter()
    for event in profiler.events():
        own = event.self_device_time_total if device.type == "cuda" else event.self_cpu_time_total
        if event.device_type == torch.autograd.DeviceType.CPU:
            spent[_group(event)] += own / 1e6
    shares = {name: spent[name] / wall for name in (*GROUPS, OPTIMISER)}
    return {**shares, REST: max(0.0, 1.0 - sum(shares.values()))}


def _group(event: Any) -> str:
    """Whose time an event's own is; all below an optimiser's step is the optimiser's."""
    above = event
    while above is not None:
        if above.name.startswith("Optimizer."):
            return OPTIMISER
        above = above.cpu_parent
    return group_of(event.name)


def group_of(name: str) -> str:
    """The group of an operator's name."""
    operator = name.removeprefix("aten::").removeprefix("_").removeprefix("native_").removeprefix("foreach_")
    found = (group for group, names in GROUPS.items() if any(operator.startswith(one) for one in names))
    return next(found, REST) if name.startswith(("aten::", "cuda")) else REST


def measure(backbone: Backbone, sentences: Sequence[tuple[str, int]], folder: Path, passes: int) -> dict[str, Any]:
    """Everything about one backbone type."""
    sizes, device = Sizes.of(backbone), backbone.device
    best = peak(backbone.dtype, device)
    shapes = []
    for name, slots in SLOTS.items():
        loads = {count: Load(backbone, sentences, Setting(count, ROWS_OF[name]), folder) for count in slots}
        for count, taken in interleaved(loads, passes).items():
            setting = loads[count].setting
            rate = median(useful(backbone, setting, one) / one.seconds for one in taken)
            tokens = int(median(sum(map(sum, one.batches)) for one in taken))
            together = median(len(one.batches) for one in taken)
            reachable = narrow(sizes, tokens, backbone.dtype, device)
            shapes.append(
                {
                    "rows": name,
                    "slots": count,
                    "steps_in_a_pass": together,
                    "tokens": tokens,
                    "ms_per_step": 1e3 * per_step(taken),
                    "us_per_token": median(1e6 * one.seconds / sum(map(sum, one.batches)) for one in taken),
                    "gflops": rate / 1e9,
                    "narrow_gflops": reachable / 1e9,
                }
            )
    best = max(best, peak(backbone.dtype, device), *(1e9 * one["narrow_gflops"] for one in shapes))
    for one in shapes:
        one["share_of_peak"] = 1e9 * one["gflops"] / best
        one["share_of_narrow"] = one["gflops"] / one["narrow_gflops"]
    settings = {name: Setting(4, ROWS_OF[name]) for name in PROFILED}
    parts = {name: breakdown(Load(backbone, sentences, setting, folder)) for name, setting in settings.items()}
    return {"peak_gflops": best / 1e9, "shapes": shapes, "breakdown": parts}


def table(dtype: str, found: dict[str, Any]) -> None:
    """Print what was found for one type."""
    say(f"\n{dtype}: this machine multiplies {found['peak_gflops']:.0f} GFLOP/s at best")
    head = ("rows", "slots", "in a pass", "tokens", "ms/step", "us/token", "GFLOP/s", "of peak", "of own shapes")
    say(f"{head[0]:14}" + "".join(f"{one:>14}" for one in head[1:]))
    for one in found["shapes"]:
        say(
            f"{one['rows']:14}{one['slots']:14d}{one['steps_in_a_pass']:14.0f}{one['tokens']:14d}"
            f"{one['ms_per_step']:14.1f}{one['us_per_token']:14.1f}{one['gflops']:14.1f}{one['share_of_peak']:14.0%}{one['share_of_narrow']:14.0%}"
        )
    for name, parts in found["breakdown"].items():
        say(f"{name} rows, 4 slots: " + " · ".join(f"{part} {share:.0%}" for part, share in parts.items()))


def plot(found: dict[str, dict[str, Any]]) -> None:
    """Share of peak against slots, and where a pass's time goes."""
    series = {
        f"{dtype}, {name}": (
            [one["slots"] for one in each["shapes"] if one["rows"] == name],
            [100 * one["share_of_peak"] for one in each["shapes"] if one["rows"] == name],
        )
        for dtype, each in found.items()
        for name in SLOTS
    }
    title = "Useful work over the machine's best matrix product"
    results.lines(results.FOLDER / "limit.png", title, "trials in a pass", "share of peak, %", series)
    for dtype, each in found.items():
        for name, parts in each["breakdown"].items():
            path = results.FOLDER / f"limit-{dtype}-{name}.png"
            shares = {part: 100 * share for part, share in parts.items()}
            results.bars(path, f"Where a pass goes: {dtype}, {name} rows, 4 slots", "share of its time, %", shares)


def main() -> None:
    """Measure both types of weights; print, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--device", default=best_device())
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    began = time.monotonic()
    sentences = read_sentences(arguments.data.resolve())
    found: dict[str, dict[str, Any]] = {}
    say(f"MiniLM, P-tuning v2 of length 20 in 6 layers, {ROWS} rows per trial, {torch.get_num_threads()} threads")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PTUNE_CACHE"] = f"{folder}/states"
        for dtype in ("float32", "bfloat16"):
            backbone = load_backbone(BACKBONE, dtype=dtype, device=arguments.device)
            found[dtype] = measure(backbone, sentences, Path(folder), arguments.passes)
            table(dtype, found[dtype])
    plot(found)
    written = {"threads": torch.get_num_threads(), "seconds": time.monotonic() - began, "types": found}
    say(f"\n{results.write('limit', written, arguments.out)}, {written['seconds']:.0f} s")


if __name__ == "__main__":
    main()
