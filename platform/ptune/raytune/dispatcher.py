"""Between the conductor and Tune: turns become Tune trials, and their results become reports.

Everything that Tune calls ends here, in one thread, and nothing is raised into Tune, which would end the
whole search for one trial's error. A turn whose engine or client died is handed out again, from the trial's saved
state, and the trial is on probation until its next epoch, so that one that breaks its engine is found out alone.
Knows the conductor and the pool, not Ray.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ptune.raytune.pool import EnginePool
from ptune.searching.conductor import Conductor

STRIKES = 3  # engines or clients that a trial may lose without finishing an epoch
_METRICS = "metrics/"  # Tune flattens results before a scheduler sees them
_LOG = logging.getLogger(__name__)
T = TypeVar("T")


class Dispatcher:
    """Hands out turns and takes in what became of them. A turn under way is known by its token."""

    def __init__(self, conductor: Conductor, pool: EnginePool) -> None:
        self._conductor = conductor
        self._pool = pool
        self._turns: dict[str, int] = {}
        self._again: deque[int] = deque()
        self._strikes: Counter[int] = Counter()
        self._interrupted = False
        self._error: Exception | None = None
        self._stopped = False

    @property
    def over(self) -> bool:
        """Whether no turn will be handed out any more."""
        return self._error is not None or self._interrupted or self._conductor.done

    def interrupt(self) -> None:
        """Ask for an early end. Safe in a signal handler: what it means happens at the next `step`."""
        self._interrupted = True

    def step(self) -> None:
        """Look after the engines; called often."""
        if (self._interrupted or self._error is not None) and not self._stopped:
            self._stopped = True
            self._pool.close()  # every client notices at once, and Tune comes to its end by itself
        elif not self._stopped:
            self._guarded(self._pool.poll, None)

    def hand_out(self, token: str) -> dict[str, Any] | None:
        """A turn with a seat on an engine, as a client's configuration; None when there is none at present."""
        return None if self.over else self._guarded(lambda: self._hand_out(token), None)

    def take_in(self, token: str, result: Mapping[str, Any]) -> bool:
        """Take in a client's result; whether its turn goes on."""
        if token not in self._turns or self._error is not None or (self._stopped and "lost" in result):
            return False
        return self._guarded(lambda: self._take_in(token, result), otherwise=False)

    def client_died(self, token: str, reason: str) -> None:
        """A client's process has ended without a result."""
        if token in self._turns:
            self._guarded(lambda: self._client_died(token, reason), None)

    def finish(self) -> None:
        """Say how it ended, once Tune has come to its end.

        Raises:
            KeyboardInterrupt: the search was interrupted.
            Exception: what broke the search as a whole, such as a full disk under the journal.
        """
        if self._error is not None:
            raise self._error
        if self._interrupted:
            raise KeyboardInterrupt

    def _hand_out(self, token: str) -> dict[str, Any] | None:
        if not self._pool.has_seat:
            return None
        trial = self._next_trial()
        if trial is None:
            return None
        engine = self._pool.take(token, on_probation=self._strikes[trial] > 0)
        self._turns[token] = trial
        record = self._conductor.history.trials[trial]
        return {"trial": trial, "token": token, "config": record.config, "epoch": record.epoch, "engine": engine}

    def _next_trial(self) -> int | None:
        if self._again:
            return self._again.popleft()
        turn = self._conductor.next_turn()
        return turn.trial if turn is not None else None

    def _take_in(self, token: str, result: Mapping[str, Any]) -> bool:
        trial = self._turns[token]
        if "lost" in result:
            self._engine_died(token, str(result["lost"]))
            return False
        if "failed" in result:
            self._conductor.fail(trial, str(result["failed"]))
            return self._end(token)
        metrics = {key.removeprefix(_METRICS): value for key, value in result.items() if key.startswith(_METRICS)}
        self._strikes.pop(trial, None)
        self._pool.trust(token)
        decision = self._conductor.report(trial, result["epoch"], metrics, result["state"])
        return decision == "continue" or self._end(token)

    def _end(self, token: str) -> bool:
        del self._turns[token]
        self._pool.release(token)
        return False

    def _client_died(self, token: str, reason: str) -> None:
        trial = self._turns[token]
        self._end(token)
        self._again.append(trial)
        self._strike(trial, reason)

    def _engine_died(self, token: str, reason: str) -> None:
        lost, blamed = self._pool.retire(token)
        _LOG.warning("ptune: an engine is lost (%s); its %d trials go on from their last epoch", reason, len(lost))
        for each in lost:
            trial = self._turns.pop(each)
            self._again.append(trial)
            if each in blamed:
                self._strike(trial, reason)

    def _strike(self, trial: int, reason: str) -> None:
        """Fail a trial that has lost too many processes in a row."""
        self._strikes[trial] += 1
        if self._strikes[trial] >= STRIKES:
            self._again.remove(trial)
            self._conductor.fail(trial, f"its process died {STRIKES} times before an epoch was finished: {reason}")

    def _guarded(self, action: Callable[[], T], otherwise: T) -> T:
        """Run one step of the search; an error ends the search, after Tune has come to its end."""
        try:
            return action()
        except Exception as error:  # noqa: BLE001 - stock Tune would drop every running trial; kept for `finish`
            self._error = error
            return otherwise
