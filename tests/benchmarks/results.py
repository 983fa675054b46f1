"""What benchmarks share: where their data lies, the lines they print, a JSON file that names the machine, plots.

Knows no benchmark.
"""

from __future__ import annotations

import os
import platform
import sys
import textwrap
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from ptune.files import replacing, write_json

FOLDER = Path(__file__).resolve().parents[2] / "build" / "bench"

# Okabe and Ito (2008); every series also has its own marker
_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#9AA5B1", "#CC79A7", "#56B4E9")
_MARKERS = ("o", "s", "^", "D", "v", "P")
_TEXT, _FRAME, _GRID = "#1F2933", "#CBD2D9", "#E4E7EB"


def machine() -> dict[str, Any]:
    """What a number depends on: `cpu`, `cores` that this process may use, `gpu` or None, `torch`, `python`."""
    import torch

    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "torch": version("torch"),
        "python": platform.python_version(),
    }


def say(line: str = "") -> None:
    """Print a line, at once."""
    print(line, flush=True)  # noqa: T201 - a benchmark's output


def default_data() -> Path:
    """Where SST-2 is expected."""
    root = FOLDER.parents[1]
    return Path(os.environ.get("PTUNE_SHARED_DATA", root.parent / "shared" / "data")) / "sst2"


def write(name: str, results: dict[str, Any], out: Path | None = None) -> Path:
    """Write results with the machine they are from as JSON to `out`, or to `build/bench/NAME.json`; return the path."""
    path = FOLDER / f"{name}.json" if out is None else out
    write_json(path, {"benchmark": name, "machine": machine(), **results})
    return path


def lines(
    path: Path,
    title: str,
    xlabel: str,
    ylabel: str,
    series: dict[str, tuple[Sequence[float], Sequence[float]]],
    log: bool = False,
) -> None:
    """Draw one line for each name in `series`, from its xs and ys, as PNG.

    Args:
        path: the file to write.
        title: one line above the plot.
        xlabel: what runs across, with its unit.
        ylabel: what runs upwards, with its unit.
        series: name -> (xs, ys), in the order of the legend; at most six look different.
        log: whether both axes are logarithmic; every value is above 0 then.
    """
    figure, axes = _figure(title, ylabel)
    for index, (name, (xs, ys)) in enumerate(series.items()):
        style = {"color": _COLOURS[index % 6], "marker": _MARKERS[index % 6]}
        axes.plot(xs, ys, label=name, linewidth=1.8, markersize=5.0, **style)
    axes.set_xlabel(xlabel)
    if log:
        _logarithmic(axes)
    else:
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.legend(frameon=False, fontsize=8.5)
    _save(figure, axes, path)


def bars(path: Path, title: str, ylabel: str, groups: dict[str, float]) -> None:
    """Draw one bar with its value for each name in `groups`, as PNG; those whose name begins with `ptune` stand out."""
    figure, axes = _figure(title, ylabel)
    colours = [_COLOURS[0] if name.startswith("ptune") else _COLOURS[1] for name in groups]
    drawn = axes.bar(range(len(groups)), list(groups.values()), color=colours, width=0.62, zorder=2)
    axes.bar_label(drawn, [f"{value:.3g}" for value in groups.values()], padding=2, fontsize=9, color=_TEXT)
    axes.set_xticks(range(len(groups)), ["\n".join(textwrap.wrap(name, 16)) for name in groups])
    axes.margins(y=0.1)
    _save(figure, axes, path)


def _cpu() -> str:
    """The processor's name as Linux or, elsewhere, Python states it."""
    stated = Path("/proc/cpuinfo")
    lines = stated.read_text(encoding="utf-8").splitlines() if stated.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or f"{sys.platform} {platform.machine()}")


def _figure(title: str, ylabel: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7.4, 4.6), dpi=144, layout="constrained", facecolor="white")
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontsize=11, color=_TEXT)
    axes.set_ylabel(ylabel)
    return figure, axes


def _logarithmic(axes: Axes) -> None:
    """Both axes, with ticks as plain numbers."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_locator(NullLocator())


def _save(figure: Figure, axes: Axes, path: Path) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_FRAME)
    axes.tick_params(colors=_TEXT, labelsize=9, length=3, color=_FRAME)
    axes.grid(color=_GRID, linewidth=0.7, zorder=0, axis="both" if axes.lines else "y")
    axes.set_axisbelow(True)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(_TEXT)
        label.set_fontsize(9.5)
    with replacing(path) as draft:
        FigureCanvasAgg(figure).print_png(draft)
