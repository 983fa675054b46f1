"""Which of several repeated configurations is the best, where their repetitions allow to say so.

The one with the best mean is compared with every other one: on the same draws of the data pair by pair, else by
Welch's test. The p-values are two-sided and corrected for their number (Holm 1979), and the leader is the winner if all
of them are at most 0.05. That the leader was chosen by the same scores is paid for: it wins only if it beats the
runner-up as well, and of equal configurations one does so in fewer than one of twenty confirmations.

Says what repetitions say: which configuration is better on this split, over seeds and draws.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ptune.spec.trial import Scalar

LEVEL = 0.05
"""How often a winner may be named among equals."""
_QUANTILES = 1.96 + 0.84
"""Of the normal distribution, for that level and for finding four of five true differences (Cohen 1988)."""
_MOST_MORE = 100
"""More repetitions than anybody would train for a difference."""

Repetition = tuple[Scalar | None, ...]
Scores = Mapping[Repetition, float]
"""Of a configuration, its score by repetition; repetitions of one name share their data."""


@dataclass(frozen=True)
class Verdict:
    """What the repetitions say of the configurations, which are numbered from 0."""

    leader: int
    """The one with the best mean."""
    winner: int | None
    """The leader, where it is better than each of the others beyond what chance explains."""
    rival: int | None
    """Without a winner, what the leader can hardest be told apart from; None where there is nothing else."""
    p_values: Sequence[float | None]
    """Of each against the leader, corrected for their number; None of the leader, and where nothing can be tested."""
    repetitions: int
    """The fewest that one of them has."""
    more: int | None
    """Without a winner, how many more repetitions of each are likely to tell leader and rival apart; None where that
    cannot be said, or is more than anybody would train."""


def verdict(utilities: Sequence[Scores], *, paired: bool) -> Verdict | None:
    """The verdict on configurations by the utilities (more is better) of their repetitions.

    Args:
        utilities: of each configuration.
        paired: whether repetitions of one name belong together, since they share their draw of the data.

    Returns:
        None unless each has a repetition.
    """
    if not utilities or not all(utilities):
        return None
    means = [statistics.fmean(scores.values()) for scores in utilities]
    leader = max(range(len(means)), key=means.__getitem__)
    others = [number for number in range(len(means)) if number != leader]
    raw = {number: _p_value(utilities[leader], utilities[number], paired=paired) for number in others}
    corrected = _holm({number: p for number, p in raw.items() if p is not None})
    won = all(corrected.get(number, 1.0) <= LEVEL for number in others)
    rival = None if won or not others else max(others, key=lambda number: (corrected.get(number, 2.0), means[number]))
    return Verdict(
        leader=leader,
        winner=leader if won and others else None,
        rival=rival,
        p_values=[corrected.get(number) for number in range(len(means))],
        repetitions=min(map(len, utilities)),
        more=None if rival is None else _more(utilities[leader], utilities[rival], paired=paired),
    )


def _p_value(leading: Scores, rival: Scores, *, paired: bool) -> float | None:
    """How likely so large a difference of means is among equals; None with fewer than two repetitions."""
    from scipy.stats import ttest_1samp, ttest_ind  # it takes a second, and only confirmations need it

    first, second = list(leading.values()), list(rival.values())
    differences = _differences(leading, rival) if paired else []
    if len(differences) > 1:
        if len({*differences}) == 1:
            return 1.0 if differences[0] == 0 else 0.0
        return float(ttest_1samp(differences, 0.0).pvalue)
    if min(len(first), len(second)) < 2:
        return None
    if len({*first}) == len({*second}) == 1:  # nothing is drawn, as where nothing trains
        return 1.0 if first[0] == second[0] else 0.0
    return float(ttest_ind(first, second, equal_var=False).pvalue)


def _holm(raw: Mapping[int, float]) -> dict[int, float]:
    """P-values corrected for their number (Holm 1979)."""
    corrected: dict[int, float] = {}
    largest = 0.0
    for rank, number in enumerate(sorted(raw, key=raw.__getitem__)):
        largest = max(largest, min(1.0, (len(raw) - rank) * raw[number]))
        corrected[number] = largest
    return corrected


def _more(leading: Scores, rival: Scores, *, paired: bool) -> int | None:
    """How many more repetitions are likely to tell two configurations apart, if they differ as they seem to."""
    differences = _differences(leading, rival) if paired else []
    if len(differences) > 1:
        variance, gap = statistics.variance(differences), statistics.fmean(differences)
    elif min(len(leading), len(rival)) > 1:
        variance = statistics.variance(leading.values()) + statistics.variance(rival.values())
        gap = statistics.fmean(leading.values()) - statistics.fmean(rival.values())
    else:
        return None
    have = min(len(leading), len(rival))
    if variance >= (have + _MOST_MORE) * gap * gap / _QUANTILES**2:
        return None
    return max(1, math.ceil(_QUANTILES**2 * variance / (gap * gap)) - have)


def _differences(leading: Scores, rival: Scores) -> list[float]:
    """Of the repetitions that both have."""
    return [leading[name] - rival[name] for name in leading if name in rival]
