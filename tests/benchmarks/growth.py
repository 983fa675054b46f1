"""What a trial costs as its search grows: more slots, longer prompts, more layers, longer rows; and memory per slot.

    python tests/benchmarks/growth.py [--data FOLDER] [--most SLOTS] [--passes N] [--out results.json]

Every time is relative to the first configuration of its series, taken in turn with it. Without a GPU, memory is read
from Linux's /proc. Plots stand in `build/bench/`.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import results
import torch
from results import default_data, say
from workload import (
    BACKBONE,
    ROWS,
    Load,
    Setting,
    interleaved,
    learned_bytes,
    per_step,
    read_sentences,
)

from ptune.backbone.backbone import Backbone
from ptune.backbone.load import best_device, load_backbone

LENGTHS = (1, 8, 20, 64)
TOKENS = (8, 16, 32, 64, 128)
KEPT_BYTES = 2**30

Sentences = Sequence[tuple[str, int]]
Lines = Mapping[str, Mapping[int, Load]]
"""The loads of one plot: by line, then by where on the line."""


def slot_counts(most: int) -> list[int]:
    """1, 2, 4, … up to `most`."""
    return [2**power for power in range(most.bit_length())]


def compare(lines: Lines, passes: int) -> list[dict[str, Any]]:
    """Milliseconds per trial and step of each load, and as a ratio to the very first one's, pass by pass."""
    loads = {(line, at): load for line, own in lines.items() for at, load in own.items()}
    taken = interleaved(loads, passes)
    first = next(iter(taken.values()))
    return [
        {
            "line": line,
            "at": at,
            "ms_per_step": 1e3 * per_step(each),
            "ratio": median(one.per_step / other.per_step for one, other in zip(each, first, strict=True)),
        }
        for (line, at), each in taken.items()
    ]


def memory(
    backbone: Backbone, sentences: Sentences, folder: Path, counts: Sequence[int], setting: Setting | None = None
) -> list[dict[str, float]]:
    """MB above what the process held before, while passes of so many slots run and after; and what learners hold."""
    found = []
    for count in counts:
        before = _held(backbone.device)
        load = Load(backbone, sentences, replace(setting or Setting(), slots=count), folder)
        _forget_peak(backbone.device)
        for _ in range(2):
            load.step()
        peak, after = _peak(backbone.device) - before, _held(backbone.device) - before
        found.append({"slots": count, "peak_mb": peak, "held_mb": after, "learned_mb": learned_bytes(load) / 2**20})
        del load
    return found


def per_slot(found: Sequence[Mapping[str, float]], what: str) -> float:
    """By how much `what` grows with each slot: the slope of the straight line nearest to all counts."""
    slots, values = [one["slots"] for one in found], [one[what] for one in found]
    middle, level = sum(slots) / len(slots), sum(values) / len(values)
    rise = sum((slot - middle) * (value - level) for slot, value in zip(slots, values, strict=True))
    return rise / sum((slot - middle) ** 2 for slot in slots)


def _held(device: torch.device) -> float:
    """MB that tensors take on a GPU; that the process's own pages take in memory, once free ones are given back."""
    gc.collect()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # glibc keeps freed blocks for later
        trim(0)
    return torch.cuda.memory_allocated(device) / 2**20 if device.type == "cuda" else _status("RssAnon")


def _peak(device: torch.device) -> float:
    """The most MB since `_forget_peak`; on CPUs pages of files, the same all the time, are taken off."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return _status("VmHWM") - _status("RssFile") - _status("RssShmem")


def _forget_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # 5 resets VmHWM, see proc(5)


def _status(name: str) -> float:
    """A figure of /proc/self/status, in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 2**10


