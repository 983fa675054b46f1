"""Where one fault is played: a folder with a job, the commands that run its search, and what came of it.

Three records say what a fault has cost. The journal has the trials and their reports, MLflow the runs, and a witness in
every process notes each saved state. An epoch whose state is saved twice was trained again after it had been saved.
"""

from __future__ import annotations

import math
import os
import shutil
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from random import Random

from costs import Costs

from ptune.errors import JournalError
from ptune.record.events import Event, Finished, Reported
from ptune.record.history import FINAL, History
from ptune.record.journal import JOURNAL, read
from ptune.run.folders import runs_folder
from ptune.spec.job import Job
from ptune.spec.write import job_toml
from ptune.tracking.location import DATABASE
from support.command import Command
from support.small_jobs import changed, small_job, write_split
from support.worlds import sentences

_WITNESS = Path(__file__).resolve().parent / "witness"
NAME = "small"


class Stage:
    """One fault's stage.

    Args:
        folder: its own, empty.
        backbone: folder of a tiny backbone.
        database: an empty database of MLflow.
        random: decides when a fault comes.
        most: how often a fault is injected at most.
    """

    def __init__(self, folder: Path, backbone: Path, database: Path, random: Random, most: int) -> None:
        self.folder = folder
        self.runs = folder / "runs"
        self.runs.mkdir(parents=True)
        self.random = random
        self._most = most
        self._backbone = backbone
        self._witness = folder / "witness.txt"
        self._witness.touch()
        self._moments: list[float] = []
        self._events: list[Event] = []
        self._read_at = 0  # the journal's size when it was last read
        self._commands = 0
        self._started: list[Command] = []
        self.database = Path(shutil.copy(database, self.runs / DATABASE))

    @property
    def journal(self) -> Path:
        """The search's journal, which every machine sees here."""
        return self.runs / NAME / JOURNAL

    def times(self, usual: int) -> range:
        """The injections of a fault that is usually injected so often."""
        return range(min(usual, self._most))

    @contextmanager
    def environment(self) -> Iterator[None]:
        """What every process of the stage inherits, also those of Ray."""
        before = dict(os.environ)
        for name in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS", "PTUNE_CACHE"):
            os.environ.pop(name, None)
        sys.path.insert(0, str(_WITNESS))  # the first `sitecustomize` counts
        os.environ |= {
            "PTUNE_RUNS": str(self.runs),
            "PTUNE_CACHE": str(self.folder / "cache"),
            "PTUNE_WITNESS": str(self._witness),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        try:
            yield
        finally:
            sys.path.remove(str(_WITNESS))
            for command in self._started:
                command.kill()
            os.environ.clear()
            os.environ |= before

    def job(self, *, rows: int = 160, trials: int = 4, epochs: int = 6, **resources: object) -> Job:
        """Write the job's file and data; return the job."""
        job = small_job(self.folder / "data", self._backbone, trials=trials, epochs=epochs)
        write_split(self.folder / "data" / "train.tsv", sentences(rows, 1))
        job = changed(job, resources=resources)
        (self.folder / "small.toml").write_text(job_toml(job), encoding="utf-8")
        return job

    def keep_runs_at(self, place: str, **variables: str) -> None:
        """Keep the runs in another folder, or in a bucket; MLflow's database stays where it is.

        Args:
            place: a path or a URL.
            variables: that find it.
        """
        os.environ |= {"PTUNE_RUNS": place, **variables}
        self.runs = runs_folder()
        os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{self.database}")

    def search(self, *options: str, **variables: str) -> Command:
        """Start the search, or go on with it: the one entry point of a job that may be evicted."""
        return self.command(
            "search", str(self.folder / "small.toml"), "--resume-if-exists", "--json", *options, **variables
        )

    def command(self, *arguments: str, **variables: str) -> Command:
        """Start a `ptune`."""
        self._commands += 1
        place = self.folder / f"command-{self._commands}"
        place.mkdir()
        self._started.append(Command(place, *arguments, **variables))
        return self._started[-1]

    def injected(self) -> None:
        """Note that the fault is injected at this moment."""
        self._moments.append(time.time())

    def pause(self, seconds: float) -> None:
        """Let a while go by, in which faults come at any moment."""
        time.sleep(seconds)

    def events(self) -> list[Event]:
        """The journal's events; none while it has no whole line."""
        with suppress(FileNotFoundError, JournalError):
            if (size := self.journal.stat().st_size) != self._read_at:
                self._events, self._read_at = read(self.journal), size
            return self._events
        return []

    def reports(self) -> int:
        """How many epochs have been reported."""
        return sum(isinstance(event, Reported) for event in self.events())

    def ended_trials(self) -> int:
        """How many trials have come to their end."""
        return sum(isinstance(event, Finished) for event in self.events())

    def more_reports(self, count: int) -> Callable[[], bool]:
        """Whether `count` epochs have been reported from now on."""
        enough = self.reports() + count
        return lambda: self.reports() >= enough

    def disturbed(self, command: Command, inject: Callable[[], object], times: int = 3) -> Costs:
        """Inject a fault into a running search, some times, and let it come to its end.

        Args:
            command: runs the search.
            inject: injects the fault; returns once the search feels it.
            times: how often; there is an epoch or two between each time and the next.
        """
        for _ in self.times(times):
            command.wait_for(self.more_reports(2))
            self.injected()
            inject()
        command.result()
        return self.costs()

    def costs(self, *, due: int = 0) -> Costs:
        """What has been lost and doubled, now that the search has ended.

        Args:
            due: epochs that had to be trained again, because the fault has destroyed their states.
        """
        history = History.of(read(self.journal))
        trials = [trial for trial in history.trials.values() if trial.status in FINAL - {"failed"}]
        saved = Counter((trial, epoch) for trial, epoch, _ in self._saved())
        reported = {(trial.number, 1 + epoch) for trial in trials for epoch in range(trial.epoch)}
        assert reported <= set(saved), "the witness has seen less than the journal"
        again = saved.total() - len(saved)
        return Costs(
            injected=len(self._moments),
            lost=history.job.budget.trials - len(trials),
            duplicated=self._doubled_runs() + len([*self.runs.glob(f"*/{JOURNAL}")]) - 1,
            retrained=max(0, again - due),
            seconds=self._recoveries(),
        )

    def broken(self, error: Exception) -> Costs:
        """What is to be said of a search that did not come to its end."""
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return Costs(injected=len(self._moments), broken=lines[-1])

    def _recoveries(self) -> list[float]:
        """Seconds that each injection took to recover from; of several without an epoch between, the last counts."""
        following = [*self._moments[1:], math.inf]
        saved_at = {(trial, epoch): at for trial, epoch, at in self._saved()}
        recoveries = [self._recovery(moment, saved_at) for moment in self._moments]
        return [
            seconds
            for moment, seconds, later in zip(self._moments, recoveries, following, strict=True)
            if moment + seconds <= later
        ]

    def _recovery(self, moment: float, saved_at: Mapping[tuple[int, int], float]) -> float:
        """Seconds from a moment to the report of an epoch that was saved after it; to the end where none followed."""
        events = self.events()
        times = [
            event.time
            for event in events
            if isinstance(event, Reported)
            and event.time > moment
            and saved_at.get((event.trial, event.epoch), 0.0) > moment
        ]
        return max(0.0, min(times, default=events[-1].time) - moment)

    def _saved(self) -> list[tuple[int, int, float]]:
        """Each saved state in order: its trial, its epoch, and when."""
        lines = self._witness.read_text(encoding="utf-8").splitlines()
        return [(int(trial), int(epoch), float(at)) for trial, epoch, at in map(str.split, lines)]

    def _doubled_runs(self) -> int:
        """Runs in MLflow's database that stand for something that has a run already."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            tags = dict(connection.execute("select run_uuid, value from tags where key = 'ptune.trial'"))
            runs = Counter(tags.get(run) for (run,) in connection.execute("select run_uuid from runs"))
        return runs.total() - len(runs)
