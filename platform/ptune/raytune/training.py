"""The training thread of an engine: passes while there is work, requests in between.

An engine is used by one thread; the requests of many clients arrive from others. Each request becomes a future that
is settled here. A *seat* is one stay of a trial on the engine, known by its token: a trial that returns with
another token starts again from its saved state, and requests of its earlier stay mean nothing. Knows no Ray.
"""

from __future__ import annotations

import queue
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ptune.engine.fused import Engine, Failure, Report
from ptune.engine.slots import Plan
from ptune.errors import EngineError, PtuneError
from ptune.prompts.learner import Learner

T = TypeVar("T")
Answer = dict[str, Any]
"""What a client learns of one epoch: {"metrics": {...}}, or {"failed": reason} when the trial cannot go on."""


class Maker(Protocol):
    """Makes what an engine trains from a trial's configuration; `ptune.run.trials.TrialFactory` is one."""

    def make(self, trial: int, config: Mapping[str, Any]) -> tuple[Plan, Learner]:
        """Build a trial."""


@dataclass(frozen=True)
class _Wait:
    """A client that waits for an epoch."""

    epoch: int
    answer: Future[Answer]


class TrainingThread:
    """Runs an engine in a thread of its own.

    Args:
        load: makes the engine and what feeds it; runs in the thread, when `ready` is first asked for.
    """

    def __init__(self, load: Callable[[], tuple[Engine, Maker]]) -> None:
        self._load = load
        self._engine: Engine | None = None
        self._maker: Maker | None = None
        self._seats: dict[int, str] = {}
        self._waiting: dict[int, _Wait] = {}
        self._broken: str | None = None
        self._requests: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="training", daemon=True).start()

    def ready(self) -> Future[None]:
        """Load the engine; the future holds what loading raised."""
        return self.call(self._make_ready)

    def train(self, trial: int, token: str, config: Mapping[str, Any], epoch: int) -> Future[Answer]:
        """Train a trial until `epoch` epochs are finished, seating it first if this stay is new.

        An epoch that the trial's saved state holds already is answered at once. The future raises an EngineError
        when the engine itself is broken: whether this trial is at fault is not known then.
        """
        answer: Future[Answer] = _promise()
        self._requests.put(lambda: self._train(trial, token, config, _Wait(epoch, answer)))
        return answer

    def leave(self, token: str) -> Future[None]:
        """End a trial's stay, if it is not over already; another stay of the same trial is not touched."""
        return self.call(lambda: self._leave(token))

    def call(self, function: Callable[[], T]) -> Future[T]:
        """Run a function in the thread, between two passes."""
        future: Future[T] = _promise()
        self._requests.put(lambda: _settle(future, function))
        return future

    def _run(self) -> None:
        while True:
            while not (self._requests.empty() and self._busy):
                self._requests.get()()
            self._pass()

    @property
    def _busy(self) -> bool:
        return self._broken is None and self._engine is not None and self._engine.busy

    def _make_ready(self) -> None:
        if self._engine is None:
            self._engine, self._maker = self._load()

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
            self._seats.pop(outcome.trial, None)
            if wait := self._waiting.pop(outcome.trial, None):
                wait.answer.set_result({"failed": str(outcome.error)})
        elif (wait := self._waiting.get(outcome.trial)) and wait.epoch == outcome.epoch:
            del self._waiting[outcome.trial]
            wait.answer.set_result({"metrics": outcome.metrics})

    def _train(self, trial: int, token: str, config: Mapping[str, Any], wait: _Wait) -> None:
        if self._broken is not None:
            wait.answer.set_exception(EngineError(self._broken))
            return
        try:
            self._seat(trial, token, config)
            assert self._engine is not None
            report = self._engine.advance(trial, wait.epoch)
        except PtuneError as error:
            wait.answer.set_result({"failed": str(error)})
        except Exception as error:  # noqa: BLE001 - a trial that cannot be built fails alone, whatever it raises
            traceback.print_exc()
            wait.answer.set_result({"failed": _brief(error)})
        else:
            if report is not None:
                wait.answer.set_result({"metrics": report.metrics})
            else:
                self._waiting[trial] = wait

    def _seat(self, trial: int, token: str, config: Mapping[str, Any]) -> None:
        self._make_ready()
        assert self._engine is not None
        assert self._maker is not None
        if self._seats.get(trial) != token:
            self._leave(self._seats.get(trial))
            self._engine.join(*self._maker.make(trial, config))
            self._seats[trial] = token

    def _leave(self, token: str | None) -> None:
        trial = next((trial for trial, seated in self._seats.items() if seated == token), None)
        if trial is None:
            return
        assert self._engine is not None
        del self._seats[trial]
        self._engine.leave(trial)
        if wait := self._waiting.pop(trial, None):
            wait.answer.set_exception(EngineError(f"trial {trial} has left the engine"))

    def _break(self, error: Exception) -> None:
        """Tell everyone that the engine is of no more use."""
        traceback.print_exc()
        self._broken = _brief(error)
        for wait in self._waiting.values():
            wait.answer.set_exception(EngineError(self._broken))
        self._waiting.clear()


def _promise() -> Future[Any]:
    """A future that only this module settles: one that a client cancels would break the thread."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future


def _settle(future: Future[T], function: Callable[[], T]) -> None:
    try:
        future.set_result(function())
    except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for the future
        future.set_exception(error)


def _brief(error: Exception) -> str:
    return str(error) if isinstance(error, PtuneError) else f"{type(error).__name__}: {error}"
