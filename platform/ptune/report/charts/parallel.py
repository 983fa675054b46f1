"""Parallel coordinates: every trial as a line through its parameters to its result, with a brush on each axis.

Vega-Lite has no brush for each of several axes, so this is a specification of Vega itself. A trial without a parameter
passes below that axis, at a place of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from ptune.record.history import History, TrialRecord
from ptune.report.charts import theme
from ptune.report.charts.axis import NOT_USED, Axis
from ptune.report.charts.encode import number_format, spoken
from ptune.report.charts.figure import Figure, Json, sentence
from ptune.report.charts.table import TRIALS
from ptune.report.wording import plural, result_text

BELOW = -0.13
"""Where the place for absent values lies, below the axes from 0 to 1."""
_MOST = 1000
"""Trials that are drawn at most; of more, the best."""
_HEIGHT, _AXIS_WIDTH = 300, 84
_WORD = 13


def parallel(history: History, axes: Sequence[Axis]) -> Figure:
    """The figure of a search with a result and at least one searched parameter."""
    ranked = history.ranked()
    drawn = ranked[:_MOST]
    result = result_axis(history)
    best = ", ".join(f"{axis.title} {_said(axis, ranked[0])}" for axis in axes)
    left_out = f"The best {_MOST} of {len(ranked)} trials are drawn." if len(drawn) < len(ranked) else ""
    missing = f"A line passes “{NOT_USED}” where its trial lacks the parameter." if any(a.absent for a in axes) else ""
    return Figure(
        name="parallel",
        title="All parameters at once",
        alternative=f"{plural(len(drawn), 'trial')} as lines through {len(axes)} parameters and the result. "
        f"The best, trial {ranked[0].number}: {best}; {history.objective.metric} "
        f"{result_text(ranked[0].best_value, ranked[0].dev_examples)}.",
        chart=_specification(history, [*axes, result], drawn),
        caption=sentence(
            [
                "Drag along one axis or several to keep the trials that pass there; click an axis to let go.",
                missing,
                left_out,
            ]
        ),
        least_width=_AXIS_WIDTH * len(axes) + 60,
    )


def result_axis(history: History) -> Axis:
    """The metric as the last axis, over the results that there are."""
    values = [trial.best_value or 0.0 for trial in history.ranked()]
    return Axis("value", min(values), max(values))


def places(trial: TrialRecord, axes: Sequence[Axis]) -> list[float]:
    """Where a trial's line passes each axis, the result's last: from 0 to 1, or `BELOW`."""
    values = [*(trial.config.get(axis.name) for axis in axes[:-1]), trial.best_value]
    return [
        BELOW if (place := axis.place(value)) is None else round(place + _aside(axis, trial), 4)
        for axis, value in zip(axes, values, strict=True)
    ]


def _aside(axis: Axis, trial: TrialRecord) -> float:
    """A small, fixed displacement, so that trials with the same word do not hide each other."""
    return 0.0 if axis.numeric else ((trial.number * 0.618034) % 1.0 - 0.5) * 0.5 / len(axis.words)


def _said(axis: Axis, trial: TrialRecord) -> str:
    value = trial.config.get(axis.name)
    return NOT_USED if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def _specification(history: History, axes: Sequence[Axis], drawn: Sequence[TrialRecord]) -> Json:
    count = len(axes)
    lowest = BELOW - 0.05 if any(axis.absent for axis in axes) else 0.0
    return {
        "$schema": "https://vega.github.io/schema/vega/v6.json",
        "height": _HEIGHT,
        "padding": {"left": 6, "right": 6, "top": 4, "bottom": 4},
        "autosize": {"type": "fit-x", "contains": "padding"},
        "signals": [*_width(), {"name": "brushed", "value": None}, *(_brush(index) for index in range(count))],
        "data": [
            {"name": TRIALS},
            {"name": "lines", "values": [_line(trial, axes) for trial in drawn], "transform": _kept(count)},
        ],
        "scales": [
            {"name": "x", "type": "point", "domain": list(range(count)), "range": "width", "padding": 0.35},
            {"name": "y", "type": "linear", "domain": [lowest, 1], "range": "height"},
            _colour(history),
        ],
        "marks": [_lines(history), *(_axis(history, axis, index) for index, axis in enumerate(axes))],
    }


def _width() -> list[Json]:
    """The width of what the chart stands in, also after that changes."""
    current = "isFinite(containerSize()[0]) ? containerSize()[0] : 800"
    return [{"name": "width", "init": current, "on": [{"update": current, "events": "window:resize"}]}]


def _brush(index: int) -> Json:
    """The stretch of an axis that is kept, as two places; null for all of it."""
    place = "invert('y', clamp(y(), 0, height))"
    moved = f"[@zone{index}:pointerdown, window:pointerup] > window:pointermove!"
    too_short = f"brush{index} && abs(brush{index}[1] - brush{index}[0]) < 0.015"
    return {
        "name": f"brush{index}",
        "value": None,
        "on": [
            {"events": f"@zone{index}:pointerdown", "update": f"[{place}, {place}]"},
            {"events": moved, "update": f"[brush{index}[0], {place}]"},
            {"events": "window:pointerup", "update": f"{too_short} ? null : brush{index}"},
        ],
    }


def _line(trial: TrialRecord, axes: Sequence[Axis]) -> Json:
    return {"trial": trial.number, **{f"at{index}": place for index, place in enumerate(places(trial, axes))}}


def _kept(count: int) -> list[Json]:
    """Each line's words and result, its path in units of the scales, and whether every brush keeps it."""
    inside = [
        f"(brush{i} == null || inrange(datum.at{i}, [min(brush{i}[0], brush{i}[1]), max(brush{i}[0], brush{i}[1])]))"
        for i in range(count)
    ]
    others = "(brushed == null || indexof(brushed, datum.trial) >= 0)"
    path = " + 'L' + ".join(f"scale('x', {index}) + ',' + scale('y', datum.at{index})" for index in range(count))
    return [
        {
            "type": "lookup",
            "from": TRIALS,
            "key": "trial",
            "fields": ["trial"],
            "values": ["value", "label", "rank", "group", "best_epoch"],
        },
        {"type": "formula", "as": "kept", "expr": " && ".join(inside)},
        {"type": "formula", "as": "lit", "expr": f"datum.kept && {others}"},
        {"type": "formula", "as": "path", "expr": f"'M' + {path}"},
        {"type": "collect", "sort": {"field": "rank", "order": "descending"}},
    ]


