"""One connection to MLflow: it reads a journal from its start and brings the store up to date with it.

A new mirror asks the store what it holds of the search, reads the journal from the first line and sends what is
missing. Starting, resuming, returning after an outage and catching up therefore take the same path. A finished trial
is not sent again if the store holds all of it. Everything else is sent, and the store drops what it already has.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ptune.record.journal import JOURNAL, Reader
from ptune.tracking.batches import cut
from ptune.tracking.best_model import BestModel, Registration
from ptune.tracking.notes import Place, experiment_note, search_note
from ptune.tracking.parameters import constant_params, trial_params
from ptune.tracking.projection import (
    CLONED_RUN_TAG,
    CLONED_TAG,
    INHERITS_TAG,
    LAYOUT,
    NAME_TAG,
    NOTE_TAG,
    STATUS_TAG,
    Projection,
    RunImage,
    settled_points,
)
from ptune.tracking.registrable import why_unregistered
from ptune.tracking.state import Announce
from ptune.tracking.store import RefusedError, Store, StoredRun
from ptune.tracking.views import experiment_tags, run_route

_LOG = logging.getLogger(__name__)

CONFIG = "config.json"
"""The file that says which parameters differ between trials, and the values of those that do not."""
_JOB_FILES = ("job.toml", "job.json")
_ARTIFACT = "artifact"
_RESULTS = (*_JOB_FILES, "leaderboard.*", "report.json", "*.png", "*.html", _ARTIFACT, f"{_ARTIFACT}-*")


class Mirror:
    """Sends a journal to a store.

    `announce` is called with every run that the journal does not hold. `refused` collects, by trial, why the store will
    never accept a run. Such a run is left as it is, and the others go on.
    """

    def __init__(self, folder: Path, store: Store, announce: Announce, refused: dict[int | None, str]) -> None:
        self._folder = folder
        self._store = store
        self._announce = announce
        self._refused = refused
        self._reader = Reader(folder / JOURNAL)
        self._projection = Projection()
        self._stored: dict[int | None, StoredRun] = {}
        self._introduced = False

    @property
    def experiment_id(self) -> str:
        """The MLflow experiment of the runs."""
        return self._store.experiment_id

    @property
    def parent_run_id(self) -> str | None:
        """The search's run; None until it is made."""
        parent = self._stored.get(None)
        return parent.run_id if parent else None

    def advance(self, *, alive: Callable[[], bool] = lambda: True, dead_search: bool = False) -> None:
        """Send everything the journal has gained.

        `alive` is asked before each run; once it says no, the rest is left. With `dead_search`, a search that
        never ended is shown as interrupted.
        """
        for event in self._reader:
            self._projection.apply(event)
        if dead_search:
            self._projection.interrupt()
        if self._projection.header is None:
            return
        if not self._stored:
            self._stored = self._store.find(self._projection.header.id, self._projection.run_ids)
        for image in self._projection.take_changed():
            if not alive():
                return
            self._send(image)

    def finish(self, register_as: str | None = None) -> None:
        """Upload the results in the search's folder, and delete second runs left by answers that were lost.

        The best prompt is registered as `register_as`, or else as the job says.
        """
        header, parent = self._projection.header, self._stored.get(None)
        if header is None or parent is None or parent.deleted:
            return
        self._store.find(header.id, {trial: run.run_id for trial, run in self._stored.items()})
        self._store.annotate(experiment_note(self._projection.history, self._place(parent.run_id)))
        self._add_config(parent.run_id)
        self._store.add_files(parent.run_id, self._files(*_RESULTS))
        self._show_best(parent.run_id, register_as)

    def _show_best(self, parent: str, register_as: str | None) -> None:
        """Log the best prompt of a search that is complete as a model, and perhaps register it."""
        history, folder = self._projection.history, self._folder / _ARTIFACT
        header, best, ended = history.header, history.best, history.ended
        if best is None or ended is None or ended.status != "complete" or not folder.is_dir():
            return
        run = self._stored.get(best.number)
        if run is None or run.deleted:
            return
        model = BestModel(
            search=header.id,
            name=header.name,
            trial=best.number,
            task=header.job.task,
            backbone=header.job.backbone.id,
            params=trial_params(best.config, history.names(best)),
            points=settled_points(Reader(self._folder / JOURNAL), best.number),
            runs=[run.run_id, parent],
            folder=folder,
            quantized=header.job.backbone.quantization is not None,
        )
        try:
            self._store.show_best(model, self._registration(register_as))
        except RefusedError as error:
            self._refused[None] = str(error)

    def _registration(self, register_as: str | None) -> Registration | None:
        """How the best prompt is registered; None where it is not."""
        history = self._projection.history
        header = history.header
        name = register_as or header.job.tracking.register_as
        if name is None or history.best_value is None:
            return None
        if (why := why_unregistered(history)) is not None:
            _LOG.warning("ptune: nothing is registered as %s: %s", name, why)
            return None
        return Registration(
            name=name,
            alias="best" if header.confirms is None else "confirmed",
            metric=history.objective.metric,
            value=history.best_value,
            data=header.data["dev"].digest if "dev" in header.data else "",
            beats=history.objective.is_better,
        )

    def _send(self, image: RunImage) -> None:
        run = self._stored.get(image.trial)
        if image.trial in self._refused or (run and (run.deleted or run.is_whole(image))):
            return
        try:
            begins = run is None or run.layout != LAYOUT
            if run is None:
                run = self._store.create(image, self.parent_run_id)
                image.pending.tags = {}
            else:
                self._repair(run, image)
            self._stored[image.trial] = run
            self._note_run(image.trial, run.run_id)
            if begins and self._projection.history.header.data:
                self._store.add_data(run.run_id, self._projection.history.header.data)
            if begins and CLONED_TAG in image.tags:
                image.pending.tags |= self._lineage(int(image.tags[CLONED_TAG]))
            if begins and INHERITS_TAG in image.tags:
                image.pending.tags |= self._inheritance(int(image.tags[INHERITS_TAG]))
            if image.trial is None:
                note = search_note(self._projection.history, self._place(run.run_id))
                image.pending.tags[NOTE_TAG] = note
            for batch in cut(image.pending):
                self._store.send(run.run_id, batch)
            run = replace(run, layout=LAYOUT, params=run.params | image.pending.params.keys())
            self._stored[image.trial] = run if run.stands_as(image) else self._store.set_status(run, image)
            if image.trial is None and not self._introduced:
                self._introduce(run.run_id)
        except RefusedError as error:
            self._refused[image.trial] = str(error)

    def _lineage(self, parent: int) -> dict[str, str]:
        """What leads from the run of a clone to that of the trial which it takes up."""
        run = self._stored.get(parent)
        if run is None:
            return {}
        route = run_route(self._store.experiment_id, run.run_id)
        return {CLONED_RUN_TAG: run.run_id, NOTE_TAG: f"A clone of [trial {parent}]({route})."}

    def _inheritance(self, parent: int) -> dict[str, str]:
        """What leads from the run of a trial to that of the trial from which it inherits."""
        run = self._stored.get(parent)
        if run is None:
            return {}
        route = run_route(self._store.experiment_id, run.run_id)
        return {NOTE_TAG: f"It began with the prompt of [trial {parent}]({route}), not from scratch."}

    def _repair(self, run: StoredRun, image: RunImage) -> None:
        """Leave out the parameters that a run has, which cannot change, and lay it out as runs are.

        MLflow shows a metric's value at its latest step, so what has no step of its own goes to that step.
        """
        pending = image.pending
        for key in run.params & pending.params.keys():
            del pending.params[key]
        pending.points = [
            point if point.step else replace(point, step=run.steps.get(point.key, 0)) for point in pending.points
        ]
        if run.layout != LAYOUT:
            about = {key: value for key, value in image.tags.items() if key != STATUS_TAG}
            pending.tags = {NAME_TAG: image.name, **about, **pending.tags}

    def _note_run(self, trial: int | None, run_id: str) -> None:
        if self._projection.run_ids.get(trial) != run_id:
            self._projection.run_ids[trial] = run_id
            self._announce(trial, run_id)

    def _introduce(self, parent: str) -> None:
        """Say on the parent run and on the experiment what is searched, and how to look at it."""
        history = self._projection.history
        self._store.describe(experiment_tags(history))
        self._store.annotate(experiment_note(history, self._place(parent)))
        with suppress(Exception):  # an artifact store out of reach must not hold up the metrics; `finish` tries again
            self._add_config(parent)
            self._store.add_files(parent, self._files(*_JOB_FILES))
        self._introduced = True

    def _place(self, parent: str) -> Place:
        return Place(self._store.experiment_id, parent)

    def _add_config(self, parent: str) -> None:
        header = self._projection.history.header
        content = {"searched": header.varied, "constant": constant_params(header)}
        self._store.add_text(parent, CONFIG, json.dumps(content, indent=2, ensure_ascii=False) + "\n")

    def _files(self, *patterns: str) -> list[Path]:
        return sorted(path for pattern in patterns for path in self._folder.glob(pattern))
