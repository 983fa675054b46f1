"""What MLflow should hold about a search: the journal's events, folded into images of runs.

The module is pure: it knows no clock, no MLflow and no files. Every run has an image: the search's own (trial None, the
parent) and one for each trial. An image holds the run's tags and its status. What has been added since the image was
last sent waits in `pending`. Every point carries its event's time and a step that is counted from the journal, so a
journal gives the same points every time it is folded. A store drops points that it already has, so it does no harm to
send them twice.

What is measured at every report has the report's number as its step. That is the epoch, unless the budget cuts epochs
into parts; then the metric `epoch` says it. What an engine takes of its machine has the seconds since the search began
as its step: MLflow draws it by time, on a page of its own. Everything else, such as the best value so far, has step 0:
MLflow then shows its latest value as a bar, and no axis has two meanings. The best value is a run's first point, since
MLflow compares runs by the metric that they had first.

Where dev grows with the rungs, a run has a best value only of scores on all of dev: MLflow ranks runs by it, and knows
nothing of parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, assert_never

from ptune.record.beside import besides
from ptune.record.dev_part import DEV_EXAMPLES
from ptune.record.events import (
    Awaiting,
    Ended,
    Event,
    Extended,
    Finished,
    Header,
    LimitReached,
    Loaded,
    Metered,
    Metrics,
    Paused,
    Refused,
    Reported,
    Resumed,
    SetAside,
    Started,
    Suggested,
    Tested,
    Tracked,
)
from ptune.record.history import History, TrialRecord
from ptune.record.objective import Objective
from ptune.record.standing import seconds_per_epoch
from ptune.record.wording import described
from ptune.spec.objectives import COSTS
from ptune.tracking.metrics import best_key, metric_key, usage_key
from ptune.tracking.parameters import search_params, trial_params

RunStatus = Literal["running", "complete", "stopped", "failed", "interrupted"]

SEARCH_TAG = "ptune.search"
TRIAL_TAG = "ptune.trial"
STATUS_TAG = "ptune.status"
CLONED_TAG = "ptune.cloned_from"
INHERITS_TAG = "ptune.inherits"
"""The trial whose configuration a trial takes up."""
LIMIT_TAG = "ptune.limit"
"""The limit of the budget that a search has reached, other than its trials."""
CLONED_RUN_TAG = "ptune.cloned_from_run"
FRONT_TAG = "ptune.front"
"""Of a trial, its place by several objectives, set when the search ends: `front`, `front, knee`, or the bound it
breaks. Of a search, the trials of its front, the best in the metric first."""
LAYOUT_TAG = "ptune.layout"
LAYOUT = "2"
"""Of a run's names, parameters and metrics; a run with another one is repaired."""
NAME_TAG = "mlflow.runName"
NOTE_TAG = "mlflow.note.content"

_ALWAYS = ("loss", "train_loss")  # shown beside the job's metric in every epoch
_SIZES = ("trainable_parameters", "backbone_share")  # of a trial, the same in every epoch


@dataclass(frozen=True)
class Point:
    """One value of one metric; `time` in milliseconds since 1970."""

    key: str
    value: float
    time: int
    step: int = 0


@dataclass
class Pending:
    """What a run gains when it is next sent."""

    params: dict[str, str] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class RunImage:
    """One MLflow run as it should be."""

    trial: int | None
    name: str
    start: int
    """Milliseconds since 1970."""
    tags: dict[str, str]
    """The tags it is created with; they identify it in the store."""
    status: RunStatus = "running"
    end: int | None = None
    """Milliseconds since 1970; None while it runs."""
    best: float | None = None
    """Finite value of the job's metric on all of dev in the epoch that is kept so far; of a search, the best of its
    trials'."""
    tested: bool = False
    """Whether it has scores on the test split, which come after its end."""
    pending: Pending = field(default_factory=Pending)

    def set_status(self, status: RunStatus, end: int | None, **tags: str) -> None:
        """Change the run's status; `end` is when it ended, None while it runs."""
        self.status, self.end = status, end
        self.pending.tags |= {STATUS_TAG: status, **{f"ptune.{key}": value for key, value in tags.items()}}


