"""What MLflow should hold about a search: the journal's events, folded into images of runs.

The module is pure: it knows no clock, no MLflow and no files. Every run has an image: the search's own (trial None, the
parent) and one for each trial. An image holds the run's tags and its status. What has been added since the image was
last sent waits in `pending`. Every point carries its event's time and a step that is counted from the journal, so a
journal gives the same points every time it is folded. A store drops points that it already has, so it does no harm to
send them twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, assert_never

from ptune.errors import JournalError
from ptune.record.events import (
    Ended,
    Event,
    Finished,
    Header,
    Loaded,
    Metrics,
    Paused,
    Reported,
    Resumed,
    Started,
    Suggested,
    Tested,
    Tracked,
)
from ptune.record.objective import Objective
from ptune.spec.trial import Config

RunStatus = Literal["running", "complete", "stopped", "failed", "interrupted"]

SEARCH_TAG = "ptune.search"
TRIAL_TAG = "ptune.trial"
STATUS_TAG = "ptune.status"

_PARAM_TABLES = ("backbone", "task", "budget", "resources")  # of the job; its space has a file of its own


@dataclass(frozen=True)
class Point:
    """One value of one metric; `time` in milliseconds since 1970."""

    key: str
    value: float
    time: int
    step: int


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
    """Best finite value of the job's metric so far."""
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
        self.header: Header | None = None
        """What is searched; None until it is read."""
        self.runs: dict[int | None, RunImage] = {}
        """Images by trial, the parent first."""
        self.run_ids: dict[int | None, str] = {}
        """The run ids that the journal holds."""
        self._changed: dict[int | None, None] = {}  # an ordered set
        self._reports = 0
        self._last_time = 0

    def apply(self, event: Event) -> None:
        """Take in the next event of the journal."""
        time = round(event.time * 1000)
        self._last_time = time
        match event:
            case Header():
                self._open_search(event, time)
            case Suggested(trial, config):
                self._open_trial(trial, config, time)
            case Reported(trial, epoch, metrics):
                self._report(self.runs[trial], epoch, metrics, time)
            case Finished(trial, status, reason):
                self._change(trial).set_status(status, time, **({"reason": reason} if reason else {}))
            case Tested(trial, metrics):
                self._test(trial, metrics, time)
            case Tracked(trial, run_id):
                self.run_ids[trial] = run_id
            case Resumed():
                self._reopen()
            case Ended(status):
                self._close(status, time)
            case Started() | Paused() | Loaded():
                pass
            case _:
                assert_never(event)

    def interrupt(self) -> None:
        """Close a search whose process died without an end event, at the time of its last event."""
        if self.runs and self.runs[None].status == "running":
            self._close("interrupted", self._last_time)

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
        self.header = header
        versions = {f"version.{name}": version for name, version in header.versions.items()}
        tags = {SEARCH_TAG: header.id, "ptune.kind": "search", STATUS_TAG: "running", **versions}
        self.runs[None] = RunImage(None, header.name, time, tags)
        self._change(None).pending.params = search_params(header)

    def _open_trial(self, trial: int, config: Config, time: int) -> None:
        tags = {
            SEARCH_TAG: self._search.id,
            "ptune.kind": "trial",
            TRIAL_TAG: str(trial),
            STATUS_TAG: "running",
        }
        self.runs[trial] = RunImage(trial, f"trial-{trial:04d}", time, tags)
        self._change(trial).pending.params = {key: str(value) for key, value in config.items()}

    def _report(self, image: RunImage, epoch: int, metrics: Metrics, time: int) -> None:
        self._reports += 1
        points = self._change(image.trial).pending.points
        points += [Point(_metric_key(key), float(value), time, epoch) for key, value in metrics.items()]
        objective = self._objective
        value = metrics.get(objective.metric, math.nan)
        if math.isfinite(value):
            if image.best is None or objective.is_better(value, image.best):
                image.best = value
            points.append(Point(self._best_key, image.best, time, epoch))
            parent = self.runs[None]
            if parent.best is None or objective.is_better(value, parent.best):
                parent.best = value
                self._change(None).pending.points.append(Point(self._best_key, value, time, self._reports))

    def _test(self, trial: int, metrics: Metrics, time: int) -> None:
        image = self._change(trial)
        image.tested = True
        image.pending.points += [
            Point(f"test_{_metric_key(key)}", float(value), time, 0) for key, value in metrics.items()
        ]

    def _reopen(self) -> None:
        for image in self.runs.values():
            if image.status == "interrupted" or image.trial is None:
                self._change(image.trial).set_status("running", None)

    def _close(self, status: RunStatus, time: int) -> None:
        trials = [image for image in self.runs.values() if image.trial is not None]
        for image in trials:
            if image.status == "running":
                self._change(image.trial).set_status("interrupted", time)
        parent = self._change(None)
        counts = {"trials": len(trials)} | {
            f"trials_{kind}": sum(image.status == kind for image in trials)
            for kind in ("complete", "stopped", "failed")
        }
        parent.pending.points += [Point(key, float(count), time, self._reports) for key, count in counts.items()]
        scored = [
            (self._objective.utility(image.best), image)
            for image in trials
            if image.status != "failed" and image.best is not None
        ]
        _, best = max(scored, key=lambda entry: entry[0], default=(0.0, None))  # the earlier trial of equals
        if best is None or best.best is None:
            parent.set_status(status, time)
        else:
            parent.pending.points.append(Point(self._best_key, best.best, time, self._reports))
            parent.set_status(status, time, best_trial=str(best.trial))

    @property
    def _search(self) -> Header:
        if self.header is None:
            raise JournalError("the journal does not begin with its header, the event `search`")
        return self.header

    @property
    def _objective(self) -> Objective:
        return Objective.of(self._search.job.task)

    @property
    def _best_key(self) -> str:
        return f"best_{_metric_key(self._objective.metric)}"


def _metric_key(name: str) -> str:
    """A metric's name in MLflow, which takes no `+`: `accuracy+f1` is `accuracy and f1`."""
    return name.replace("+", " and ")


def search_params(header: Header) -> dict[str, str]:
    """The parent run's params: the job's settings that have a value, under dotted keys as `--set` takes them."""
    tables = header.job.model_dump(mode="json", include=set(_PARAM_TABLES))
    tables["backbone"] |= vars(header.backbone)
    return dict(_flat({name: tables[name] for name in _PARAM_TABLES})) | {"seed": str(header.job.seed)}


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", str(value)