def series(backbone: Backbone, sentences: Sentences, folder: Path, most: int) -> dict[str, Lines]:
    """The loads to compare, by what grows."""
    layers = backbone.shape.layers
    kept = backbone.with_cache(KEPT_BYTES)

    def load(setting: Setting, one: Backbone = backbone) -> Load:
        return Load(one, sentences, setting, folder)

    depths = range(layers, 0, -1)
    return {
        "slots": {"time": {count: load(Setting(count)) for count in slot_counts(most)}},
        "prompt length": {"time": {length: load(Setting(2, length=length)) for length in LENGTHS}},
        "layers with a prompt": {
            "computed below": {depth: load(Setting(2, depth=depth)) for depth in depths},
            "kept below": {depth: load(Setting(2, depth=depth), kept) for depth in depths},
        },
        "tokens of a row": {"time": {tokens: load(Setting(1, tokens=tokens)) for tokens in TOKENS}},
    }


def table(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print one series."""
    say(f"\n{name:24}{'':16}{'ms/step':>10}{'ratio':>10}")
    for row in rows:
        say(f"{row['at']:24d}  {row['line']:14}{row['ms_per_step']:10.1f}{row['ratio']:9.2f}x")


def memory_table(found: Sequence[Mapping[str, float]], backbone_mb: float) -> None:
    """Print memory by slots, and what each slot adds."""
    say(f"\n{'slots':36}{'peak MB':>10}{'held MB':>10}{'learned':>10}   (backbone {backbone_mb:.0f} MB, once)")
    for one in found:
        say(f"{one['slots']:36.0f}{one['peak_mb']:10.1f}{one['held_mb']:10.1f}{one['learned_mb']:10.1f}")
    added = [per_slot(found, what) for what in ("peak_mb", "held_mb", "learned_mb")]
    say(f"{'each slot adds':36}{added[0]:10.2f}{added[1]:10.2f}{added[2]:10.2f}   (learned: parameters and moments)")


def plot(compared: Mapping[str, Sequence[Mapping[str, Any]]], found: Sequence[Mapping[str, float]]) -> None:
    """One picture for each thing that grows."""
    for name, rows in compared.items():
        path = results.FOLDER / f"growth-{name.replace(' ', '-')}.png"
        own = {
            line: [row for row in rows if row["line"] == line] for line in dict.fromkeys(row["line"] for row in rows)
        }
        drawn = {line: ([row["at"] for row in each], [row["ratio"] for row in each]) for line, each in own.items()}
        results.lines(path, f"Time per trial and step, by {name}", name, "times the first configuration", drawn)
    slots = [one["slots"] for one in found]
    grown = {
        name: (slots, [one[key] for one in found]) for name, key in (("peak", "peak_mb"), ("learned", "learned_mb"))
    }
    results.lines(results.FOLDER / "growth-memory.png", "Memory beside the backbone", "slots", "MB", grown)


def main() -> None:
    """Measure memory, then time; print, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--device", default=best_device())
    parser.add_argument("--dtype", default="auto", choices=("auto", "float32", "bfloat16"))
    parser.add_argument("--most", type=int, help="slots; default: 64 on a GPU, else 16")
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    most = arguments.most or (64 if arguments.device == "cuda" else 16)
    began = time.monotonic()
    sentences = read_sentences(arguments.data.resolve())
    backbone = load_backbone(BACKBONE, dtype=arguments.dtype, device=arguments.device)
    say(f"MiniLM in {backbone.dtype}, P-tuning v2, {ROWS} rows per trial, {torch.get_num_threads()} threads")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PTUNE_CACHE"] = f"{folder}/states"
        found = memory(backbone, sentences, Path(folder), slot_counts(most))
        backbone_mb = sum(one.nbytes for one in backbone.parameters()) / 2**20
        memory_table(found, backbone_mb)
        compared = {}
        for name, lines in series(backbone, sentences, Path(folder), most).items():
            compared[name] = compare(lines, arguments.passes)
            table(name, compared[name])
    plot(compared, found)
    written = {
        "threads": torch.get_num_threads(),
        "dtype": str(backbone.dtype),
        "seconds": time.monotonic() - began,
        "series": compared,
        "memory": {"backbone_mb": backbone_mb, "by_slots": found},
    }
    say(f"\n{results.write('growth', written, arguments.out)}, {written['seconds']:.0f} s")


if __name__ == "__main__":
    main()