class Projection:
    """The images of a search's runs, kept up to date event by event."""

    def __init__(self) -> None:
        self.history = History()
        """The search so far."""
        self.runs: dict[int | None, RunImage] = {}
        """Images by trial, the parent first."""
        self.run_ids: dict[int | None, str] = {}
        """The run ids that the journal holds."""
        self._changed: dict[int | None, None] = {}  # an ordered set
        self._about: dict[str, str] = {}  # tags of every run

    @property
    def header(self) -> Header | None:
        """What is searched; None until it is read."""
        return self.history.first

    def apply(self, event: Event) -> None:
        """Take in the next event of the journal."""
        time = round(event.time * 1000)
        self.history.apply(event)
        match event:
            case Header():
                self._open_search(event, time)
            case Suggested(trial):
                self._open_trial(trial, time)
            case Reported(trial, epoch, metrics):
                self._report(trial, epoch, metrics, time)
            case Finished(trial, status, reason):
                self._total(trial, time)
                by_user = {"by_user": self.history.trials[trial].by_user} if event.request is not None else {}
                told = {key: text for key, text in {"reason": reason, **by_user}.items() if text}
                self._change(trial).set_status(status, time, **told)
            case Tested(trial, metrics):
                self._test(trial, metrics, time)
            case Tracked(trial, run_id):
                self.run_ids[trial] = run_id
            case Resumed():
                self._reopen()
            case Metered(engine, usage):
                self._meter(engine, usage, time)
            case LimitReached(limit):
                self._change(None).pending.tags[LIMIT_TAG] = limit
            case Awaiting() | Refused():
                pass  # whoever runs the search, or asked something of it, wants to know
            case Ended(status, best, test):
                if best is not None and test is not None:
                    self._test(best.trial, test, time)
                    self._test(None, test, time)
                self._close(status, time)
            case Started() | Paused() | SetAside() | Loaded() | Extended():
                pass
            case _:
                assert_never(event)

    def interrupt(self) -> None:
        """Close a search whose process died without an end event, at the time of its last event."""
        if self.runs and self.runs[None].status == "running":
            self._close("interrupted", round((self.history.last_at or 0.0) * 1000))

    def take_changed(self) -> Iterator[RunImage]:
        """Yield the images to send, the parent first; an image counts as sent once the next one is asked for."""
        for trial in list(self._changed):
            image = self.runs[trial]
            yield image
            image.pending = Pending()
            del self._changed[trial]

    def _change(self, trial: int | None) -> RunImage:
        self._changed[trial] = None
        return self.runs[trial]

    def _open_search(self, header: Header, time: int) -> None:
        versions = {f"version.{name}": version for name, version in header.versions.items()}
        self._about = {SEARCH_TAG: header.id, LAYOUT_TAG: LAYOUT, **_source(header), **versions}
        tags = {**self._about, "ptune.kind": "search", STATUS_TAG: "running"}
        self.runs[None] = RunImage(None, header.name, time, tags)
        self._change(None).pending.params = search_params(header)

    def _open_trial(self, trial: int, time: int) -> None:
        record = self.history.trials[trial]
        names = self.history.names(record)
        tags = {
            **self._about,
            "ptune.kind": "trial",
            TRIAL_TAG: str(trial),
            STATUS_TAG: "running",
            **_parentage(record),
        }
        self.runs[trial] = RunImage(trial, f"#{trial} {described(record.config, names, record.inherited)}", time, tags)
        self._change(trial).pending.params = trial_params(record.config, names)

    def _report(self, trial: int, epoch: int, metrics: Metrics, time: int) -> None:
        objective, record = self.history.objective, self.history.trials[trial]
        points = self._change(trial).pending.points
        value = record.best_value if record.dev_examples is None else None
        if value is not None and record.best_epoch == epoch:
            self.runs[trial].best = value
            points += [
                Point(best_key(objective), value, time),
                Point("best_epoch", float(record.kept_epoch), time),
            ]
            self._lead(value, time)
        points += _points(metrics, [*_names(objective), *self._beside, *_ALWAYS], time, epoch)
        if self.history.job.budget.dev_grows:
            examples = metrics.get(DEV_EXAMPLES, float(self.history.header.data["dev"].rows))
            points.append(Point(DEV_EXAMPLES, examples, time, epoch))
        if record.reports_per_epoch > 1:
            points.append(Point("epoch", float(record.in_epochs(epoch)), time, epoch))
        if epoch == 1:
            points += _points(metrics, _SIZES, time)

    @property
    def _beside(self) -> list[str]:
        """The metrics that count beside the search's own."""
        objectives = self.history.objectives
        return [] if objectives is None else [name for name in objectives.beside if name not in COSTS]

    def _lead(self, value: float, time: int) -> None:
        """Let a trial's new best be the search's, if it is better; one fold's says nothing of a configuration."""
        objective, parent = self.history.objective, self.runs[None]
        if self.history.job.task.folds > 1:
            return
        if parent.best is None or objective.is_better(value, parent.best):
            parent.best = value
            self._change(None).pending.points.append(Point(best_key(objective), value, time))

    def _total(self, trial: int, time: int) -> None:
        """What a trial's epochs come to, once it trains no further."""
        image, record = self._change(trial), self.history.trials[trial]
        image.pending.points += [Point(key, value, time) for key, value in _totals(record).items()]

    def _test(self, trial: int | None, metrics: Metrics, time: int) -> None:
        image = self._change(trial)
        image.tested = True
        image.pending.points += _points(metrics, _names(self.history.objective), time, prefix="test_")

    def _meter(self, engine: int, usage: Metrics, time: int) -> None:
        second = max(1, round(time / 1000 - (self.history.started_at or 0.0)))  # step 0 is for what has none
        points = [Point(usage_key(engine, name), value, time, second) for name, value in usage.items()]
        self._change(None).pending.points += points

    def _reopen(self) -> None:
        for image in self.runs.values():
            if image.status == "interrupted" or image.trial is None:
                self._change(image.trial).set_status("running", None)

    def _close(self, status: RunStatus, time: int) -> None:
        for trial, image in self.runs.items():
            if trial is not None and image.status == "running":
                self._total(trial, time)
                self._change(trial).set_status("interrupted", time)
        parent, best = self._change(None), self.history.best
        statuses = self.history.statuses
        counts = {"trials": len(self.history.trials)} | {
            f"trials_{kind}": statuses.get(kind, 0) for kind in ("complete", "stopped", "failed")
        }
        parent.pending.points += [Point(key, float(count), time) for key, count in counts.items()]
        self._mark_front()
        value = self.history.best_value
        if best is None or value is None:
            parent.set_status(status, time)
        else:
            if best.dev_examples is None:
                parent.pending.points.append(Point(best_key(self.history.objective), value, time))
            parent.set_status(status, time, best_trial=str(best.number))

    def _mark_front(self) -> None:
        """Say of every trial whether it is on the front of several objectives, where it was or is."""
        for trial, beside in besides(self.history).items():
            if beside.mark or FRONT_TAG in self.runs[trial].tags:
                self._change(trial).pending.tags[FRONT_TAG] = self.runs[trial].tags[FRONT_TAG] = beside.mark
        if (front := self.history.front) is not None:
            self._change(None).pending.tags[FRONT_TAG] = ", ".join(map(str, front.numbers))


