"""What makes a comparison of searches unfair, and when their scores cannot be ranked at all. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ptune.record.events import Header
from ptune.record.spread import Spread
from ptune.report.side_by_side.side import Side
from ptune.report.wording import plural, score_text, trials_of


def why_unranked(sides: Sequence[Side]) -> str | None:
    """Why scores do not measure the same: other metrics, or other dev examples; None if they do."""
    metrics = {side.name: side.report.metric for side in sides}
    if len(set(metrics.values())) > 1:
        return f"the metrics differ ({_each(metrics)}), and a score in one says nothing of another"
    if len({_digests(side.history.header, "dev") for side in sides}) > 1:
        rows = {side.name: plural(_rows(side.history.header, "dev"), "example") for side in sides}
        return f"the dev examples differ ({_each(rows)}), so equal scores do not mean equal prompts"
    return None


def unfairness(sides: Sequence[Side], *, ranked: bool) -> list[str]:
    """In sentences, what sets the searches apart beside what is compared.

    Args:
        sides: the searches; ranked ones best first.
        ranked: whether their scores measure the same.
    """
    return [*_unequal_effort(sides), *_unequal_data(sides), *(_small_lead(sides) if ranked else ()), *_luck(sides)]


def _unequal_effort(sides: Sequence[Side]) -> Iterator[str]:
    epochs = {side.name: side.history.job.budget.epochs for side in sides}
    if len(set(epochs.values())) > 1:
        yield f"trials may train for different numbers of epochs ({_each(epochs)})"
    trials = {side.name: side.report.planned for side in sides}
    if len(set(trials.values())) > 1:
        yield f"the searches have different numbers of trials ({_each(trials)}), and the best of more is luckier"
    for side in sides:
        if side.report.state != "complete":
            begun = f"{trials_of(side.report.trials, side.report.planned)} begun"
            yield f"{side.name} is {side.report.state} ({begun}), so its best may change"


def _unequal_data(sides: Sequence[Side]) -> Iterator[str]:
    headers = [side.history.header for side in sides]
    if len({_digests(header, "train") for header in headers}) > 1:
        rows = {side.name: _rows(side.history.header, "train") for side in sides}
        yield f"the training examples differ ({_each(rows)})"
    tests = {_digests(side.history.header, "test") for side in sides if side.test_value is not None}
    if len(tests) > 1:
        yield "the test examples differ, so scores on test do not compare"


def _small_lead(sides: Sequence[Side]) -> Iterator[str]:
    """Whether the first search leads by less than chance gives."""
    first, second = sides[0], sides[1]
    if first.best_value is None or second.best_value is None:
        return
    lead, error = abs(first.best_value - second.best_value), first.dev_error
    if first.report.dev_examples != second.report.dev_examples:
        yield (
            f"{second.name}'s best is scored on {second.report.dev_examples:,} of dev alone, "
            "so it stands behind whatever it scores"
        )
    elif lead == 0:
        yield f"{first.name} and {second.name} are equal on dev"
    elif error is not None and lead < error:
        dev = plural(first.report.dev_examples or _rows(first.history.header, "dev"), "dev example")
        yield (
            f"{first.name} leads {second.name} by {score_text(lead)}, less than the standard error of a score on {dev} "
            f"({score_text(error)})"
        )
    if first.confirmed is not None and second.confirmed is not None:
        yield from _small_confirmed_lead(first, second, first.confirmed, second.confirmed)


def _small_confirmed_lead(first: Side, second: Side, of_first: Spread, of_second: Spread) -> Iterator[str]:
    lead = first.history.objective.utility(of_first.mean) - first.history.objective.utility(of_second.mean)
    if lead < 0:
        yield f"on fresh seeds, {second.name} is ahead of {first.name} by {score_text(-lead)}"
    errors = [spread.sd / math.sqrt(spread.n) for spread in (of_first, of_second) if spread.sd is not None]
    if len(errors) == len((of_first, of_second)) and abs(lead) < math.hypot(*errors):
        yield f"on fresh seeds, they differ by {score_text(abs(lead))}, less than the standard error of the difference"


def _luck(sides: Sequence[Side]) -> Iterator[str]:
    for side in sides:
        confirms = side.history.header.confirms
        if confirms is not None:
            yield f"{side.name} is a confirmation; name {confirms.name}, and it stands beside its own"
    unconfirmed = [side.name for side in sides if side.best_value is not None and side.confirmed is None]
    if unconfirmed:
        command = f"`ptune confirm {unconfirmed[0]}`"
        yield f"not confirmed on fresh seeds: {', '.join(unconfirmed)}; the best of a search is partly luck ({command})"


def _digests(header: Header, split: str) -> tuple[str, ...]:
    """What a split holds, in every data set."""
    return tuple(source.digest for name, source in sorted(header.data.items()) if name.split(".")[0] == split)


def _rows(header: Header, split: str) -> int:
    return sum(source.rows for name, source in header.data.items() if name.split(".")[0] == split)


def _each(values: dict[str, str] | dict[str, int] | dict[str, int | None]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in values.items())
