"""Between the conductor and Tune: turns become Tune trials, and their results become reports.

Everything that Tune calls ends here, in one thread, and nothing is raised into Tune, which would end the
whole search for one trial's error. A turn whose engine or client died is handed out again, from the trial's saved
state; the trial then sits alone, so that one that breaks its engine is found out without harming its neighbours.
Knows the conductor and the pool, not Ray.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ptune.raytune.pool import EnginePool
from ptune.search.conductor import Conductor

STRIKES = 3  # engines or clients that a trial may lose without finishing an epoch
_METRICS = "metrics/"  # Tune flattens results before a scheduler sees them
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
        if token not in self._turns or self._error is not None:
            return False
        return self._guarded(lambda: self._take_in(token, result), otherwise=False)

    def client_died(self, token: str, reason: str) -> None:
        """A client's process has ended without a result."""
        if token in self._turns:
            self._guarded(lambda: self._lose(token, reason), None)

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
        trial = self._again[0] if self._again else None
        alone = trial is not None
        engine = self._pool.take(token, alone)
        if engine is None:
            return None
        if trial is not None:
            self._again.popleft()
        else:
            turn = self._conductor.next_turn()
            if turn is None:
                self._pool.release(token)
                return None
            trial = turn.trial
        self._turns[token] = trial
        record = self._conductor.history.trials[trial]
        return {"trial": trial, "token": token, "config": record.config, "epoch": record.epoch, "engine": engine}

    def _take_in(self, token: str, result: Mapping[str, Any]) -> bool:
        trial = self._turns[token]
        if "lost" in result:
            if not self._stopped:
                self._pool.retire(token)
                self._lose(token, str(result["lost"]))
            return False
        if "failed" in result:
            self._conductor.fail(trial, str(result["failed"]))
            return self._end(token)
        metrics = {key.removeprefix(_METRICS): value for key, value in result.items() if key.startswith(_METRICS)}
        self._strikes.pop(trial, None)
        self._pool.share(token)
        decision = self._conductor.report(trial, result["epoch"], metrics, result["state"])
        return decision == "continue" or self._end(token)

    def _end(self, token: str) -> bool:
        del self._turns[token]
        self._pool.release(token)
        return False

    def _lose(self, token: str, reason: str) -> None:
        """A turn broke off: hand it out again, or fail the trial if that has happened too often."""
        trial = self._turns[token]
        self._end(token)
        self._strikes[trial] += 1
        if self._strikes[trial] < STRIKES:
            self._again.append(trial)
        else:
            self._conductor.fail(trial, f"its engine was lost {STRIKES} times before it finished an epoch: {reason}")

    def _guarded(self, action: Callable[[], T], otherwise: T) -> T:
        """Run one step of the search; an error ends the search, after Tune has come to its end."""
        try:
            return action()
        except Exception as error:  # noqa: BLE001 - stock Tune would drop every running trial; kept for `finish`
            self._error = error
            return otherwise
