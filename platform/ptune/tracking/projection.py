"""What MLflow should hold about a search: its journal's events, folded into images of runs.

Pure: no clock, no MLflow, no files. One image per run: the search's own (trial None, the parent) and one per trial.
An image keeps what it is and how it stands; what has been added to it since it was last sent waits in `pending`.
Every point carries its event's time and a step counted from the journal, so folding the same journal twice gives the
same points, and a store that drops points it has already makes sending them twice harmless.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ptune.journal import Event

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
    """Highest finite value of the job's metric so far."""
    tested: bool = False
    """Whether it has scores on the test split, which come after its end."""
    pending: Pending = field(default_factory=Pending)

    def turn(self, status: RunStatus, end: int | None, **tags: str) -> None:
        """Change how the run stands."""
        self.status, self.end = status, end
        self.pending.tags |= {STATUS_TAG: status, **{f"ptune.{key}": value for key, value in tags.items()}}


class Projection:
    """The images of a search's runs, kept up to date event by event."""

    def __init__(self) -> None:
        self.header: Event | None = None
        """The `search` event; None until it is read."""
        self.runs: dict[int | None, RunImage] = {}
        """Images by trial, the parent first."""
        self.run_ids: dict[int | None, str] = {}
        """The run ids that the journal holds."""
        self._changed: dict[int | None, None] = {}  # an ordered set
        self._reports = 0
        self._last_time = 0

    def apply(self, event: Event) -> None:
        """Take in the next event of the journal."""
        time = round(event["time"] * 1000)
        self._last_time = time
        match event["event"]:
            case "search":
                self._open_search(event, time)
            case "suggested":
                self._open_trial(event["trial"], event["config"], time)
            case "reported":
                self._report(self.runs[event["trial"]], event["epoch"], event["metrics"], time)
            case "finished":
                reason = {"reason": str(event["reason"])} if event.get("reason") else {}
                self._change(event["trial"]).turn(event["status"], time, **reason)
            case "tested":
                self._test(event["trial"], event["metrics"], time)
            case "tracked":
                self.run_ids[event["trial"]] = event["run_id"]
            case "resumed":
                self._reopen()
            case "ended":
                self._close(event["status"], time)

    def interrupt(self) -> None:
        """Close a search whose process died without saying so, at the time of its last event."""
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

    def _open_search(self, event: Event, time: int) -> None:
        self.header = event
        versions = {f"version.{name}": str(version) for name, version in event.get("versions", {}).items()}
        tags = {SEARCH_TAG: event["id"], "ptune.kind": "search", STATUS_TAG: "running", **versions}
        self.runs[None] = RunImage(None, event["name"], time, tags)
        self._change(None).pending.params = search_params(event)

    def _open_trial(self, trial: int, config: Mapping[str, Any], time: int) -> None:
        tags = {
            SEARCH_TAG: self._search["id"],
            "ptune.kind": "trial",
            TRIAL_TAG: str(trial),
            STATUS_TAG: "running",
        }
        self.runs[trial] = RunImage(trial, f"trial-{trial:04d}", time, tags)
        self._change(trial).pending.params = {key: str(value) for key, value in config.items()}

    def _report(self, image: RunImage, epoch: int, metrics: Mapping[str, float], time: int) -> None:
        self._reports += 1
        points = self._change(image.trial).pending.points
        points += [Point(_metric_key(key), float(value), time, epoch) for key, value in metrics.items()]
        value = metrics.get(self._metric, math.nan)
        if math.isfinite(value):
            image.best = value if image.best is None else max(image.best, value)
            points.append(Point(self._best_key, image.best, time, epoch))
            parent = self.runs[None]
            if parent.best is None or value > parent.best:
                parent.best = value
                self._change(None).pending.points.append(Point(self._best_key, value, time, self._reports))

    def _test(self, trial: int, metrics: Mapping[str, float], time: int) -> None:
        image = self._change(trial)
        image.tested = True
        image.pending.points += [
            Point(f"test_{_metric_key(key)}", float(value), time, 0) for key, value in metrics.items()
        ]

    def _reopen(self) -> None:
        for image in self.runs.values():
            if image.status == "interrupted" or image.trial is None:
                self._change(image.trial).turn("running", None)

    def _close(self, status: RunStatus, time: int) -> None:
        trials = [image for image in self.runs.values() if image.trial is not None]
        for image in trials:
            if image.status == "running":
                self._change(image.trial).turn("interrupted", time)
        parent = self._change(None)
        counts = {"trials": len(trials)} | {
            f"trials_{kind}": sum(image.status == kind for image in trials)
            for kind in ("complete", "stopped", "failed")
        }
        parent.pending.points += [Point(key, float(count), time, self._reports) for key, count in counts.items()]
        ranked = [image for image in trials if image.status != "failed" and image.best is not None]
        best = max(ranked, key=lambda image: image.best or 0.0, default=None)  # the earlier trial of equals
        if best is None or best.best is None:
            parent.turn(status, time)
        else:
            parent.pending.points.append(Point(self._best_key, best.best, time, self._reports))
            parent.turn(status, time, best_trial=str(best.trial))

    @property
    def _search(self) -> Event:
        assert self.header is not None, "the journal's first event is `search`"
        return self.header

    @property
    def _metric(self) -> str:
        return str(self._search["job"]["task"]["metric"])

    @property
    def _best_key(self) -> str:
        return f"best_{_metric_key(self._metric)}"


def _metric_key(name: str) -> str:
    """A metric's name in MLflow, which takes no `+`: `accuracy+f1` is `accuracy and f1`."""
    return name.replace("+", " and ")


def search_params(header: Event) -> dict[str, str]:
    """What the parent run says of its job: dotted keys, as `--set` takes them; nothing for what is not set."""
    job = header["job"]
    tables = {name: job[name] for name in _PARAM_TABLES if name in job}
    tables["backbone"] = {**tables.get("backbone", {}), **header.get("backbone", {})}
    return dict(_flat(tables)) | {"seed": str(job.get("seed", 0))}


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", str(value)
