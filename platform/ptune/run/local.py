"""The whole job in one process, without Ray: the same contract, for debuggers and most tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ptune.backbone.backbone import Backbone
from ptune.backbone.budget import token_budget
from ptune.engine.fused import Engine, Failure
from ptune.history import History
from ptune.run.load import load_job_backbone
from ptune.run.prepare import Prepared
from ptune.run.testing import conclude_all
from ptune.run.trials import TrialFactory, state_file, weights_type
from ptune.searching.conductor import Conductor
from ptune.spec.job import Job


class LocalRunner:
    """Trains every turn on one engine in this process."""

    def __init__(self) -> None:
        self._backbone: Backbone | None = None

    def start(self, prepared: Prepared, folder: Path) -> str:  # noqa: ARG002
        """Load the backbone; return the type of its weights."""
        return weights_type(self._load(prepared.job))

    def train(self, prepared: Prepared, conductor: Conductor, folder: Path) -> None:
        """Run turns until the conductor is done."""
        job = prepared.job
        backbone = self._load(job)
        engine = Engine(backbone, token_budget(backbone, job.resources.token_budget))
        factory = TrialFactory(job, prepared.splits, backbone, folder)
        while not conductor.done:
            self._fill(job.resources.slots, engine, factory, conductor)
            for outcome in engine.step():
                if isinstance(outcome, Failure):
                    conductor.fail(outcome.trial, str(outcome.error))
                else:
                    self._report(outcome.trial, outcome.epoch, outcome.metrics, engine, conductor)

    def conclude(self, prepared: Prepared, history: History, folder: Path) -> dict[str, Any]:
        """Export the best prompt, and score a confirmation's trials; see `ptune.run.testing.conclude_all`."""
        return conclude_all(self._load(prepared.job), prepared, history, folder)

    def _load(self, job: Job) -> Backbone:
        self._backbone = self._backbone or load_job_backbone(job)
        return self._backbone

    def _fill(self, slots: int, engine: Engine, factory: TrialFactory, conductor: Conductor) -> None:
        """Seat turns until all slots are taken or there is no turn at present."""
        while engine.seated < slots and (turn := conductor.next_turn()) is not None:
            try:
                engine.join(*factory.make(turn.trial, turn.config))
            except (RuntimeError, ValueError, LookupError) as error:  # every PtuneError, and what a wrong shape raises
                conductor.fail(turn.trial, str(error) or type(error).__name__)
                continue
            self._advance(turn.trial, turn.epoch + 1, engine, conductor)

    def _advance(self, trial: int, epoch: int, engine: Engine, conductor: Conductor) -> None:
        """Ask for one more epoch; a restored state may hold its report already."""
        report = engine.advance(trial, epoch)
        if report is not None:
            self._report(trial, report.epoch, report.metrics, engine, conductor)

    def _report(
        self,
        trial: int,
        epoch: int,
        metrics: dict[str, float],
        engine: Engine,
        conductor: Conductor,
    ) -> None:
        if conductor.report(trial, epoch, metrics, state_file(trial).as_posix()) == "continue":
            self._advance(trial, epoch + 1, engine, conductor)
        else:
            engine.leave(trial)
