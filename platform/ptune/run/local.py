"""The runner that trains in this process, without Ray: the same contract, for debuggers, notebooks and most tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from ptune.backbone.backbone import Backbone
from ptune.engine.fused import Engine, Failure, Report
from ptune.engine.meter import Meter
from ptune.record.history import History
from ptune.run.conclude import conclude
from ptune.run.conclusion import Conclusion
from ptune.run.inbox import EndRequestedError, Inbox
from ptune.run.interrupts import interrupts
from ptune.run.load import check_gpus, load_job_backbone, make_engine
from ptune.run.prepare import Prepared
from ptune.run.trial_states import state_file
from ptune.run.trials import TrialFactory, weights_type
from ptune.run.waits import Say, unsaid
from ptune.searching.conductor import Conductor
from ptune.spec.resources import Resources

_ENGINE = 0  # its number: it is the only one


class LocalRunner:
    """The `Runner` of `ptune.run.session` that trains every turn on one engine in this process."""

    def check(self, resources: Resources) -> None:
        """This process is always there; GPUs may not be."""
        check_gpus(resources)

    @contextmanager
    def open(self, prepared: Prepared, folder: Path, say: Say = unsaid) -> Iterator[LocalSession]:  # noqa: ARG002
        """Open a session, which waits for nothing; see `Runner.open`."""
        yield LocalSession(prepared, folder)


class LocalSession:
    """One search's training in this process."""

    def __init__(self, prepared: Prepared, folder: Path) -> None:
        self._prepared = prepared
        self._folder = folder

    @property
    def dtype(self) -> str:
        """The type of the backbone's weights."""
        return weights_type(self._backbone)

    def train(self, conductor: Conductor) -> None:
        """Run turns until the conductor is done.

        The first signal is heeded between two passes: what a handler raises in the middle of one may come out of torch
        as another error, which would be taken for the trial's. A second one is heeded at once.

        Raises:
            KeyboardInterrupt: Ctrl-C or SIGTERM, or (EndRequestedError) a user's request; the search can be resumed.
        """
        if conductor.done:
            return
        job, backbone = self._prepared.job, self._backbone
        engine = make_engine(job, backbone)
        factory = TrialFactory(job, self._prepared.splits, backbone, self._folder, self._prepared.start)
        training = _Training(engine, factory, conductor, job.resources.slots, Inbox(self._folder, conductor))
        with interrupts(training.interrupt):
            training.run()

    def conclude(self, history: History) -> Conclusion:
        """Export the best prompt and score it on the test split; see `ptune.run.conclude.conclude`."""
        return conclude(self._backbone, self._prepared, history, self._folder)

    @cached_property
    def _backbone(self) -> Backbone:
        return load_job_backbone(self._prepared.job)


class _Training:
    """The loop that moves turns from a conductor to an engine, and reports back."""

    def __init__(self, engine: Engine, factory: TrialFactory, conductor: Conductor, slots: int, inbox: Inbox) -> None:
        self._engine = engine
        self._factory = factory
        self._conductor = conductor
        self._slots = slots
        self._inbox = inbox
        self._meter = Meter(engine.backbone.devices)
        self._interrupted = False

    def interrupt(self) -> None:
        """Ask for an early end. A signal handler may call this."""
        self._interrupted = True

    def run(self) -> None:
        while not self._conductor.done:
            if self._interrupted:
                raise KeyboardInterrupt
            self._take_requests()
            self._fill_slots()
            for outcome in self._engine.step():
                if isinstance(outcome, Failure):
                    self._conductor.fail(outcome.trial, str(outcome.error))
                else:
                    self._take_in(outcome)

    def _take_requests(self) -> None:
        """Let users change what is searched."""
        taken = self._inbox.look()
        for trial in taken.stopped:
            self._engine.leave(trial)
        if taken.end is not None:
            raise EndRequestedError(taken.end)

    def _fill_slots(self) -> None:
        """Begin turns until every slot is taken or no turn is ready."""
        while self._has_room and (turn := self._conductor.next_turn()) is not None:
            try:
                self._conductor.set_aside(self._engine.join(*self._factory.make(turn.trial, turn.config)))
            except (RuntimeError, ValueError, LookupError) as error:  # every PtuneError, and what a wrong shape raises
                self._conductor.fail(turn.trial, str(error) or type(error).__name__)
                continue
            self._advance(turn.trial, turn.epoch + 1)

    @property
    def _has_room(self) -> bool:
        return not self._interrupted and self._engine.occupied < self._slots

    def _advance(self, trial: int, epoch: int) -> None:
        """Ask for one more epoch; a restored state may hold its report already."""
        report = self._engine.advance(trial, epoch)
        if report is not None:
            self._take_in(report)

    def _take_in(self, report: Report) -> None:
        self._factory.states.send(report.trial, report.epoch)
        state = state_file(report.trial).as_posix()
        decision = self._conductor.report(report.trial, report.epoch, report.metrics, state)
        if (usage := self._meter.read()) is not None:
            self._conductor.metered(_ENGINE, usage)
        if decision == "continue":
            self._advance(report.trial, report.epoch + 1)
        else:
            self._engine.leave(report.trial)
