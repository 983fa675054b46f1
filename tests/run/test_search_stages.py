"""The stages of a search, seen by a session that trains nothing."""

from contextlib import contextmanager

import pytest

from ptune.errors import ClusterError, JournalError
from ptune.record.events import Ended, Resumed
from ptune.record.journal import JOURNAL, Journal, read
from ptune.run.begun import begun
from ptune.run.conclusion import Conclusion
from ptune.run.finished import lacking
from ptune.run.folders import claim_folder, take_folder
from ptune.run.prepare import versions
from ptune.run.search import resume_search, start_search
from ptune.run.tracker import NoTracker
from support.small_jobs import changed, small_job


class Scripted:
    """A runner whose trials report made-up numbers. It notes what is asked of its sessions.

    `fails` maps the name of a request to the error that answers it.
    """

    dtype_of_weights = "float32"

    def __init__(self, **fails):
        self.asked = []
        self._fails = fails

    def check(self, _resources):
        self._note("check")

    @contextmanager
    def open(self, _prepared, _folder, say):
        self._note("open")
        say("a node")
        try:
            yield self
        finally:
            self.asked.append("close")

    @property
    def dtype(self):
        self._note("dtype")
        return self.dtype_of_weights

    def train(self, conductor):
        self._note("train")
        while (turn := conductor.next_turn()) is not None:
            epoch, decision = turn.epoch, "continue"
            while decision == "continue":
                epoch += 1
                decision = conductor.report(turn.trial, epoch, {"accuracy": 0.5, "loss": 0.7}, "state")

    def conclude(self, _history):
        self._note("conclude")
        return Conclusion()

    def _note(self, request):
        self.asked.append(request)
        if request in self._fails:
            raise self._fails[request]


class Watching:
    """Notes, in the order of a runner's requests, when it watches and when files are published."""

    def __init__(self, asked):
        self._asked = asked

    def start(self, folder):
        assert (folder / JOURNAL).is_file()
        self._asked.append("watch")

    def stop(self):
        self._asked.append("look away")

    def publish(self, _folder, _history, _importances):
        self._asked.append("publish")


class Shown(NoTracker):
    """A tracker that notes when it is to show something."""

    def __init__(self, shown):
        self._shown = shown

    def start(self, _patience_s):
        self._shown.append("start")

    def close(self):
        self._shown.append("close")


@pytest.fixture
def job(tiny_backbone, tmp_path):
    job = small_job(tmp_path / "data", tiny_backbone("bert"))
    return changed(job, tracking={"type": "none"})


def search(job, runs, runner):
    watching = Watching(runner.asked)
    return start_search(job, "", runs, runner, watching, watching.publish)


def ends(runs):
    return [event.status for event in read(runs / "small" / JOURNAL) if isinstance(event, Ended)]


def test_a_search_loads_trains_concludes_and_lets_go_before_it_publishes(job, tmp_path):
    runner = Scripted()
    assert search(job, tmp_path, runner).status == "complete"
    assert runner.asked == ["check", "watch", "open", "dtype", "train", "conclude", "close", "publish", "look away"]


def test_a_finished_search_loads_nothing_to_train(job, tmp_path):
    search(job, tmp_path, Scripted())
    runner = Scripted()
    assert resume_search("small", tmp_path, runner).status == "complete"
    assert runner.asked == ["check", "open", "train", "conclude", "close"]
    assert ends(tmp_path) == ["complete", "complete"]


@pytest.mark.parametrize("moment", ["dtype", "train", "conclude"])
def test_an_interrupted_search_lets_go_and_publishes_what_there_is(job, tmp_path, moment):
    runner = Scripted(**{moment: KeyboardInterrupt()})
    assert search(job, tmp_path, runner).status == "interrupted"
    assert runner.asked[: runner.asked.index("close")][-1] == moment
    assert ends(tmp_path) == ["interrupted"]
    resumed = resume_search("small", tmp_path, Scripted())
    assert {trial.status for trial in resumed.history.trials.values()} <= {"complete", "stopped"}


@pytest.mark.parametrize("moment", ["open", "dtype"])
def test_a_search_that_cannot_begin_leaves_nothing_behind(job, tmp_path, moment):
    shown = []
    runner = Scripted(**{moment: ClusterError("the backbone cannot be loaded")})
    for claim in (claim_folder, take_folder):
        with pytest.raises(ClusterError, match="cannot be loaded"):
            start_search(job, "", tmp_path / "runs", runner, track=lambda *_: Shown(shown), claim=claim)
    assert list((tmp_path / "runs").iterdir()) == []
    assert shown == []


