"""Everything a report says about a search, as one object, whether it runs, was interrupted or has ended.

The terminal, the page and programs all read this object. Imports no torch.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ptune.diagnosis.diagnose import diagnose
from ptune.diagnosis.diagnosis import Diagnosis
from ptune.errors import JournalError
from ptune.record.configurations import Configuration
from ptune.record.events import BestResult, DataSource, Event, Header, Metrics, SearchStatus
from ptune.record.history import History
from ptune.record.journal import JOURNAL, Reader, read
from ptune.record.optimism import optimism
from ptune.record.spread import Spread
from ptune.record.standard_error import standard_error
from ptune.report import leaderboard
from ptune.report.comparison import Comparison, comparisons, protocol_notes
from ptune.report.leaderboard import TrialRow, configuration_row
from ptune.report.provenance import Provenance, provenance
from ptune.run.confirm import Confirmation, result
from ptune.searching.importance import importances
from ptune.spec.inherited import Inherited
from ptune.spec.overrides import found
from ptune.spec.protocol import majority_metric
from ptune.spec.tracking import Tracking, filled_in, scheme_of

State = SearchStatus | Literal["running"]
"""How a search stands."""


@dataclass(frozen=True)
class Findings:
    """The report."""

    name: str
    state: State
    metric: str
    backbone: str
    data: Mapping[str, DataSource]
    """By split."""
    trials: int
    planned: int | None
    statuses: Mapping[str, int]
    varied: Sequence[str]
    """The parameters that tell trials apart, in the order in which people see them."""
    best: BestResult | None
    """None before the first result."""
    chosen: Literal["best", "knee"] | None
    """Which trial of the front that is; None where the metric counts alone."""
    best_value: float | None
    """What the best trial is judged by: its value in the epoch that is kept, or a mean of epochs, or of folds."""
    dev_examples: int | None
    """On how many dev examples that is, if on a part of them; None for all of dev."""
    best_epochs: Sequence[float]
    """The epochs that this value is the mean of; empty with folds."""
    optimism: float | None
    """By how much it is likely to be too good, since the best trial was chosen by it; None where that is not known."""
    over_folds: Configuration | None
    """With folds, of the best configuration."""
    standard_error: float | None
    """Of the best value on dev; None where the metric is no share of examples, and with folds."""
    test: Metrics | None
    """Scores of the exported prompt on the test split."""
    test_standard_error: float | None
    """Of its score on test."""
    majority_baseline: float | None
    """What always giving one answer scores on dev, in `majority_metric`."""
    majority_metric: str
    majority_answer: str
    """That answer, in words."""
    constant: Sequence[int]
    """Trials that answer every dev example alike."""
    published: Sequence[Comparison]
    notes: Sequence[str]
    """How the protocol differs."""
    leaderboard: Sequence[TrialRow]
    configurations: Sequence[Configuration]
    repeated: bool
    """Whether some configuration has several trials."""
    importances: Mapping[str, float]
    """Each parameter's share in what made trials good."""
    confirmation: Confirmation | None
    """Of this search, or by it."""
    diagnoses: Sequence[Diagnosis]
    """What is wrong with how it trained, and what to try next."""
    provenance: Provenance
    """Where it comes from."""

    @property
    def inherited(self) -> Inherited | None:
        """What the best trial began with of another one."""
        best = self.best
        return next((row.inherited for row in self.leaderboard if best is not None and row.trial == best.trial), None)

    def to_json(self) -> dict[str, Any]:
        """The report as one JSON object."""
        content = vars(self) | {
            "data": {name: {"source": data.source, "rows": data.rows} for name, data in self.data.items()},
            "best": None if self.best is None else vars(self.best),
            "over_folds": None if self.over_folds is None else vars(self.over_folds.spread),
            "published": [comparison.to_json() for comparison in self.published],
            "leaderboard": [row.to_json(self.metric) for row in self.leaderboard],
            "diagnoses": [vars(diagnosis) for diagnosis in self.diagnoses],
            "configurations": [configuration_row(configuration) for configuration in self.configurations],
            "confirmation": None if self.confirmation is None else self.confirmation.to_json(),
            "provenance": self.provenance.to_json(),
        }
        if self.chosen is None:
            del content["chosen"]
        if self.dev_examples is None:
            del content["dev_examples"]
        return {"groups" if key == "configurations" else key: value for key, value in content.items()}