def _parentage(trial: TrialRecord) -> dict[str, str]:
    """The tags that say whose idea a trial was, if it was a user's, and what it began with, if it inherits."""
    if trial.inherited is not None:
        return {INHERITS_TAG: str(trial.inherited.trial), "ptune.inherited_epochs": str(trial.inherited.epochs)}
    if trial.by_user is None:
        return {}
    cloned = {} if trial.cloned is None else {CLONED_TAG: str(trial.cloned)}
    return {"ptune.by_user": trial.by_user, **cloned}


def settled_points(events: Iterable[Event], trial: int) -> list[Point]:
    """What a search's events come to for a trial, as its run has it: the last value of all that has no step."""
    projection = Projection()
    for event in events:
        projection.apply(event)
    return list({point.key: point for point in projection.runs[trial].pending.points if not point.step}.values())


def _source(header: Header) -> dict[str, str]:
    """The tags in which MLflow's pages show who made a run, and from what."""
    origin = header.origin
    if origin is None:
        return {"mlflow.source.name": f"ptune search {header.name}", "mlflow.source.type": "LOCAL"}
    tags = {"mlflow.source.name": origin.command, "mlflow.source.type": "LOCAL", "mlflow.user": origin.user}
    return tags if origin.commit is None else {**tags, "mlflow.source.git.commit": origin.commit}


def _names(objective: Objective) -> list[str]:
    """The metrics of a search: the job's, and of a mean its parts."""
    return list(dict.fromkeys([objective.metric, *objective.metric.split("+")]))


def _points(metrics: Metrics, names: Iterable[str], time: int, step: int = 0, prefix: str = "") -> list[Point]:
    """One point for each of the named metrics that was measured."""
    return [
        Point(f"{prefix}{metric_key(name)}", float(metrics[name]), time, step)
        for name in dict.fromkeys(names)
        if name in metrics
    ]


def _totals(trial: TrialRecord) -> dict[str, float]:
    """What a trial took. `trained_epochs` is not called `epochs`, since that is a parameter of spaces."""
    totals = {"trained_epochs": float(trial.trained_epochs)}
    if trial.reports:
        seconds = sum(report.get("seconds", 0.0) for report in trial.reports)
        totals |= {"seconds": seconds, "seconds_per_epoch": seconds_per_epoch(trial.reports, trial.reports_per_epoch)}
        totals["peak_memory_mb"] = max(report.get("peak_memory_mb", 0.0) for report in trial.reports)
    return totals
