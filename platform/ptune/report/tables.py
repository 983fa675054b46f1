"""The tables of a report in HTML, and its first lines: what both the page and a notebook's card show. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from ptune.record.objective import Objective
from ptune.record.wording import NONE, described, optimism_text, param_heading, value_text
from ptune.report.confirmation import SCORES, baseline, flags, lead, scores, verdict_text
from ptune.report.findings import Findings
from ptune.report.html import Cell, link, number, paragraph, table, words
from ptune.report.leaderboard import PARTLY, TrialRow
from ptune.report.wording import (
    alike,
    answering_alike,
    best_text,
    best_words,
    cost_text,
    count,
    duration,
    mean_of_epochs,
    narrow_heading,
    of_dev,
    parent_text,
    plural,
    result_text,
    score_text,
    signed,
    spread_text,
    trials_of,
    whose_text,
)
from ptune.run.confirm import Confirmation
from ptune.spec.trial import Scalar

_ROWS = 1000
"""Lines of a table that the page holds at most; the leaderboard files have them all."""
_FAILED = 20
"""Failed trials that it shows beyond these, for their reasons."""


def headline(report: Findings) -> str:
    """How the search stands, its best, and what that has to beat."""
    statuses = ", ".join(f"{number} {status}" for status, number in report.statuses.items())
    begun = f"{trials_of(report.trials, report.planned)}: {statuses or NONE}"
    lines = [f"<h1>{escape(report.name)}</h1>"]
    lines.append(paragraph(f"{report.state} · {begun} · {report.backbone}", "soft"))
    best, metric = report.best, report.metric
    again = report.confirmation
    if again is not None and again.name == report.name and (shown := lead(again)) is not None:
        lines.append(paragraph(shown[0], "big"))
        lines.append(paragraph(shown[1]))
    elif best is not None:
        test = (report.test or {}).get(metric)
        tested = "" if test is None else f", {score_text(test)} on test"
        whose = whose_text(best.trial, best.config, report.varied, report.over_folds, report.inherited)
        lines.append(paragraph(best_text(report.best_value, report.over_folds, report.dev_examples), "big"))
        words_of_best = f"{best_words(metric, report.chosen)} on dev{mean_of_epochs(report.best_epochs)}{tested}"
        lines.append(paragraph(f"{words_of_best} · {whose}"))
        lines += [paragraph(text, "soft") for text in _certainty(report)]
    if report.majority_baseline is not None:
        majority = f"{report.majority_metric} {score_text(report.majority_baseline)}"
        lines.append(paragraph(f"always {report.majority_answer}: {majority} on dev"))
    if report.constant:
        lines.append(paragraph(answering_alike(report.constant), "flag"))
    return "".join(lines)


def _certainty(report: Findings) -> list[str]:
    """How far the best result is to be trusted: its standard error, and what fresh seeds say of it."""
    sentences = []
    if report.standard_error is not None:
        rows = sum(data.rows for name, data in report.data.items() if name.partition(".")[0] == "dev")
        examples = report.dev_examples or rows
        tested = "" if report.test_standard_error is None else f", {report.test_standard_error:.4f} on test"
        sentences.append(f"standard error {report.standard_error:.4f} on dev ({examples:,} examples){tested}")
    again = report.confirmation
    told = any(diagnosis.kind in ("lead", "optimism") for diagnosis in report.diagnoses)
    if report.trials > 1 and (lucky := optimism_text(report.optimism, report.trials)):
        sentences.append(f"{lucky} on dev")
    if again is None and report.state == "complete" and report.trials > 1 and not told:
        sentences.append(f"not confirmed on fresh seeds: ptune confirm {report.name}")
    elif again is not None and again.configurations and again.configurations[0].dev is not None:
        first = again.configurations[0]
        tested = "" if first.test is None else f"{spread_text(first.test)} on test, "
        sentences.append(f"on fresh seeds: {tested}{spread_text(first.dev)} on dev")
    return sentences


def published_table(report: Findings) -> str:
    """Each published number beside the search's own; nothing without published numbers."""
    rows = []
    for row in report.published:
        match, difference = row.match, row.difference
        title = f"{escape(row.published.what)} <span class=soft>({escape(row.published.source)})</span>"
        matched = (
            f"<br><small>{escape(described(match.config, report.varied))}, n = {match.spread.n}</small>"
            if match
            else ""
        )
        notes = "".join(f"<br><small>{escape(note)}</small>" for note in row.notes)
        objective = Objective.in_metric(row.published.metric)
        side = "" if difference is None else "down" if objective.is_better(0.0, difference) else "up"
        rows.append(
            [
                Cell("", title + matched + notes),
                words(f"{row.published.metric} on {row.published.on}"),
                number(score_text(row.published.value)),
                number(spread_text(match.spread) if match else NONE),
                Cell("n", f'<span class="{side}">{signed(difference)}</span>'),
                number(spread_text(row.confirmed)),
            ]
        )
    return table(["published", "", "value", "here", "difference", "on fresh seeds"], rows)