def _colour(history: History) -> Json:
    values = [trial.best_value or 0.0 for trial in history.ranked()]
    worst, best = sorted((min(values), max(values)), key=history.objective.utility)
    steps = len(theme.METRIC_SCALE) - 1
    domain = [worst + (best - worst) * step / steps for step in range(steps + 1)]
    return {
        "name": "colour",
        "type": "linear",
        "domain": domain,
        "range": list(theme.METRIC_SCALE),
        "interpolate": "lab",
    }


def _lines(history: History) -> Json:
    best = "datum.rank == 1"
    shown = len(history.ranked())
    faint = f"datum.rank <= {shown / 20:.0f} ? 0.9 : {max(0.15, min(0.75, 60 / shown)):.2f}"
    result = f"'best {history.objective.metric}': format(datum.value, '{number_format(history)}')"
    told = f"{{trial: datum.trial, {result}, 'in epoch': datum.best_epoch, configuration: datum.label}}"
    return {
        "type": "path",
        "name": "paths",
        "from": {"data": "lines"},
        "encode": {
            "enter": {"fill": {"value": "transparent"}, "strokeJoin": {"value": "round"}},
            "update": {
                "path": {"field": "path"},
                "stroke": [{"test": best, "value": theme.BEST}, {"scale": "colour", "field": "value"}],
                "strokeWidth": [{"test": best, "value": 3}, {"value": 1.3}],
                "strokeOpacity": [{"test": "!datum.lit", "value": 0.05}, {"test": best, "value": 1}, {"signal": faint}],
                "tooltip": {"signal": told},
                "description": {"signal": spoken(history)},
                "ariaRoleDescription": {"value": "trial"},
            },
            "hover": {"strokeWidth": {"value": 4}, "strokeOpacity": {"value": 1}},
        },
    }


