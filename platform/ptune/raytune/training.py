"""The training thread of an engine: passes while there is work, requests in between.

One thread uses the engine; the requests of many clients arrive from others. Each request becomes a future that is
settled here. A *lease* is one use of a slot by a trial. A trial that returns with another lease starts again from its
saved state, and requests of its earlier lease are void. Knows no Ray.
"""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch

from ptune.engine.fused import Engine, Failure, Report
from ptune.engine.meter import Meter
from ptune.engine.slots import Plan
from ptune.errors import EngineError, PtuneError, StorageError
from ptune.files import blocked_write
from ptune.prompts.learner import Learner
from ptune.raytune.messages import Beat, EngineAnswer, Failed, Trained
from ptune.raytune.watchdog import TRAINS
from ptune.record.events import SetAside
from ptune.run.trial_states import TrialStates, state_file
from ptune.spec.trial import Config

T = TypeVar("T")


class Maker(Protocol):
    """Makes what an engine trains from a trial's configuration; `ptune.run.trials.TrialFactory` is one."""

    states: TrialStates

    def make(self, trial: int, config: Config) -> tuple[Plan, Learner]:
        """Build a trial."""


@dataclass(frozen=True)
class _Request:
    """A client waits for the answer about an epoch."""

    epoch: int
    answer: Future[EngineAnswer]