def confirmation_table(confirmed: Confirmation | None) -> str:
    """Each configuration as the search saw it and as it holds up on fresh seeds; nothing without a confirmation."""
    if confirmed is None:
        return ""
    rows = [
        [
            number(str(rank)),
            words(described(row.config, confirmed.searched)),
            *map(number, scores(row)),
            words(flags(row)),
        ]
        for rank, row in enumerate(confirmed.configurations, 1)
    ]
    columns = ["#", "configuration", *SCORES, f"search {confirmed.metric}", "trials", "of these"]
    verdict = verdict_text(confirmed)
    told = paragraph(verdict[:1].upper() + verdict[1:] + ".") if verdict else ""
    return told + table(columns, rows) + paragraph(baseline(confirmed), "soft")


def configuration_table(report: Findings, limit: int = _ROWS) -> str:
    """The best configurations by their mean over data splits and seeds."""
    rows = [
        [
            number(str(rank)),
            number(f"{spread_text(group.spread)}{of_dev(group.dev_examples)}"),
            number(str(group.spread.n)),
            words(described(group.config, report.varied, group.inherited)),
        ]
        for rank, group in enumerate(report.configurations[:limit], 1)
    ]
    columns = ["#", f"mean {report.metric}", "trials", "configuration"]
    caption = PARTLY if any(group.dev_examples for group in report.configurations[:limit]) else ""
    body = table(columns, rows, best=True, caption=caption)
    return body + _rest(len(report.configurations) - len(rows), "configuration")


def front_table(report: Findings, front: Sequence[int]) -> str:
    """The trials of the front, best in the metric first, with what they have of every objective."""
    by_trial = {row.trial: row for row in report.leaderboard}
    rows = [by_trial[trial] for trial in front]
    names = list(rows[0].beside.values) if rows[0].beside else []
    cells = [
        [
            number(str(row.trial)),
            number(score_text(row.best)),
            *(number(cost_text(name, row.beside.values.get(name) if row.beside else None)) for name in names),
            words("knee" if row.beside and row.beside.is_knee else ""),
            words(described(row.config, report.varied, row.inherited)),
        ]
        for row in rows
    ]
    columns = ["trial", report.metric, *map(narrow_heading, names), "", "configuration"]
    return table(columns, cells, caption="Trials that no other one beats")


def trial_table(report: Findings, limit: int = _ROWS, few: int = 0) -> str:
    """The best trials, and of the others some that failed.

    Args:
        report: what the search has come to.
        limit: most lines.
        few: lines that are shown until a reader asks for all; 0 shows all, and the reader cannot sort them.
    """
    shown = _shown(report.leaderboard, limit)
    tracked = report.provenance.tracked
    pages = (tracked.trials if tracked is not None else None) or {}
    inherits = any(row.inherited for row in shown)
    rows = [
        [*_trial_cells(row, report.varied, pages.get(row.trial)), *[words(parent_text(row.inherited))] * inherits]
        for row in shown
    ]
    columns = [
        "#",
        "trial",
        report.metric,
        "best epoch",
        "epochs",
        "trained",
        "time",
        "status",
        *map(param_heading, report.varied),
        *(["inherits"] if inherits else []),
    ]
    caption = "Every trial, best first" if len(shown) == len(report.leaderboard) else "The best trials"
    caption += f". {PARTLY}" if any(row.dev_examples for row in shown) else ""
    numbers = [row.trial for row in shown]
    body = table(columns, rows, best=True, caption=caption, few=few, trials=numbers)
    return body + _rest(len(report.leaderboard) - len(shown), "trial")


def _trial_cells(row: TrialRow, names: Sequence[str], page: str | None) -> list[Cell]:
    mark = alike(everywhere=bool(row.constant_prediction), on=row.constant_on)
    marks = ", ".join(filter(None, [row.beside.mark if row.beside else "", mark, row.by_user]))
    flag = f' <span class="flag">{escape(marks)}</span>' if marks else ""
    reason = f"<br><small>{escape(row.reason)}</small>" if row.status == "failed" and row.reason else ""
    return [
        number(NONE if row.rank is None else str(row.rank)),
        Cell("n", link(str(row.trial), page), row.trial),
        number(result_text(row.best, row.dev_examples), row.best),
        number(str(row.best_epoch or NONE)),
        number(str(row.epochs)),
        number(count(row.trainable_parameters), row.trainable_parameters),
        number(duration(row.seconds), row.seconds),
        Cell("", escape(str(row.status)) + flag + reason),
        *(_value(row.config.get(name)) for name in names),
    ]


def _value(value: Scalar | None) -> Cell:
    """A parameter's value; numbers sort by what they are, not by what is written of them."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return words(value_text(value))
    return Cell("", escape(value_text(value)), value)


def _shown(rows: Sequence[TrialRow], limit: int) -> list[TrialRow]:
    """The first rows, and of the others some that failed."""
    failed = [row for row in rows[limit:] if row.status == "failed"]
    return [*rows[:limit], *failed[: min(_FAILED, limit // 3)]]


def _rest(hidden: int, noun: str) -> str:
    """Where to find what a table leaves out; nothing if that is nothing."""
    return (
        paragraph(f"and {plural(hidden, f'more {noun}')}, in leaderboard.csv and leaderboard.json", "soft")
        if hidden
        else ""
    )


def importance_table(shares: Mapping[str, float]) -> str:
    """Each parameter's share in what made trials good; nothing without shares."""
    rows = [
        [
            words(param_heading(name)),
            number(f"{share:.0%}"),
            Cell("", f'<span class="bar" style="width:{20 * share:.2f}rem"></span>'),
        ]
        for name, share in shares.items()
    ]
    return table(["parameter", "share", ""], rows)
