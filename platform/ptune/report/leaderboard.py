"""The leaderboard of a search: as rows for programs, as a table for people.

Rows hold every trial, ranked ones first; the table shows the best ten and only the parameters that vary. Where
configurations are repeated on several data splits or seeds, the table ranks configurations, by their mean.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from rich.table import Table

from ptune.record.beside import Beside, beside_names, besides
from ptune.record.configurations import Configuration
from ptune.record.constant import constant_sets, is_constant
from ptune.record.history import FINAL, History, Status, TrialRecord
from ptune.record.optimism import optimism
from ptune.record.wording import described, param_heading, value_text
from ptune.report.cells import harmless
from ptune.report.console import Terminal
from ptune.report.folded import Folded
from ptune.report.wording import (
    alike,
    cost_text,
    count,
    duration,
    narrow_heading,
    parent_text,
    plural,
    result_text,
    spread_text,
    together,
)
from ptune.spec.inherited import Inherited
from ptune.spec.objectives import SIZE
from ptune.spec.trial import Config

SHOWN = 10
PARTLY = "(… of dev): scored on so many of its examples; behind all that are scored on more"


@dataclass(frozen=True)
class TrialRow:
    """One trial of a search on its leaderboard."""

    rank: int | None
    """None for failed trials and those without a result."""
    trial: int
    status: Status
    best: float | None
    """What it is judged by: the value of the search's metric in its best epoch, or a mean of epochs up to that one."""
    dev_examples: int | None
    """On how many dev examples that is, if on a part of them; None, and without a key in any file, for all of dev."""
    best_epoch: float | None
    epochs: float
    seconds: float
    trainable_parameters: float | None
    majority_baseline: float | None
    """None where the task has none."""
    constant_prediction: bool | None
    """Whether the epoch that is kept answers every dev example alike."""
    constant_on: Sequence[str]
    """Of several data sets, those on which it does."""
    reason: str | None
    by_user: str | None
    """What users have done to it; no file has this key where they have done nothing."""
    inherited: Inherited | None
    """What it began with of another trial; no file has its keys for one that began afresh."""
    beside: Beside | None
    """What it has come to beside the metric; None where the metric counts alone, or without a result."""
    config: Config

    def to_json(self, metric: str) -> dict[str, Any]:
        """The row as a flat record, with the best value under the metric's name."""
        unsaid = [name for name in ("by_user", "dev_examples") if not getattr(self, name)]
        left_out = {"beside", "inherited", *unsaid}
        content = {key: value for key, value in vars(self).items() if key not in left_out}
        if self.inherited is not None:
            content |= {"inherits": self.inherited.trial, "inherited_epochs": self.inherited.epochs}
        beside = {} if self.beside is None else self.beside.to_json()
        return {metric if key == "best" else key: value for key, value in (content | beside).items()}


def rows(history: History) -> list[TrialRow]:
    """Every trial: ranked trials best first, then those without a rank, in order."""
    ranked = history.ranked()
    numbers = {trial.number for trial in ranked}
    unranked = [trial for trial in history.trials.values() if trial.number not in numbers]
    ranks: list[int | None] = [*range(1, len(ranked) + 1), *[None] * len(unranked)]
    beside = besides(history)
    return [
        _row(trial, rank, beside.get(trial.number)) for trial, rank in zip((*ranked, *unranked), ranks, strict=True)
    ]


class ConfigurationRow(TypedDict):
    """A configuration that has a result, as JSON."""

    mean: float
    """Over its trials, of the search's metric."""
    sd: float | None
    n: int
    trials: list[int]
    """Those that the mean is over: where dev grows, those that are scored on the most of it."""
    dev_examples: NotRequired[int]
    """On how many dev examples these are scored, if on a part of them."""
    config: Config


def configuration_row(configuration: Configuration) -> ConfigurationRow:
    """A configuration that has a result, over those of its trials that count."""
    over_trials, part = configuration.spread, configuration.dev_examples
    row: ConfigurationRow = {
        "mean": over_trials.mean,
        "sd": over_trials.sd,
        "n": over_trials.n,
        "trials": [trial.number for trial in configuration.compared],
        "config": configuration.config,
    }
    return row if part is None else {**row, "dev_examples": part}


def is_repeated(history: History) -> bool:
    """Whether some configuration has several trials, which differ only in data split or seed."""
    return any(len(group.trials) > 1 for group in history.configurations())


