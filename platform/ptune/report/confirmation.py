"""A confirmation for people: each configuration as the search saw it and as it holds up on fresh seeds."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ptune.record.wording import NONE, described
from ptune.report.folded import Folded
from ptune.report.wording import plural, score_text, spread_text
from ptune.run.confirm import Confirmation, ConfirmedConfiguration


def table(confirmed: Confirmation) -> RenderableType:
    """The table of what `ptune.run.confirm.result` returns, and below it what it is to be held against."""
    rows = confirmed.configurations
    flagged = any(row.constant or row.constant_on or row.failed for row in rows)
    grid = Table(box=None, padding=(0, 1), header_style="dim", show_edge=False)
    for column in ("search", "dev", "test"):
        grid.add_column(f"{column} {confirmed.metric}" if column == "search" else column, justify="right")
    grid.add_column("trials", justify="right")
    if flagged:
        grid.add_column("of these", no_wrap=True)
    grid.add_column("configuration")
    for row in rows:
        count = str(row.dev.n) if row.dev else "0"
        cells = [spread_text(row.search), spread_text(row.dev), spread_text(row.test), count]
        grid.add_row(*cells, *([flags(row)] if flagged else []), Folded(described(row.config, confirmed.searched)))
    return Group(grid, Text(f" {baseline(confirmed)}", style="dim"))


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
        text += f"; always the commonest answer: {majority.metric} {score_text(majority.dev)} on dev{tested}"
    return text