def test_of_two_starts_at_once_one_runs_and_the_other_is_refused(job, tmp_path):
    class Racing(Scripted):
        def train(self, conductor):
            with pytest.raises(JournalError, match="small is being run by another process"):
                start_search(job, "", tmp_path, Scripted(), claim=take_folder)
            super().train(conductor)

    assert start_search(job, "", tmp_path, Racing(), claim=take_folder).status == "complete"
    assert [path.name for path in tmp_path.iterdir() if (path / JOURNAL).exists()] == ["small"]
    with pytest.raises(JournalError, match="has begun small at this moment"):
        start_search(job, "", tmp_path, Scripted(), claim=take_folder)


def test_a_start_that_was_stopped_before_its_first_step_is_taken_over(job, tmp_path):
    Journal(tmp_path / "small" / JOURNAL).close()
    assert begun(job, tmp_path) is None
    assert start_search(job, "", tmp_path, Scripted(), claim=take_folder).name == "small"
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").touch()
    with pytest.raises(JournalError, match="notes exists and holds no search"):
        take_folder(tmp_path, "notes")


def test_a_search_goes_on_only_with_its_own_job(job, tmp_path):
    assert begun(job, tmp_path) is None
    start_search(job, "", tmp_path, Scripted(train=KeyboardInterrupt()))
    elsewhere = changed(job, resources={"slots": 2})
    assert begun(elsewhere, tmp_path).status == "interrupted"
    with pytest.raises(JournalError, match=r"another job.*seed is \d+ in the kept job and 99 in this one.*--name"):
        begun(job.model_copy(update={"seed": 99}), tmp_path)
    resumed = resume_search("small", tmp_path, Scripted(), resources=elsewhere.resources)
    assert resumed.status == "complete"


def test_a_search_goes_on_with_the_libraries_it_began_with_unless_others_are_accepted(job, tmp_path, monkeypatch):
    def installed(torch):
        for module in ("prepare", "search"):
            monkeypatch.setattr(f"ptune.run.{module}.versions", lambda: {**versions(), "torch": torch})

    installed("2.0.1+cpu")
    search(job, tmp_path, Scripted(train=KeyboardInterrupt()))
    journal = (tmp_path / "small" / JOURNAL).read_bytes()
    installed("2.1.0+cpu")
    with pytest.raises(JournalError, match=r"torch 2\.0\.1\+cpu then, 2\.1\.0\+cpu now\).*--changed-libraries"):
        resume_search("small", tmp_path, Scripted())
    assert (tmp_path / "small" / JOURNAL).read_bytes() == journal
    accepted = Scripted(train=KeyboardInterrupt())
    assert resume_search("small", tmp_path, accepted, changed_libraries=True).status == "interrupted"
    noted = [event.versions["torch"] for event in read(tmp_path / "small" / JOURNAL) if isinstance(event, Resumed)]
    assert noted == ["2.1.0+cpu"]
    installed("2.1.0+cu128")
    assert resume_search("small", tmp_path, Scripted()).status == "complete"
    installed("2.2.0")
    assert resume_search("small", tmp_path, Scripted()).status == "complete", "nothing is left to train"


@pytest.mark.parametrize("moment", ["train", "conclude"])
def test_a_search_that_fails_says_so_in_its_journal(job, tmp_path, moment):
    runner = Scripted(**{moment: ClusterError("no engine is left")})
    with pytest.raises(ClusterError, match="no engine is left"):
        search(job, tmp_path, runner)
    assert runner.asked[-1] == "look away"
    assert "publish" not in runner.asked
    assert ends(tmp_path) == ["failed"]


def test_a_place_that_cannot_be_reached_leaves_nothing_behind(job, tmp_path):
    runner = Scripted(check=ClusterError("nobody answers"))
    with pytest.raises(ClusterError, match="nobody answers"):
        search(job, tmp_path / "runs", runner)
    assert not (tmp_path / "runs").exists()
    search(job, tmp_path, Scripted(train=KeyboardInterrupt()))
    journal = (tmp_path / "small" / JOURNAL).read_bytes()
    with pytest.raises(ClusterError, match="nobody answers"):
        resume_search("small", tmp_path, runner)
    assert (tmp_path / "small" / JOURNAL).read_bytes() == journal


def test_a_complete_search_lacks_what_a_crash_kept_from_it(job, tmp_path):
    folder = tmp_path / "small"
    outcome = search(job, tmp_path, Scripted())
    assert lacking(folder, outcome.history) == ["artifact"], "the scripted session exports nothing"
    (folder / "artifact").mkdir()
    assert lacking(folder, outcome.history) == []
    (folder / "result.json").write_text('{"status": "interrupted"}')
    assert lacking(folder, outcome.history) == ["result.json"]
    interrupted = search(job, tmp_path / "again", Scripted(train=KeyboardInterrupt()))
    assert lacking(tmp_path / "again" / "small", interrupted.history) is None


def test_the_weights_keep_the_type_of_the_first_load(job, tmp_path):
    search(job, tmp_path, Scripted(train=KeyboardInterrupt()))
    another = Scripted()
    another.dtype_of_weights = "bfloat16"
    assert resume_search("small", tmp_path, another).history.dtype == "float32"