def as_json(history: History) -> str:
    """The rows and the groups as indented JSON, with the search's name, its metric and how optimistic its best is."""
    metric = history.objective.metric
    content = {
        "name": history.header.name,
        "metric": metric,
        "optimism": optimism(history),
        "trials": [row.to_json(metric) for row in rows(history)],
        "groups": [configuration_row(configuration) for configuration in history.configurations()],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def as_csv(history: History) -> str:
    """The rows as CSV, one column per parameter of any trial (`config.lr`), those that tell trials apart first."""
    flat = [
        {key: value for key, value in row.to_json(history.objective.metric).items() if key != "config"}
        | {"constant_on": " ".join(row.constant_on)}
        | {f"config.{name}": value for name, value in row.config.items()}
        for row in rows(history)
    ]
    found = dict.fromkeys(key for row in flat for key in row)
    apart = [column for name in history.header.varied if (column := f"config.{name}") in found]
    fixed = [column for column in found if not column.startswith("config.")]
    columns = list(dict.fromkeys([*fixed, *apart, *found]))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({column: harmless(cell) for column, cell in row.items()} for row in flat)
    return stream.getvalue()


def table(history: History, width: int) -> Table:
    """The best ten trials, or the best ten configurations where they are repeated, fitted to `width` columns.

    A column for each parameter that varies, closer together if they have to be; where they do not fit, one column holds
    them all, on several lines if it has to, the effort is left out, and a status is named where it is not final.
    """
    if is_repeated(history):
        return _group_table(history)
    top = history.ranked()[:SHOWN]
    names, metric = history.header.varied, history.objective.metric
    beside, costs = besides(history), beside_names(history)
    headings = list(map(param_heading, names))
    inherits = ["inherits"] if any(trial.inherited for trial in top) else []
    results = ["#", "trial", metric, *map(narrow_heading, costs), "epochs"]
    effort = [] if SIZE in costs else ["trained"]
    wide = _columns(*results, *effort, "time", left=["status", *headings, *inherits])
    narrow = _columns(*results, left=["configuration"])
    for rank, trial in enumerate(top, 1):
        style = "bold" if rank == 1 else None
        paid = [cost_text(name, beside[trial.number].values.get(name)) for name in costs]
        result = result_text(trial.best_value, trial.dev_examples)
        standing = (str(rank), str(trial.number), result, *paid, str(trial.trained_epochs))
        trained = [count(_last(trial, SIZE))] if effort else []
        flag = _flag(trial, beside.get(trial.number))
        wide.add_row(
            *standing,
            *trained,
            duration(_seconds(trial)),
            trial.status + flag,
            *[value_text(trial.config.get(name)) for name in names],
            *[parent_text(trial.inherited)] * len(inherits),
            style=style,
        )
        unfinished = "" if trial.status in FINAL else f" ({trial.status})"
        words = f"{described(trial.config, names, trial.inherited)}{unfinished}{flag}"
        narrow.add_row(*standing, Folded(words), style=style)
    constant = ["(constant): answers every dev example alike"] * any(map(_alike, top))
    partly = [PARTLY] * any(trial.dev_examples for trial in top)
    wide.caption = narrow.caption = "\n".join([*_told_of_front(history, beside), *constant, *partly]) or None
    if not _fits(wide, width):
        wide.collapse_padding, wide.pad_edge = True, False
    return wide if _fits(wide, width) else narrow


def _told_of_front(history: History, beside: Mapping[int, Beside]) -> list[str]:
    """What the marks of several objectives mean, and how many trials are out of bounds."""
    objectives, broken = history.objectives, sum(bool(trial.broken) for trial in beside.values())
    told = []
    if objectives is not None and objectives.beside:
        names = together([history.objective.metric, *objectives.beside])
        told.append(f"(front): no other trial beats it in {names}; (knee): the most of all of them")
    return [*told, f"{plural(broken, 'trial')} out of the job's bounds, and so without a rank"] if broken else told


def _group_table(history: History) -> Table:
    """The best ten configurations by their mean over data splits and seeds."""
    result = _columns("#", "trials", f"mean {history.objective.metric}", "best", left=["configuration"])
    shown = history.configurations()[:SHOWN]
    names = history.header.varied
    for rank, configuration in enumerate(shown, 1):
        values = configuration.spread
        best = history.objective.best(trial.best_value or 0.0 for trial in configuration.compared)
        words = Folded(described(configuration.config, names, configuration.inherited))
        style = "bold" if rank == 1 else None
        result.add_row(
            str(rank),
            str(values.n),
            spread_text(values),
            result_text(best, configuration.dev_examples),
            words,
            style=style,
        )
    if any(configuration.dev_examples for configuration in shown):
        result.caption = PARTLY
    return result


def _fits(table: Table, width: int) -> bool:
    return Terminal(width=1000).measure(table).maximum <= width


def _columns(*right: str, left: Sequence[str]) -> Table:
    """An empty table: numbers to the right of their columns, then words to the left of theirs."""
    result = Table(box=None, padding=(0, 1), header_style="dim", show_edge=False)
    for column in right:
        result.add_column(column, justify="right", no_wrap=True)
    for column in left:
        result.add_column(column, no_wrap=column != "configuration")
    return result


def _row(trial: TrialRecord, rank: int | None, beside: Beside | None) -> TrialRow:
    best_report = trial.best_report if trial.best_value is not None else {}
    return TrialRow(
        rank=rank,
        trial=trial.number,
        status=trial.status,
        best=trial.best_value,
        dev_examples=trial.dev_examples,
        best_epoch=trial.kept_epoch if best_report else None,
        epochs=trial.trained_epochs,
        seconds=round(_seconds(trial), 3),
        trainable_parameters=_last(trial, "trainable_parameters"),
        majority_baseline=best_report.get("majority_baseline"),
        constant_prediction=is_constant(best_report) if "constant_prediction" in best_report else None,
        constant_on=constant_sets(best_report),
        reason=trial.reason,
        by_user=_by_user(trial),
        inherited=trial.inherited,
        beside=beside,
        config=trial.config,
    )


def _flag(trial: TrialRecord, beside: Beside | None) -> str:
    """What stands behind a trial's status: its place on the front, that it answers alike, what users did to it."""
    marks = ", ".join(filter(None, [beside.mark if beside is not None else "", _alike(trial), _by_user(trial)]))
    return f" ({marks})" if marks else ""


def _alike(trial: TrialRecord) -> str:
    best_report = trial.best_report
    return alike(everywhere=is_constant(best_report), on=constant_sets(best_report))


def _by_user(trial: TrialRecord) -> str | None:
    """What users have done to a trial, with its values that no other trial has."""
    return ", ".join(filter(None, [trial.by_user, described(trial.config, trial.strange)])) or None


def _last(trial: TrialRecord, key: str) -> float | None:
    return trial.reports[-1].get(key) if trial.reports else None


def _seconds(trial: TrialRecord) -> float:
    return sum(float(report.get("seconds", 0.0)) for report in trial.reports)