def _axis(history: History, axis: Axis, index: int) -> Json:
    """One axis: its title, its line and ticks, the place for absent values, and where it is brushed."""
    is_result = axis.name == "value"
    title = history.objective.metric if is_result else axis.title
    across = {"scale": "x", "value": index}
    marks: list[Json] = [
        _text(title, across, {"value": -14}, align="center", size=12.5 if is_result else 12, strong=True),
        {
            "type": "rule",
            "style": "mark",
            "interactive": False,
            "encode": {
                "update": {
                    "x": across,
                    "y": {"scale": "y", "value": 0},
                    "y2": {"scale": "y", "value": 1},
                    "strokeWidth": {"value": 1.5},
                }
            },
        },
    ]
    ticks = axis.ticks() if not is_result else _result_ticks(history, axis)
    marks += [_text(_short(words), across, {"scale": "y", "value": place}, dx=7) for place, words in ticks]
    if axis.absent:
        marks.append(_text(NOT_USED, across, {"scale": "y", "value": BELOW}, dx=7, italic=True))
    return {"type": "group", "interactive": True, "marks": [*marks, _zone(index), _brush_mark(index)]}


def _result_ticks(history: History, axis: Axis) -> list[tuple[float, str]]:
    digits = number_format(history)
    values = [axis.low + (axis.high - axis.low) * step / 4 for step in range(5)] if axis.high > axis.low else [axis.low]
    return [(axis.place(value) or 0.0, format(value, digits)) for value in values]


def _zone(index: int) -> Json:
    """Where a pointer begins to brush an axis."""
    return {
        "type": "rect",
        "name": f"zone{index}",
        "encode": {
            "update": {
                "xc": {"scale": "x", "value": index},
                "width": {"value": 30},
                "y": {"value": -10},  # a brush may begin beyond the ends
                "y2": {"signal": "height + 10"},
                "fill": {"value": "transparent"},
                "cursor": {"value": "ns-resize"},
            }
        },
    }


def _brush_mark(index: int) -> Json:
    """The stretch that is kept."""
    return {
        "type": "rect",
        "interactive": False,
        "encode": {
            "update": {
                "xc": {"scale": "x", "value": index},
                "width": {"value": 14},
                "y": {"signal": f"brush{index} ? scale('y', brush{index}[0]) : 0"},
                "y2": {"signal": f"brush{index} ? scale('y', brush{index}[1]) : 0"},
                "fill": {"value": theme.COMPLETE},
                "fillOpacity": {"signal": f"brush{index} ? 0.3 : 0"},
                "stroke": {"value": theme.COMPLETE},
                "strokeOpacity": {"signal": f"brush{index} ? 1 : 0"},
            }
        },
    }


def _text(
    words: str,
    x: Json,
    y: Json,
    *,
    align: str = "left",
    dx: float = 0,
    size: float = 11,
    strong: bool = False,
    italic: bool = False,
) -> Json:
    look: dict[str, object] = {
        "text": {"value": words},
        "x": x,
        "y": y,
        "dx": {"value": dx},
        "align": {"value": align},
        "baseline": {"value": "middle"},
        "fontSize": {"value": size},
        "fontStyle": {"value": "italic" if italic else "normal"},
        "fontWeight": {"value": 600 if strong else 400},
    }
    return {"type": "text", "style": "remark", "interactive": False, "encode": {"update": look}}


def _short(words: str) -> str:
    return words if len(words) <= _WORD else f"{words[: _WORD - 1]}…"
