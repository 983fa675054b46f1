"""The picture of a search: learning curves of all trials beside the two parameters that mattered most.

Colours are Okabe and Ito's (2008), told apart by all kinds of colour vision; what they say is also said by line width
or by position. Knows histories; the only module that imports matplotlib.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ptune.files import replacing
from ptune.record.history import REPEATING, History, TrialRecord
from ptune.record.objective import Objective
from ptune.record.wording import NONE, described, value_text
from ptune.report.wording import score_text
from ptune.spec.protocol import majority_metric

_BEST, _COMPLETE, _FAINT = "#D55E00", "#0072B2", "#9AA5B1"
_HEAD, _MAJORITY, _TEXT = "#009E73", "#6B7280", "#1F2933"
_CURVES = 200
"""Learning curves that are drawn at most; more are one blot."""
_DOTS = 300
"""Trials whose dots have their full size; those of more are smaller."""


def draw(history: History, importances: Mapping[str, float], path: Path) -> None:
    """Write the search's figure into a file; see `as_png`."""
    with replacing(path) as draft:
        draft.write_bytes(as_png(history, importances))


def as_png(history: History, importances: Mapping[str, float]) -> bytes:
    """The search's figure as PNG.

    Args:
        history: a search with at least one report.
        importances: each parameter's share; the two largest are drawn. Empty: the first two that vary.
    """
    figure = Figure(figsize=(11.0, 4.6), dpi=144, layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1.0))
    ranked = history.ranked()
    _curves(left, history, ranked)
    names = _axes_names(history, ranked, importances)
    if names:
        _landscape(right, history, ranked, names, figure)
    else:
        right.set_axis_off()
    for axes in (left, right):
        _soften(axes)
    figure.suptitle(_title(history, ranked), x=0.01, ha="left", fontsize=12, color=_TEXT)
    stream = io.BytesIO()
    FigureCanvasAgg(figure).print_png(stream)
    return stream.getvalue()


def _title(history: History, ranked: Sequence[TrialRecord]) -> str:
    name = history.header.name
    if not ranked:
        return name
    best = ranked[0]
    config = described(best.config, history.header.varied)
    return f"{name}: best {score_text(best.best_value)} {history.objective.metric}, trial {best.number} ({config})"


def _curves(axes: Axes, history: History, ranked: Sequence[TrialRecord]) -> None:
    """Each trial's dev metric over its epochs, the best on top; of many trials some."""
    metric = history.objective.metric
    drawn = _drawn(ranked)
    for trial in reversed(drawn):
        values = [report[metric] for report in trial.reports]
        style = _curve_style(trial, best=trial is ranked[0])
        axes.plot(range(1, len(values) + 1), values, **asdict(style))
    for label, level, colour, above in _baselines(history, ranked):
        axes.axhline(level, color=colour, linestyle=(0, (4, 3)), linewidth=1.2, zorder=1.5)
        axes.annotate(
            label,
            (1.0, level),
            xycoords=("axes fraction", "data"),
            xytext=(-4, 3 if above else -3),
            textcoords="offset points",
            ha="right",
            va="bottom" if above else "top",
            fontsize=8.5,
            color=colour,
        )
    axes.margins(y=0.08)  # room for the label below the lowest line
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"{metric} on dev{_hint(history.objective)}")
    share = "" if len(drawn) == len(ranked) else f"{len(drawn)} of {len(ranked)} "
    axes.set_title(f"{share}learning curves", loc="left", fontsize=10.5, color=_TEXT)
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes.legend(
        unique.values(),
        unique.keys(),
        frameon=False,
        fontsize=8.5,
        ncols=3,
        loc="lower right",
        bbox_to_anchor=(1.02, 0.985),
    )


