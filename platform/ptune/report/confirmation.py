"""A confirmation for people: each configuration as the search saw it and as it holds up on fresh seeds."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from ptune.record.wording import NONE, described
from ptune.report.beside_words import beside_words
from ptune.report.folded import Folded
from ptune.report.wording import plural, score_text, spread_text
from ptune.run.confirm import Confirmation, ConfirmedConfiguration


def table(confirmed: Confirmation, width: int) -> RenderableType:
    """What `ptune.run.confirm.result` returns, on `width` columns, and below it what it is to be held against."""
    flagged = any(row.constant or row.constant_on or row.failed for row in confirmed.configurations)
    columns = [f"search {confirmed.metric}", "dev", "test", "trials", *(["of these"] if flagged else [])]
    rows = [
        (_numbers(row, flagged=flagged), Folded(described(row.config, confirmed.searched)))
        for row in confirmed.configurations
    ]
    standing = beside_words(columns, rows, "configuration", width)
    return Group(standing, Text(f" {baseline(confirmed)}", style="dim"))


def _numbers(row: ConfirmedConfiguration, *, flagged: bool) -> list[str]:
    count = str(row.dev.n) if row.dev else "0"
    scores = [spread_text(row.search), spread_text(row.dev), spread_text(row.test), count]
    return [*scores, *([flags(row)] if flagged else [])]


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