class TrainingThread:
    """Runs an engine in a thread of its own.

    Args:
        load: makes the engine and the maker of its trials; runs in the thread, at the first request that needs them.
    """

    def __init__(self, load: Callable[[], tuple[Engine, Maker]]) -> None:
        self._load = load
        self._engine: Engine | None = None
        self._maker: Maker | None = None
        self._meter: Meter | None = None
        self._leases: dict[int, str] = {}
        self._requests: dict[int, _Request] = {}
        self._set_aside: dict[int, list[SetAside]] = {}
        self._broken: PtuneError | None = None
        self._doing: tuple[str, float] | None = None
        self._longest_pass_s = 0.0
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="training", daemon=True).start()

    def ready(self) -> Future[None]:
        """Load the engine; the future holds the error if loading fails."""
        return self.call(self._make_ready)

    def train(self, trial: int, lease: str, config: Config, epoch: int) -> Future[EngineAnswer]:
        """Train a trial until `epoch` epochs are finished; a new lease puts it into a slot first.

        If the trial's saved state holds that epoch, the answer comes at once. The future raises an EngineError when
        the engine itself is broken: then nothing says whether this trial is at fault.
        """
        answer: Future[EngineAnswer] = _promise()
        self._calls.put(lambda: self._train(trial, lease, config, _Request(epoch, answer)))
        return answer

    def leave(self, lease: str) -> Future[None]:
        """End a lease unless it has ended; another lease of the same trial is not touched."""
        return self.call(lambda: self._leave(lease))

    def call(self, function: Callable[[], T]) -> Future[T]:
        """Run a function in the thread, between two passes."""
        future: Future[T] = _promise()
        self._calls.put(lambda: _settle(future, function))
        return future

    def beat(self) -> Beat:
        """What the thread is doing. Any thread may ask, also while this one does not come back from a pass."""
        doing, now, path = self._doing, time.monotonic(), blocked_write()
        return Beat(
            doing=None if doing is None else doing[0],
            for_s=0.0 if doing is None else now - doing[1],
            longest_pass_s=self._longest_pass_s,
            writes=None if path is None else str(path),
        )

    def compute_with(self, threads: int) -> Future[None]:
        """Use so many threads from the next pass on."""
        return self.call(lambda: torch.set_num_threads(threads))

    def _run(self) -> None:
        while True:
            while not (self._calls.empty() and self._busy):
                call = self._calls.get()
                with self._does("prepares a trial"):
                    call()
            with self._does(TRAINS):
                self._pass()

    @contextmanager
    def _does(self, what: str) -> Iterator[None]:
        """Note what the thread does meanwhile; a longer word inside replaces it."""
        began = time.monotonic()
        self._doing = (what, began)
        try:
            yield
        finally:
            self._doing = None
        if what == TRAINS:
            self._longest_pass_s = max(self._longest_pass_s, time.monotonic() - began)

    @property
    def _busy(self) -> bool:
        return self._broken is None and self._engine is not None and self._engine.busy

    def _make_ready(self) -> None:
        if self._engine is None:
            self._doing = ("loads the backbone", time.monotonic())
            self._engine, self._maker = self._load()
            self._meter = Meter(self._engine.backbone.devices)

    def _pass(self) -> None:
        assert self._engine is not None
        try:
            outcomes = self._engine.step()
        except Exception as error:  # noqa: BLE001 - whatever broke a shared pass concerns every trial of the engine
            self._break(error)
            return
        for outcome in outcomes:
            self._answer(outcome)

    def _answer(self, outcome: Report | Failure) -> None:
        if isinstance(outcome, Failure):
            self._leases.pop(outcome.trial, None)
            if request := self._requests.pop(outcome.trial, None):
                request.answer.set_result(Failed(str(outcome.error)))
        elif (request := self._requests.get(outcome.trial)) and request.epoch == outcome.epoch:
            del self._requests[outcome.trial]
            self._report(request, outcome)

    def _train(self, trial: int, lease: str, config: Config, request: _Request) -> None:
        if self._broken is not None:
            request.answer.set_exception(self._broken)
            return
        try:
            self._join(trial, lease, config)
            assert self._engine is not None
            report = self._engine.advance(trial, request.epoch)
        except PtuneError as error:
            request.answer.set_result(Failed(str(error)))
        except Exception as error:  # noqa: BLE001 - a trial that cannot be built fails alone, whatever it raises
            traceback.print_exc()
            request.answer.set_result(Failed(_brief(error)))
        else:
            if report is not None:
                self._report(request, report)
            else:
                self._requests[trial] = request

    def _report(self, request: _Request, report: Report) -> None:
        """Answer with an epoch once its state is where every node finds it. Other trials train meanwhile."""
        assert self._maker is not None
        answer = self._trained(report)
        sent = self._maker.states.send_later(report.trial, report.epoch)
        sent.add_done_callback(lambda future: _settle(request.answer, lambda: _after(future, answer)))

    def _trained(self, report: Report) -> Trained:
        assert self._meter is not None
        state, damaged = state_file(report.trial).as_posix(), self._set_aside.pop(report.trial, [])
        return Trained(report.epoch, report.metrics, state, self._meter.read(), damaged)

    def _join(self, trial: int, lease: str, config: Config) -> None:
        """Put a trial into a slot, unless it holds one under this lease."""
        self._make_ready()
        assert self._engine is not None
        assert self._maker is not None
        if self._leases.get(trial) != lease:
            self._leave(self._leases.get(trial))
            self._set_aside[trial] = self._engine.join(*self._maker.make(trial, config))
            self._leases[trial] = lease

    def _leave(self, lease: str | None) -> None:
        trial = next((trial for trial, running in self._leases.items() if running == lease), None)
        if trial is None:
            return
        assert self._engine is not None
        del self._leases[trial]
        self._engine.leave(trial)
        if request := self._requests.pop(trial, None):
            request.answer.set_exception(EngineError(f"trial {trial} has left the engine"))

    def _break(self, error: Exception) -> None:
        """Tell every client that the engine cannot go on."""
        traceback.print_exc()
        self._broken = error if isinstance(error, StorageError) else EngineError(_brief(error))
        for request in self._requests.values():
            request.answer.set_exception(self._broken)
        self._requests.clear()


def _promise() -> Future[Any]:
    """A future that only this module settles: a future that a client cancels would break the thread."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future


def _settle(future: Future[T], function: Callable[[], T]) -> None:
    try:
        future.set_result(function())
    except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for the future
        future.set_exception(error)


def _after(done: Future[None], answer: T) -> T:
    """An answer that depends on something done."""
    done.result()
    return answer


def _brief(error: Exception) -> str:
    return str(error) if isinstance(error, PtuneError) else f"{type(error).__name__}: {error}"
