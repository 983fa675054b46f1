"""A confirmation for people: each configuration as the search saw it and as it holds up on fresh seeds."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from ptune.record.wording import NONE, described
from ptune.report.beside_words import beside_words
from ptune.report.folded import Folded
from ptune.report.wording import plural, score_text, spread_text
from ptune.run.confirm import Confirmation, ConfirmedConfiguration

SCORES = ("test", "dev")
"""The columns of a configuration's scores on fresh seeds; only those on test were not looked at before."""


def table(confirmed: Confirmation, width: int) -> RenderableType:
    """What `ptune.run.confirm.result` returns, on `width` columns, and below it what it is to be held against."""
    flagged = any(row.constant or row.constant_on or row.failed for row in confirmed.configurations)
    columns = [*SCORES, f"search {confirmed.metric}", "trials", *(["of these"] if flagged else [])]
    rows = [
        ([*scores(row), *([flags(row)] if flagged else [])], Folded(described(row.config, confirmed.searched)))
        for row in confirmed.configurations
    ]
    standing = beside_words(columns, rows, "configuration", width, numbered=True)
    told = [Text(f" {text}") for text in (verdict_text(confirmed),) if text]
    return Group(standing, *told, Text(f" {baseline(confirmed)}", style="dim"))


def lead(confirmed: Confirmation) -> tuple[str, str] | None:
    """What a confirmation comes to: the score of the configuration that leads it, on test if it can be, and its words.

    None before the first repetition is complete.
    """
    number = 0 if confirmed.verdict is None else confirmed.verdict.leader
    row, split = confirmed.configurations[number], confirmed.judged_on
    first, other = (row.test, row.dev) if split == "test" else (row.dev, None)
    if first is None:
        return None
    on_dev = "" if other is None else f", {spread_text(other)} on dev"
    words = f"{confirmed.metric} on {split}{on_dev}, over {plural(first.n, 'repetition')}"
    config = described(row.config, confirmed.searched)
    return spread_text(first), f"{words} · number {number + 1} of {confirmed.search}: {config}"


def scores(row: ConfirmedConfiguration) -> list[str]:
    """What a configuration scores on test, on dev and in the search, and the number of its repetitions."""
    return [spread_text(row.test), spread_text(row.dev), spread_text(row.search), str(row.dev.n) if row.dev else "0"]


def verdict_text(confirmed: Confirmation) -> str:
    """Which configuration is the best, or which two cannot be told apart; nothing while there is nothing to compare."""
    verdict = confirmed.verdict
    if verdict is None or len(confirmed.configurations) == 1:
        return ""
    repeats = plural(verdict.repetitions, "repetition")
    if verdict.winner is not None:
        largest = max(p for p in verdict.p_values if p is not None)
        chance = "p < 0.001" if largest < 1e-3 else f"p = {largest:.2g}"
        return (
            f"winner: {verdict.winner + 1}, by {confirmed.metric} on {confirmed.judged_on} ({chance}, {repeats} each)"
        )
    assert verdict.rival is not None, "several configurations without a winner leave a rival"
    pair = f"{verdict.leader + 1} and {verdict.rival + 1}"
    text = f"no winner: {pair} cannot be told apart on {confirmed.judged_on} at {repeats} each"
    if verdict.more is not None:
        return f"{text}; about {verdict.more} more would"
    return f"{text}, and hardly would be with many more" if verdict.repetitions > 1 else text


def flags(row: ConfirmedConfiguration) -> str:
    """How many of a configuration's trials always answered alike, throughout or on a data set, and how many failed."""
    counts = {"constant": row.constant, **{f"constant on {name}": n for name, n in row.constant_on.items()}}
    words = [f"{number} {outcome}" for outcome, number in {**counts, "failed": row.failed}.items() if number]
    return ", ".join(words) or NONE


def baseline(confirmed: Confirmation) -> str:
    """What the figures are to be held against, and how many repetitions they are of."""
    draws = f" x {plural(confirmed.splits, 'data split')}" if confirmed.splits > 1 else ""
    text = f"mean ± sd over {plural(confirmed.seeds, 'seed')}{draws}"
    majority = confirmed.majority_baseline
    if majority.dev is not None:
        tested = "" if majority.test is None else f", {score_text(majority.test)} on test"
        text += f"; always {majority.answer}: {majority.metric} {score_text(majority.dev)} on dev{tested}"
    return text
