"""Which tracker shows a search, and what a tracker of another kind has to do."""

import json
from pathlib import Path

import pytest

from ptune.errors import SpecError, TrackingError
from ptune.record.events import Reported, Tracked
from ptune.record.journal import JOURNAL, Reader, read
from ptune.run.local import LocalRunner
from ptune.run.search import resume_search, start_search
from ptune.run.sync import sync_search
from ptune.run.tracker import NoTracker, tracker_of
from ptune.tracking.mlflow_tracker import MlflowTracker
from ptune.tracking.state import TrackingState
from support.small_jobs import changed


class LinesTracker:
    """Writes every report of a search as a line of JSON, beside the runs folder."""

    def __init__(self, _job, folder, announce):
        self._path = folder.parent.parent / f"{folder.name}.lines"
        self._reader = Reader(folder / JOURNAL)
        self._announce = announce
        self._announced = None

    def refusal(self):
        return None

    def start(self, patience_s):
        assert patience_s >= 0
        self._announced = self._path.name
        self._announce(None, self._announced)

    def close(self):
        self.sync()

    def sync(self, register_as=None):  # noqa: ARG002
        with self._path.open("a", encoding="utf-8") as lines:
            for event in self._reader:
                if isinstance(event, Reported):
                    lines.write(json.dumps({"trial": event.trial, "epoch": event.epoch}) + "\n")

    @property
    def state(self):
        return TrackingState("lines", "lines of JSON", str(self._path), run_id=self._announced)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A folder that is not there yet, so that a database in it would be noticed."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path / "runs"


@pytest.fixture
def untracked(job):
    return changed(job, tracking={"type": "none"})


def test_another_tracker_sees_the_whole_search(job, runs):
    outcome = start_search(job, "", runs, LocalRunner(), track=LinesTracker)
    lines = [json.loads(line) for line in Path(outcome.tracking.uri).read_text(encoding="utf-8").splitlines()]
    events = read(outcome.folder / JOURNAL)
    reported = [(event.trial, event.epoch) for event in events if isinstance(event, Reported)]
    assert [(line["trial"], line["epoch"]) for line in lines] == reported
    assert outcome.history.run_id is None
    assert [event.run_id for event in events if isinstance(event, Tracked)] == ["small.lines"]
    result = outcome.to_json()
    assert result["mlflow"] is None
    assert result["lines"]["parent_run_id"] == "small.lines"
    assert not (runs / "mlflow.db").exists()


class RefusingTracker(NoTracker):
    """Would never take a search."""

    def refusal(self):
        return "its shelf is gone"


def test_what_would_never_be_tracked_does_not_begin_but_goes_on(job, runs, caplog):
    def refusing(_job, folder, _announce):
        return RefusingTracker(folder.name)

    with pytest.raises(SpecError, match=r'its shelf is gone\. Correct that, or set tracking\.type = "none"'):
        start_search(job, "", runs, LocalRunner(), track=refusing)
    assert not runs.exists()
    start_search(job, "", runs, LocalRunner(), track=LinesTracker)
    assert resume_search("small", runs, LocalRunner(), track=refusing).status == "complete"
    assert "its shelf is gone. The search goes on; `ptune sync small` sends the rest later" in caplog.text


def test_a_search_that_is_not_tracked_leaves_nothing_in_mlflow(untracked, runs):
    outcome = start_search(untracked, "", runs, LocalRunner())
    assert outcome.status == "complete"
    assert outcome.tracking is None
    assert json.loads((outcome.folder / "result.json").read_text())["mlflow"] is None
    assert {path.name for path in runs.iterdir()} == {"small"}
    with pytest.raises(TrackingError, match=r'small is not tracked: its job says tracking.type = "none"'):
        sync_search("small", runs)
    assert resume_search("small", runs, LocalRunner()).tracking is None


def test_a_job_says_which_tracker(job, untracked, tmp_path):
    assert isinstance(tracker_of(job, tmp_path, lambda *_: None), MlflowTracker)
    assert isinstance(tracker_of(untracked, tmp_path, lambda *_: None), NoTracker)


def test_a_place_where_mlflow_cannot_be_is_refused_before_anything_starts(job, runs):
    misplaced = changed(job, tracking={"uri": "./mlruns"})
    with pytest.raises(SpecError, match=r"tracking\.uri must be a server"):
        start_search(misplaced, "", runs, LocalRunner())
    assert not runs.exists()
