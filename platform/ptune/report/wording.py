"""How numbers, times and marks are written for people, in few words. Configurations: `ptune.record.wording`. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ptune.record.configurations import Configuration
from ptune.record.ranking import Front
from ptune.record.spread import Spread
from ptune.record.wording import NONE, described
from ptune.spec.inherited import Inherited
from ptune.spec.objectives import LENGTH, MACHINE, MEMORY, SECONDS, SHARE, SIZE, TRAINING
from ptune.spec.trial import Config

_NARROW = {LENGTH: "tokens", SIZE: "trained", SHARE: "share", SECONDS: "s/epoch", MEMORY: "peak MB", TRAINING: "MB"}
_NAMED = 2  # data sets that a mark names; of more it says how many


def score_text(value: float | None) -> str:
    """A metric: four decimals, two for those that are no shares; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return NONE
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"


def result_text(value: float | None, dev_examples: int | None) -> str:
    """What a trial is judged by; on a part of dev with the number of its examples, such as `0.8750 (222 of dev)`."""
    return f"{score_text(value)}{of_dev(dev_examples)}"


def of_dev(examples: int | None) -> str:
    """On how many dev examples a score is, in brackets after it; nothing for one on all of dev."""
    return "" if examples is None else f" ({examples:,} of dev)"


def best_text(value: float | None, leading: Configuration | None, dev_examples: int | None = None) -> str:
    """The best value of a search; with folds, the best mean, such as `0.8750 ± 0.0135 over 4 folds`."""
    if leading is None:
        return result_text(value, dev_examples)
    return f"{spread_text(leading.spread)} over {repetitions_text(leading.spread.n, leading.folds)}"


def whose_text(
    trial: int, config: Config, varied: Sequence[str], leading: Configuration | None, inherited: Inherited | None
) -> str:
    """Whose value the best one is: a trial's; with folds, that of all trials of the best configuration."""
    if leading is None:
        return f"trial {trial}: {described(config, varied, inherited)}"
    numbers = ", ".join(str(record.number) for record in leading.trials)
    shared = [name for name in varied if name != "split"]
    return f"{'trials' if len(leading.trials) > 1 else 'trial'} {numbers}: {described(leading.config, shared)}"


def parent_text(inherited: Inherited | None) -> str:
    """The trial that another one inherits from, in a column: `trial 3`."""
    return NONE if inherited is None else f"trial {inherited.trial}"


def front_text(front: Front) -> str:
    """The trials of a front, and its knee."""
    numbers = ", ".join(map(str, front.numbers))
    return f"{plural(len(front.numbers), 'trial')}: {numbers} · the knee is {front.knee.number}"


def best_words(metric: str, chosen: str | None) -> str:
    """What the best trial is the best in; `chosen` is which trial of a front that is."""
    return f"knee of the front: {metric}" if chosen == "knee" else f"best {metric}"


def mean_of_epochs(epochs: Sequence[float]) -> str:
    """What a score is the mean of, in brackets after it; nothing for that of one epoch."""
    return f" (mean of epochs {epochs[0]} to {epochs[-1]})" if len(epochs) > 1 else ""


def repetitions_text(number: int, folds: int) -> str:
    """What a mean is over, such as `3 repetitions`, `3 folds` or `3 folds x 2 seeds`.

    Args:
        number: trials that have a result.
        folds: different folds that they leave out; 1 where there are none.
    """
    if folds == 1:
        return plural(number, "repetition")
    if number <= folds:
        return plural(number, "fold")
    return f"{folds} folds x {number // folds} seeds" if number % folds == 0 else f"{number} trials of {folds} folds"


def spread_text(values: Spread | None) -> str:
    """A mean and its standard deviation over repetitions, `0.6940 ± 0.0123`; the mean alone of one."""
    if values is None:
        return NONE
    return score_text(values.mean) if values.sd is None else f"{score_text(values.mean)} ± {score_text(values.sd)}"


def cost_heading(name: str) -> str:
    """A cost or a metric as the head of a column."""
    return name.replace("_", " ").replace(" mb", " MB")


def narrow_heading(name: str) -> str:
    """A cost or a metric as the head of a column on a terminal."""
    return _NARROW.get(name, cost_heading(name))


def together(names: Sequence[str]) -> str:
    """Costs and metrics in a sentence: `accuracy, prompt length and seconds per epoch`."""
    *first, last = map(cost_heading, names)
    return f"{', '.join(first)} and {last}" if first else last


def cost_text(name: str, value: float | None) -> str:
    """What a trial has of a cost or a metric."""
    if value is None or not math.isfinite(value):
        return NONE
    if name == SHARE:
        return f"{100 * value:.3g}%"
    if name in (LENGTH, SIZE):
        return count(value)
    return (
        f"{value:.3g}" if name in MACHINE and value < 100 else f"{value:.0f}" if name in MACHINE else score_text(value)
    )


def signed(value: float | None) -> str:
    """A difference of metrics, with its sign."""
    return NONE if value is None else f"{'-' if value < 0 else '+'}{score_text(abs(value))}"


def count(value: float | None) -> str:
    """A large number in few characters: `940`, `15.4 k`, `22.7 M`."""
    if value is None or not math.isfinite(value):
        return NONE
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.1f} {unit}"
    return f"{value:.0f}"


def duration(seconds: float | None) -> str:
    """A time as a clock shows it, `1:07` or `2:03:40`; a dash for none."""
    if seconds is None or not math.isfinite(seconds):
        return NONE
    minutes, remainder = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{remainder:02d}" if hours else f"{minutes}:{remainder:02d}"


def alike(*, everywhere: bool, on: Sequence[str]) -> str:
    """What marks answers that are always alike: `constant`, or `constant on a, b` of several data sets; else nothing.

    Args:
        everywhere: whether they are, throughout.
        on: the data sets on which they are.
    """
    if everywhere or not on:
        return "constant" if everywhere else ""
    return f"constant on {', '.join(on)}" if len(on) <= _NAMED else f"constant on {plural(len(on), 'data set')}"


def answering_alike(trials: Sequence[int]) -> str:
    """How many trials always answer alike, as a sentence."""
    return f"{plural(len(trials), 'trial')} {'answers' if len(trials) == 1 else 'answer'} every dev example alike"


def of_planned(trials: int, planned: int | None) -> str:
    """`12 of 40`, or `12` where nobody knows how many there will be."""
    return str(trials) if planned is None else f"{trials} of {planned}"


def plural(number: float, noun: str) -> str:
    """`1 trial`, `3 trials`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def trials_of(trials: int, planned: int | None) -> str:
    """`12 of 40 trials`, or `12 trials` where nobody knows how many there will be."""
    return plural(trials, "trial") if planned is None else f"{trials} of {plural(planned, 'trial')}"
