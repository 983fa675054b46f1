"""A search in Python, whether it runs, was interrupted or has ended: what `ptune.search` and `ptune.open` return."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ptune.api import asking, compose
from ptune.api.arguments import as_path
from ptune.api.trial import Trial
from ptune.api.watching import observer_for
from ptune.errors import JournalError, NotFoundError

if TYPE_CHECKING:
    import pandas as pd

    from ptune.api.prompt import Prompt
    from ptune.diagnosis.diagnosis import Diagnosis
    from ptune.record.events import Metrics
    from ptune.record.history import History
    from ptune.report.findings import Findings
    from ptune.spec.formats import FormatName
    from ptune.spec.job import Job
    from ptune.tracking.state import TrackingState


class SearchResult:
    """A search: its trials, its best prompt, and how it stands.

    It reads the search's journal when it is asked, so it is up to date while the search runs in another process or
    thread. In a notebook it shows the leaderboard and the learning curves; `print` shows what `ptune report` prints.

    Args:
        folder: the search's folder.

    Examples:
        >>> result = ptune.open("quickstart")
        >>> result.status, result.metric, result.direction
        ('complete', 'accuracy', 'maximize')
        >>> result.best.config["length"], result.best.metrics["accuracy"]
        (..., ...)
        >>> result.trials()[["number", "status", "lr", "accuracy"]].shape
        (2, 4)
    """

    def __init__(self, folder: Path) -> None:
        from ptune.record.history import History
        from ptune.record.journal import JOURNAL, Reader

        self._folder = folder
        self._reader = Reader(folder / JOURNAL)
        self._history = History()

    @property
    def name(self) -> str:
        """The search's name, which is its folder's."""
        return self._folder.name

    @property
    def folder(self) -> Path:
        """The search's folder: its journal, job, leaderboard, report and artifact."""
        return self._folder

    @property
    def history(self) -> History:
        """Everything that the journal holds up to now, for experts; see `ptune.record.history`."""
        running = self._is_running  # asked before reading, so that what is left running then has been left
        for event in self._reader:
            self._history.apply(event)
        if not running:
            self._history.interrupt()
        return self._history

    @property
    def job(self) -> Job:
        """The job, its space included."""
        return self.history.job

    @property
    def status(self) -> Literal["running", "complete", "interrupted", "failed"]:
        """How the search stands; an interrupted one can be resumed."""
        return "running" if self._is_running else self.history.status

    @property
    def _is_running(self) -> bool:
        """Whether a process writes the journal."""
        from ptune.run.folders import is_running

        return is_running(self._folder)

    @property
    def metric(self) -> str:
        """The metric that ranks the trials."""
        return self.history.objective.metric

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """Whether more or less of the metric is better."""
        return self.history.objective.direction

    @property
    def best(self) -> Trial:
        """The best trial.

        Raises:
            JournalError: no trial has a result yet.
        """
        best = self.history.best
        if best is None:
            raise JournalError(f"{self.name}: no trial has a result yet")
        return Trial.of(best)

    @property
    def test(self) -> Metrics | None:
        """Metrics of the best prompt on the test split; None before the search is complete, or without a test split."""
        ended = self.history.ended
        return None if ended is None else ended.test

    @property
    def importances(self) -> Mapping[str, float]:
        """Each parameter's share in what made the best trials the best; empty when there is too little to tell."""
        from ptune.searching.importance import importances

        return importances(self.history)

    @property
    def diagnoses(self) -> list[Diagnosis]:
        """What is wrong with how it has trained so far, and what to try next, the most important first.

        Each has a `kind`, a `severity` (`problem` or `advice`), a `text`, the `advice` and what to type (`typed`).
        `trials`, `parameters` and `evidence` (numbers) say what it is about. Empty where nothing is wrong.

        Examples:
            >>> [diagnosis.typed for diagnosis in ptune.open("quickstart").diagnoses]
            [...]
        """
        from ptune.diagnosis.diagnose import diagnose

        return diagnose(self.history)

    @property
    def tracking(self) -> TrackingState | None:
        """Where the tracker (MLflow) shows the search: `uri` and `run_id`; None for a search that is not tracked."""
        from dataclasses import replace

        from ptune.run.tracker import tracker_of, unheard

        history = self.history
        state = tracker_of(history.job, self._folder, unheard).state
        return None if state is None else replace(state, run_id=history.run_id)

    def trial(self, number: int) -> Trial:
        """One trial by its number.

        Raises:
            NotFoundError: the search has no such trial.
        """
        trials = self.history.trials
        if number not in trials:
            raise NotFoundError(f"{self.name} has no trial {number} (it has {len(trials)}, from 0)")
        return Trial.of(trials[number])

    def trials(self) -> pd.DataFrame:
        """Every trial as one row, in the order of their numbers.

        Columns: `number`, `status`, the method and each other parameter by which trials differ, in the space's order,
        the metric (what ranks it on dev), `best_epoch`, `loss` (after that epoch), `trained_epochs`, `seconds` (of
        training), `trainable_parameters`, `reason` (of its end), `dev_examples` and `inherits` where a trial has them,
        with `[objectives]` these, `front`, `knee` and `broken`. A parameter has pandas' type, and may be missing.

        Examples:
            >>> frame = ptune.open("quickstart").trials()
            >>> frame.sort_values("accuracy", ascending=False).head(1)["status"].item()
            'complete'
        """
        from ptune.api.frame import trials_frame

        return trials_frame(self.history)

    def export(
        self,
        folder: str | os.PathLike[str],
        *,
        format: FormatName = "native",  # noqa: A002 - the word that `ptune export` has
        trial: int | None = None,
        embed_backbone: bool = False,
    ) -> Path:
        """Write the prompt of the best trial, or of another one, as it was after the trial's best epoch.

        Args:
            folder: the folder to write.
            format: `native` holds every prompt; the others are what the loaders of other tools read.
            trial: a trial's number; None is the best.
            embed_backbone: copy the backbone into the folder, where a format names it.

        Returns:
            The folder written.

        Raises:
            SpecError: the trial has no result, the format is unknown, or `folder` is no path.
            ArtifactError: the format cannot express the prompt, or its tool gives other scores; nothing is written.

        Examples:
            >>> ptune.open("quickstart").export("exported").name
            'exported'
        """
        from ptune.api.export import format_of, of_search

        target, name = as_path(folder, "folder"), format_of(format)
        return of_search(self._folder, self.history, trial).write(target, name, embed=embed_backbone).folder

    def push(
        self,
        repo: str,
        *,
        format: FormatName = "native",  # noqa: A002 - the word that `ptune export` has
        trial: int | None = None,
        private: bool = True,
        revision: str | None = None,
        message: str | None = None,
        backbone: str | None = None,
    ) -> str:
        """Push the prompt of the best trial, or of another one, to the Hugging Face Hub, as `ptune export --push` does.

        Args:
            repo: the repository, `ORG/NAME`; it is made if it does not exist.
            format: as for `export`.
            trial: a trial's number; None is the best.
            private: whether a repository that is made for it is private.
            revision: the branch; None is `main`.
            message: of the commit; None says what is pushed.
            backbone: Hub id of the backbone, where a format names it and the training had it from a folder.

        Returns:
            The address of the commit.

        Raises:
            SpecError: the trial has no result, the format or `repo` is none, or the format would name a folder of this
                machine.
            HubError: there is no token, or the Hub refuses or does not answer.
            ArtifactError: as for `export`; nothing is pushed.
        """
        from ptune.api.export import format_of, of_search
        from ptune.artifacts.hub import HubTarget

        hub, name = HubTarget(repo, private, revision, message), format_of(format)
        hub.check()
        return of_search(self._folder, self.history, trial).push(None, name, hub, backbone=backbone)[1]

    def load(self, *, trial: int | None = None, device: str = "auto") -> Prompt:
        """The prompt of the best trial, or of another one, on its backbone; see `ptune.load`.

        Raises:
            SpecError: the trial has no result.

        Examples:
            >>> prompt = ptune.open("quickstart").load()
            >>> prompt.predict("The gate has been welded.")["label"] in prompt.labels
            True
        """
        from ptune.api.export import find_artifact
        from ptune.api.prompt import Prompt
        from ptune.artifacts.predict import Predictor

        return Prompt(Predictor.on_backbone(find_artifact(self._folder, self.history, trial), device=device))

    def resume(
        self, *, local: bool = False, address: str | None = None, progress: bool = True, changed_libraries: bool = False
    ) -> SearchResult:
        """Take the search up where it stopped, and wait for its end; of a complete one, write the files that it lacks.

        Args:
            local: train in this process, without Ray.
            address: Ray cluster to train on, as `host:port`; None is RAY_ADDRESS, else this machine.
            progress: show how the search gets on.
            changed_libraries: train on under other versions of PyTorch, transformers or Optuna than it began with.

        Raises:
            JournalError: another process runs it, or its data, backbone or libraries have changed.
            KeyboardInterrupt: it was interrupted again, and can be resumed.
        """
        from ptune.run.finished import lacking

        if lacking(self._folder, self.history) == []:
            return self
        runner = compose.runner_for(local=local, address=address)
        observer = observer_for(progress=progress)
        outcome = compose.resume(self.name, self._folder.parent, runner, observer, changed_libraries=changed_libraries)
        return concluded(outcome.folder, outcome.status)

    def confirm(
        self,
        *,
        top: int = 3,
        seeds: int = 5,
        local: bool = False,
        address: str | None = None,
        progress: bool = True,
    ) -> SearchResult:
        """Train the best configurations again on fresh seeds, and test them: a search of its own, `NAME-confirm`.

        Args:
            top: how many configurations.
            seeds: how often each is repeated.
            local: as for `resume`.
            address: as for `resume`.
            progress: as for `resume`.

        Raises:
            JournalError: the search has not finished.
            KeyboardInterrupt: the confirmation was interrupted, and can be resumed.
        """
        runner = compose.runner_for(local=local, address=address)
        observer = observer_for(progress=progress)
        outcome = compose.confirm(self.name, self._folder.parent, runner, observer, top=top, seeds=seeds)
        return concluded(outcome.folder, outcome.status)

    def add(self, config: Mapping[str, object] | None = None) -> int | None:
        """Ask for one more trial, the next to begin; what its configuration leaves out is proposed.

        Returns:
            Its number; None if the search has not taken it up yet, because it does not run: `resume` takes it up.

        Raises:
            SpecError: no such trial can be tried.
        """
        return asking.add(self._folder, config)

    def clone(self, trial: int, config: Mapping[str, object] | None = None, *, warm: bool = False) -> int | None:
        """Ask for a trial with the configuration of another one, some values changed; as `add`.

        Args:
            trial: the other trial's number.
            config: the values that differ.
            warm: start from what the other trial has learned; its prompt must have the same shape.
        """
        return asking.clone(self._folder, trial, config, warm=warm)

    def stop(self, trial: int | None = None) -> bool:
        """Ask for the end of a trial, or (None) of the whole search, which can be resumed.

        Returns:
            Whether that has been done; else it waits until the search goes on.

        Raises:
            SpecError: there is no such trial, or it has ended.
            JournalError: the search does not run.
        """
        return asking.stop(self._folder, trial)

    def extend(self, trials: int) -> bool:
        """Ask for more trials than the budget says; see `stop` for what is returned.

        Raises:
            SpecError: the search is a grid or a confirmation, or `trials` is less than 1.
        """
        return asking.extend(self._folder, trials)

    def __repr__(self) -> str:
        """One line: name, status, trials and the best."""
        from ptune.report.wording import plural, result_text

        history, best = self.history, self.history.best
        value = "" if best is None else result_text(best.best_value, best.dev_examples)
        leader = "" if best is None else f", best {self.metric} {value} (trial {best.number})"
        return f"<ptune search {self.name!r}: {self.status}, {plural(len(history.trials), 'trial')}{leader}>"

    def __str__(self) -> str:
        """What `ptune report` prints."""
        from ptune.report.printed import as_text

        return as_text(self._report(), self.history)

    def _repr_html_(self) -> str:
        """The leaderboard and the learning curves, for notebooks."""
        from ptune.report.card import card
        from ptune.report.charts.picture import picture

        report, history = self._report(), self.history
        return card(report, picture(history, report.importances) if report.best is not None else None)

    def _report(self) -> Findings:
        """Everything that a report says, up to now."""
        from ptune.report.findings import of_folder

        return of_folder(self._folder, self.history, running=self.status == "running")


def concluded(folder: Path, status: str) -> SearchResult:
    """The result of a run that has come back.

    Raises:
        KeyboardInterrupt: the run was interrupted. The search is saved; a program that is told to stop should stop.
    """
    result = SearchResult(folder)
    if status == "interrupted":
        raise KeyboardInterrupt(f"{result.name} is saved up to here; ptune.open({result.name!r}).resume() continues it")
    return result