def findings(
    history: History,
    shares: Mapping[str, float],
    overrides: Sequence[str],
    state: State,
    confirmed: Confirmation | None = None,
) -> Findings:
    """The report.

    Args:
        history: the search.
        shares: each parameter's share in what made trials good.
        overrides: what was set over the job file.
        state: how the search stands.
        confirmed: what a confirmation of this search, or this one, has come to.
    """
    header, best = history.header, history.best_result
    test = None if history.ended is None else history.ended.test
    rows = leaderboard.rows(history)
    return Findings(
        name=header.name,
        state=state,
        metric=history.objective.metric,
        backbone=header.job.backbone.id,
        data=header.data,
        trials=len(history.trials),
        planned=history.planned,
        statuses=history.statuses,
        varied=header.varied,
        best=best,
        chosen=None if history.objectives is None else history.objectives.choose,
        best_value=history.best_value,
        dev_examples=history.dev_examples,
        best_epochs=_epochs(history),
        optimism=optimism(history),
        over_folds=history.leading,
        standard_error=None if best is None or history.leading else standard_error(header, best.metrics),
        test=test,
        test_standard_error=None if test is None else standard_error(header, test, "test"),
        majority_baseline=history.majority_baseline,
        majority_metric=majority_metric(header.job.task.kind),
        majority_answer=header.job.task.always,
        constant=[row.trial for row in rows if row.constant_prediction],
        published=[replace(row, confirmed=_confirmed(row, confirmed)) for row in comparisons(history)],
        notes=protocol_notes(history, overrides, state),
        leaderboard=rows,
        configurations=history.configurations(),
        repeated=leaderboard.is_repeated(history),
        importances=shares,
        confirmation=confirmed,
        diagnoses=diagnose(history),
        provenance=provenance(history, _server(header.job.tracking)),
    )


def _epochs(history: History) -> list[float]:
    """The epochs that the best trial is judged by."""
    best = history.best
    return [] if best is None or history.leading else best.counted_epochs


def _server(tracking: Tracking) -> str | None:
    """The address of the MLflow server that shows a search; None for a database."""
    uri = filled_in(tracking.uri or "", os.environ) or os.environ.get("MLFLOW_TRACKING_URI") or ""
    return re.sub(r"(?<=://)[^/?#]*@", "", uri) if scheme_of(uri) in ("http", "https") else None  # nobody's name


def of_folder(folder: Path, history: History, *, running: bool) -> Findings:
    """The report of the search in a folder."""
    if not running:
        history.interrupt()
    state: State = "running" if running else history.status
    return findings(history, importances(history), overrides_of(folder), state, confirmation_of(folder, history))


def overrides_of(folder: Path) -> list[str]:
    """What was set over the job file that a search's folder keeps."""
    job_file = folder / "job.toml"
    return found(job_file.read_text(encoding="utf-8")) if job_file.is_file() else []


def confirmation_of(folder: Path, history: History) -> Confirmation | None:
    """What a confirmation has come to: this one, or the latest of this search among its neighbours."""
    confirmation = result(history)
    if confirmation is not None:
        return confirmation
    confirming = list(_confirming(folder.parent, history.header.id))
    return result(max(confirming, key=lambda neighbour: neighbour.started_at or 0.0)) if confirming else None


def _confirming(runs: Path, search_id: str) -> Iterator[History]:
    """The confirmations of a search in a runs folder; what cannot be read is somebody else's trouble."""
    for path in runs.glob(f"*/{JOURNAL}"):
        with suppress(JournalError, OSError):
            if confirmed_id(next(iter(Reader(path)), None)) == search_id:
                yield History.of(read(path))


def confirmed_id(event: Event | None) -> str | None:
    """The search that a journal confirms, by its first event."""
    return event.confirms.id if isinstance(event, Header) and event.confirms is not None else None


def _confirmed(row: Comparison, confirmed: Confirmation | None) -> Spread | None:
    """Of the configuration that stands beside a published number, on fresh seeds."""
    if confirmed is None or row.match is None or row.published.metric != confirmed.metric:
        return None
    for configuration in confirmed.configurations:
        if configuration.config == row.match.config:
            return configuration.dev if row.published.on == "dev" else configuration.test
    return None
