"""Learning rates that are too high for some trials, or too low, and the range without them."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from ptune.diagnosis.edits import nice, with_choices, with_ends, with_range, with_value
from ptune.diagnosis.ranges import Definition, definitions, number
from ptune.record.history import History, TrialRecord
from ptune.record.wording import value_text
from ptune.spec.parameter import as_list

RATE = "lr"
Fault = Literal["too low", "too high"]

_STEP = 10.0
"""The factor by which a range moves of which nothing is known but that all of it is too low, or too high."""
_USUAL_DISTANCE = 10.0
"""How far prompts come that learn, in lengths of their start, to the order of magnitude."""
_USUAL = (1e-3, 1e-1)
"""The rates within a factor of ten of the default; they take the place of a range that lies altogether beyond them."""


@dataclass(frozen=True)
class Remedy:
    """What to do about the learning rates of some trials.

    Attributes:
        text: these rates, and how they differ from those of other trials, as a sentence.
        advice: what to try next, in a few words.
        typed: what to type for it.
        chance: how often some rate would part the trials from the others like this if they were drawn by lot; 1 if none
            does.
        parameters: what is to be changed.
    """

    text: str
    advice: str
    typed: str
    chance: float = 1.0
    parameters: Sequence[str] = (RATE,)


def remedy(
    history: History,
    members: Sequence[TrialRecord],
    others: Sequence[TrialRecord],
    fault: Fault,
    distance: float | None = None,
) -> Remedy:
    """What to do about trials whose rates are too low, or too high.

    If a rate parts them from the others, the range ends there. Otherwise the whole range moves: if it is known how far
    prompts came, to where they would come as far as those that learn, since Adam moves them in proportion to the rate.

    Args:
        history: the search.
        members: the trials; at least one.
        others: trials that train as they should.
        fault: what to blame their rates for.
        distance: how far their prompts came from their start, in lengths of that start; None if that is not known.
    """
    word = "lower" if fault == "too high" else "raise"
    defined = list(definitions(history, RATE))
    counts = [sum(definition.holds(trial.config) for trial in members) for definition in defined]
    if not any(counts):
        direction = "lower" if fault == "too high" else "higher"
        return Remedy(_spanned(members), f"search {direction} learning rates", _newly_searched(members, fault))
    definition = defined[counts.index(max(counts))]
    rates, healthy = _rates(definition, members), _rates(definition, others)
    limit = _limit(rates, healthy, fault)
    if limit is None:
        step = 1 / _STEP if fault == "too high" else _STEP
        typed = _moved(history, definition, _USUAL_DISTANCE / distance if distance else step)
        return Remedy(_spanned(members), f"{word} the learning rates", typed)
    end = "high" if fault == "too high" else "low"
    typed = _cut(history, definition, limit, rates, fault)
    chance = 1 / math.comb(len(rates) + len(healthy), len(rates))
    return Remedy(_parted(definition, rates, fault), f"{word} the {end} end of lr", typed, chance)


def _rates(definition: Definition, trials: Collection[TrialRecord]) -> list[float]:
    held = (number(trial, RATE) for trial in trials if definition.holds(trial.config))
    return [rate for rate in held if rate is not None]


def _limit(rates: Sequence[float], healthy: Sequence[float], fault: Fault) -> float | None:
    """The last healthy rate before the others begin; None if they are mixed, or none is healthy."""
    if not healthy:
        return None
    if fault == "too high":
        return max(healthy) if max(healthy) < min(rates) else None
    return min(healthy) if min(healthy) > max(rates) else None


def _parted(definition: Definition, rates: Sequence[float], fault: Fault) -> str:
    least = value_text(min(rates) if fault == "too high" else max(rates))
    bound, other = ("or more", "less") if fault == "too high" else ("or less", "more")
    begin = f"Its lr is {least}" if len(rates) == 1 else f"Their lr is {least} {bound}"
    among = f" with {_condition(definition)}" if definition.written.when else ""
    return f"{begin}; trials{among} that train have {other}."


def _spanned(trials: Sequence[TrialRecord]) -> str:
    rates = sorted(rate for trial in trials if (rate := number(trial, RATE)) is not None)
    if len(set(rates)) == 1:
        return f"Its lr is {value_text(rates[0])}." if len(trials) == 1 else f"Their lr is {value_text(rates[0])}."
    return f"Their lr is from {value_text(rates[0])} to {value_text(rates[-1])}." if rates else ""


def _condition(definition: Definition) -> str:
    """The values under which a definition exists: `encoder embedding`, `encoder mlp or lstm`."""
    return " and ".join(
        f"{name} {' or '.join(map(str, as_list(allowed)))}" for name, allowed in definition.written.when.items()
    )


def _cut(history: History, definition: Definition, limit: float, rates: Sequence[float], fault: Fault) -> str:
    """What to type so that rates end at the last healthy one, or near it while the faulty `rates` stay outside."""
    space, written = history.job.space, definition.written
    if written.choices is not None:
        kept = [rate for rate in definition.levels if (rate <= limit if fault == "too high" else rate >= limit)]
        return with_choices(space, RATE, definition.index, kept)
    rounded = nice(limit)
    outside = rounded < min(rates) if fault == "too high" else rounded > max(rates)
    within = outside and written.contains(rounded) and rounded not in (written.low, written.high)
    bound = rounded if within else float(f"{limit:.3g}")
    low, high = (bound, None) if fault == "too low" else (None, bound)
    return with_ends(space, RATE, definition.index, low, high)


def _moved(history: History, definition: Definition, factor: float) -> str:
    """What to type so that all rates of a definition are some times as high.

    Where that goes beyond the usual rates, they move by no more than a step.
    """
    space, written = history.job.space, definition.written
    least, most = _ends(definition)
    factor = min(factor, max(_STEP, _USUAL[1] / most)) if factor > 1 else max(factor, min(1 / _STEP, _USUAL[0] / least))
    if written.choices is not None:
        return with_choices(space, RATE, definition.index, [nice(rate * factor) for rate in definition.levels])
    if written.value is not None:
        return with_value(space, RATE, definition.index, nice(least * factor))
    ends = nice(least * factor), nice(most * factor)
    beyond = ends[0] > _USUAL[1] if factor < 1 else ends[1] < _USUAL[0]
    return with_ends(space, RATE, definition.index, *(_USUAL if beyond else ends))


def _ends(definition: Definition) -> tuple[float, float]:
    """The lowest and the highest rate of a definition; rates are positive."""
    rates = [float(value) for value in definition.written.ends if isinstance(value, int | float)]
    return min(rates), max(rates)


def _newly_searched(members: Sequence[TrialRecord], fault: Fault) -> str:
    """What to type where the space does not define a rate, and all trials have the default."""
    rate = next(rate for trial in members if (rate := number(trial, RATE)) is not None)
    low, high = (rate / 100, rate / 3) if fault == "too high" else (rate * 3, rate * 100)
    return with_range(RATE, nice(low), nice(high))
