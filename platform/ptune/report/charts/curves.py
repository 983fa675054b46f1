"""Learning curves: each trial's metric over its epochs, the rungs of early stopping, and what there is to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from ptune.record.history import History
from ptune.report.charts import theme
from ptune.report.charts.encode import (
    ONLY_TEST,
    TRIALS_DATA,
    brushed,
    epoch_axis,
    group_colour,
    inline,
    layered,
    lit,
    metric_y,
    only_groups,
    spoken,
    tooltip,
)
from ptune.report.charts.figure import Figure, sentence
from ptune.report.charts.table import CURVES, with_curves
from ptune.report.wording import mean_of_epochs, plural, result_text, score_text
from ptune.spec.protocol import majority_metric

_POINTED = "length(data('near_store')) && vlSelectionTest('near_store', datum)"
_DOTTED, _FEW = 30, 60
"""Epochs of a curve, and trials, up to which every epoch has a dot of its own."""
_SUCCESSIVE = 4
"""Rungs, each an epoch after the one before, that are no rungs to people."""
_POINT = "Click the legend to filter; point at a curve to read it."
_FIELDS = ["group", "label", "value", "best_epoch", "epochs"]


@dataclass(frozen=True)
class Level:
    """A score that prompts have to beat."""

    words: str
    value: float
    colour: str


def levels(history: History) -> list[Level]:
    """What a prompt has to beat: the best trial without one, and always giving one answer."""
    found = []
    ranked = history.ranked()
    heads = [trial for trial in ranked if trial.config.get("method") == "head"]
    if heads and (value := heads[0].best_value) is not None and len(heads) < len(ranked):
        found.append(Level(f"head only {result_text(value, heads[0].dev_examples)}", value, theme.HEAD))
    comparable = history.objective.metric == majority_metric(history.job.task.kind)
    majority = history.majority_baseline if comparable else None
    if majority is not None:
        answer = history.job.task.always.removeprefix("the ")
        found.append(Level(f"{answer} {score_text(majority)}", majority, theme.MAJORITY))
    return found


def learning_curves(history: History) -> Figure:
    """The figure of a search that has a result."""
    ranked = history.ranked()
    drawn = len(with_curves(ranked))
    rungs = _rungs_in_epochs(history)
    left_out = (
        "" if drawn == len(ranked) else f"{drawn} of {len(ranked)} curves are drawn: the best, and others evenly."
    )
    growing = "Early epochs are scored on a part of dev." if any(trial.has_parts for trial in ranked) else ""
    stopping = f"Early stopping compares trials {_when(rungs)}." if rungs else ""
    curves = f"{history.objective.metric} on dev of {plural(drawn, 'trial')} over their epochs."
    folds = "" if history.leading is None else "Each curve is one fold of a configuration."
    return Figure(
        name="curves",
        title="Learning curves",
        alternative=f"{curves} {_reached(history)}",
        chart=curves_chart(history),
        caption=sentence([folds, stopping, growing, left_out, _POINT]),
    )


def _reached(history: History) -> str:
    """What the best trial comes to; with folds, the best configuration."""
    if (leading := history.leading) is not None:
        trials = ", ".join(str(number) for number in sorted(trial.number for trial in leading.trials))
        return f"The best configuration, trials {trials}, reaches {score_text(leading.spread.mean)} over its folds."
    best = history.ranked()[0]
    meant = mean_of_epochs(best.counted_epochs)
    value = result_text(best.best_value, best.dev_examples)
    return f"The best, trial {best.number}, reaches {value} in epoch {best.kept_epoch}{meant}."


def curves_chart(history: History, *, still: bool = False) -> alt.LayerChart:
    """The chart alone; `still` for a picture, in which nothing answers a pointer."""
    trials = alt.LookupData(data=TRIALS_DATA, key="trial", fields=_FIELDS)
    first = history.job.budget.in_epochs(1)
    last = max(trial.trained_epochs for trial in history.ranked())
    scale = alt.Scale(domain=[first, max(2 * first, last)], nice=False, padding=6)
    epochs = alt.X("epoch:Q", title="epoch", axis=epoch_axis(first, max(2 * first, last)), scale=scale)
    base = (
        alt.Chart(alt.NamedData(CURVES))
        .transform_lookup(lookup="trial", from_=trials)
        .transform_calculate(spoken=spoken(history))
        .encode(
            description="spoken:N",
            x=epochs,
            y=metric_y(history, "score", prefix=""),
            detail="trial:N",
            color=group_colour(history),
        )
    )
    marks = [_lines(base, history, still=still), _dots(base, history, still=still)]
    if not still:
        marks += [_pointed_dots(base), _targets(base, history)]
    return layered(*_rungs(_rungs_in_epochs(history), epochs), *_levels(levels(history)), *marks).add_params(brushed())


def _lines(base: alt.Chart, history: History, *, still: bool) -> alt.Chart:
    pointed = "datum.group == 'best'" if still else f"datum.group == 'best' || {_POINTED}"
    thin = 1.4 if len(history.ranked()) < _FEW else 0.9
    lines: alt.Chart = base.mark_line().encode(
        strokeOpacity=lit(0.9) if still else lit(0.9, ONLY_TEST),
        strokeWidth=alt.condition(pointed, alt.value(3), alt.value(thin)),
        order=alt.Order("epoch:Q"),
    )
    return lines if still else lines.add_params(only_groups())


def _dots(base: alt.Chart, history: History, *, still: bool) -> alt.Chart:
    """A dot at every epoch of a few short curves; among many, at curves of one epoch, which have no line."""
    ranked = history.ranked()
    all_of_them = len(ranked) < _FEW and max(trial.epoch for trial in ranked) <= _DOTTED
    alone = f"datum.epochs == {history.job.budget.in_epochs(1)}"
    dots = base if all_of_them else base.transform_filter(alone)
    marks: alt.Chart = dots.mark_point(filled=True, size=16, opacity=1, aria=False).encode(
        fillOpacity=lit(0.9) if still else lit(0.9, ONLY_TEST)
    )
    return marks


def _pointed_dots(base: alt.Chart) -> alt.Chart:
    """The epochs of the curve to which a pointer points."""
    marks: alt.Chart = base.transform_filter(_POINTED).mark_point(filled=True, size=36, opacity=1, aria=False)
    return marks


def _targets(base: alt.Chart, history: History) -> alt.Chart:
    """What a pointer meets: each curve, wider than it is drawn, and not to be seen."""
    near = alt.selection_point(name="near", on="pointerover", clear="pointerout", fields=["trial"], empty=False)
    lines = base.mark_line(strokeWidth=9, strokeOpacity=0, aria=False)
    targets: alt.Chart = lines.encode(tooltip=tooltip(history), order=alt.Order("epoch:Q"))
    return targets.add_params(near)


def _rungs_in_epochs(history: History) -> list[float]:
    budget = history.job.budget
    return [budget.in_epochs(rung) for rung in budget.rungs]


def _rungs(rungs: Sequence[float], epochs: alt.X) -> list[alt.Chart]:
    """A dotted line at each rung, unless every epoch is one."""
    if not rungs or _is_every_epoch(rungs):
        return []
    data = alt.Chart(inline([{"epoch": rung, "words": f"rung {rung}"} for rung in rungs]))
    rules = data.mark_rule(strokeDash=[1, 4], strokeWidth=1.4, color=theme.FAINT, aria=False).encode(x=epochs)
    words = data.mark_text(align="left", baseline="top", dx=4, style="remark", aria=False).encode(
        x=epochs, y=alt.value(0), text="words:N"
    )
    return [rules, words]


def _levels(found: Sequence[Level]) -> list[alt.Chart]:
    """A dashed line at each score that is to be beaten, with its words."""
    charts = []
    for level in found:
        data = alt.Chart(inline([{"score": level.value, "words": level.words}]))
        charts.append(data.mark_rule(strokeDash=[5, 4], color=level.colour, strokeWidth=1.4).encode(y="score:Q"))
        text = data.mark_text(align="right", baseline="bottom", dy=-3, color=level.colour, aria=False)
        charts.append(text.encode(y="score:Q", x=alt.value("width"), text="words:N"))
    return charts


def _when(rungs: Sequence[float]) -> str:
    """`at the dotted rungs, epochs 1, 3 and 9`, or that it is after every epoch."""
    if _is_every_epoch(rungs):
        return f"after every epoch from {rungs[0]} on"
    *early, last = map(str, rungs)
    if not early:
        return f"at the dotted rung, epoch {last}"
    return f"at the dotted rungs, epochs {', '.join(early)} and {last}"


def _is_every_epoch(rungs: Sequence[float]) -> bool:
    """Whether trials are compared again and again, so that no epoch stands out."""
    return len(rungs) >= _SUCCESSIVE and rungs[-1] - rungs[0] == len(rungs) - 1