def _drawn(ranked: Sequence[TrialRecord]) -> Sequence[TrialRecord]:
    """Trials whose curves are drawn, best first: all, or of many the best and as many of the others, evenly."""
    if len(ranked) <= _CURVES:
        return ranked
    best, remaining = ranked[: _CURVES // 2], ranked[_CURVES // 2 :]
    return [*best, *remaining[:: -(-len(remaining) // (_CURVES - len(best)))]]


@dataclass(frozen=True)
class _CurveStyle:
    """How a trial's curve is drawn: arguments of matplotlib's `plot`."""

    color: str
    linewidth: float
    alpha: float
    zorder: int
    label: str
    marker: str | None
    markersize: float = 3.0


def _curve_style(trial: TrialRecord, *, best: bool) -> _CurveStyle:
    marker = "o" if trial.epoch < 30 else None
    if best:
        return _CurveStyle(_BEST, 2.6, 1.0, 4, "best", marker)
    if trial.status == "complete":
        return _CurveStyle(_COMPLETE, 1.3, 0.75, 3, "complete", marker)
    return _CurveStyle(_FAINT, 1.0, 0.6, 2, "stopped early" if trial.status == "stopped" else "unfinished", marker)


def _baselines(history: History, ranked: Sequence[TrialRecord]) -> list[tuple[str, float, str, bool]]:
    """What a prompt has to beat: the best trial without one, and always giving the commonest answer.

    As label, value, colour, and whether the label goes above its line.
    """
    lines = []
    heads = [trial.best_value for trial in ranked if trial.config.get("method") == "head"]
    if heads and heads[0] is not None:
        lines.append((f"head only {score_text(heads[0])}", heads[0], _HEAD, True))
    reports = [report for trial in ranked for report in trial.reports[:1]]
    comparable = history.objective.metric == majority_metric(history.job.task.kind)
    majority = reports[0].get("majority_baseline") if reports and comparable else None
    if majority is not None and math.isfinite(majority):
        lines.append((f"commonest answer {score_text(majority)}", majority, _MAJORITY, False))
    return lines


def _axes_names(history: History, ranked: Sequence[TrialRecord], importances: Mapping[str, float]) -> list[str]:
    """The two parameters that mattered most; which data split and which repetition only where nothing else varies."""
    candidates = [*importances, *history.header.varied]
    names = [name for name in dict.fromkeys(candidates) if len({repr(trial.config.get(name)) for trial in ranked}) > 1]
    return sorted(names, key=lambda name: name in REPEATING)[:2]


def _landscape(
    axes: Axes, history: History, ranked: Sequence[TrialRecord], names: Sequence[str], figure: Figure
) -> None:
    """Trials by two parameters, coloured by the metric; with one parameter, the metric is the height."""
    metric = history.objective.metric
    values = [trial.best_value or 0.0 for trial in ranked]
    across = _positions(axes, "x", names[0], ranked)
    if len(names) == 1:
        axes.scatter(across, values, s=36, color=_COMPLETE, alpha=0.8, edgecolor="white", linewidth=0.6)
        axes.scatter(across[:1], values[:1], s=150, facecolor="none", edgecolor=_BEST, linewidth=2.0)
        axes.set_ylabel(f"best {metric}{_hint(history.objective)}")
    else:
        up = _positions(axes, "y", names[1], ranked)
        utility = history.objective.utility
        order = sorted(range(len(values)), key=lambda index: utility(values[index]))  # the best on top
        size = max(0.2, min(1.0, _DOTS / len(values)))
        points = axes.scatter(
            [across[i] for i in order],
            [up[i] for i in order],
            c=[values[i] for i in order],
            cmap="viridis" if history.objective.is_better(1.0, 0.0) else "viridis_r",  # the best are bright
            s=52 * size,
            edgecolor="white",
            linewidth=0.6 * size,
            zorder=3,
        )
        axes.scatter(across[:1], up[:1], s=170, facecolor="none", edgecolor=_BEST, linewidth=2.2, zorder=4)
        bar = figure.colorbar(points, ax=axes, pad=0.02)
        bar.set_label(f"best {metric}{_hint(history.objective)}", color=_TEXT, fontsize=9)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8.5, colors=_TEXT, length=0)
    axes.set_title("trials by " + " and ".join(names), loc="left", fontsize=10.5, color=_TEXT)


def _hint(objective: Objective) -> str:
    """What an axis says beside its metric where less is better."""
    return "" if objective.is_better(1.0, 0.0) else " (less is better)"


def _positions(axes: Axes, side: str, name: str, ranked: Sequence[TrialRecord]) -> list[float]:
    """Where trials lie on one axis, which is set up for the parameter: numbers as they are, words as places."""
    axis = axes.xaxis if side == "x" else axes.yaxis
    axis.set_label_text(name)
    values = [trial.config.get(name) for trial in ranked]
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) == len(values):
        if min(numbers) > 0 and max(numbers) / min(numbers) >= 30:
            (axes.set_xscale if side == "x" else axes.set_yscale)("log")
        elif all(isinstance(value, int) for value in numbers):
            axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        return [float(value) for value in numbers]
    kinds = sorted({value_text(value) for value in values}, key=lambda text: (text == NONE, _natural(text)))
    axis.set_ticks(range(len(kinds)), [_shortened(kind) for kind in kinds])
    (axes.set_xlim if side == "x" else axes.set_ylim)(-0.5, len(kinds) - 0.5)
    ticks = {kind: index for index, kind in enumerate(kinds)}
    return [ticks[value_text(value)] + _jitter(trial.number) for value, trial in zip(values, ranked, strict=True)]


def _natural(text: str) -> tuple[float, str]:
    try:
        return float(text), ""
    except ValueError:
        return math.inf, text


def _shortened(text: str) -> str:
    if text == NONE:
        return "not used"
    return text if len(text) <= 18 else text[:17] + "…"


def _jitter(number: int) -> float:
    """A small, fixed displacement, so that trials with the same word do not hide each other."""
    return ((number * 0.618034) % 1.0 - 0.5) * 0.45


def _soften(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#CBD2D9")
    axes.tick_params(colors=_TEXT, labelsize=9, length=3, color="#CBD2D9")
    axes.grid(color="#E4E7EB", linewidth=0.7, zorder=0)
    axes.set_axisbelow(True)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(_TEXT)
        label.set_fontsize(9.5)
