"""The dispatcher stands between the conductor and Tune: turns become Tune trials, and their results become reports.

Tune calls it in one thread. Nothing is raised into Tune, which would end the whole search for one trial's error. When
an engine or a client dies, its turns are handed out again from the trials' saved states. Such a trial is on probation
until its next epoch, so that a trial that breaks its engine is found out alone. Bad luck may look the same where many
engines die, so a suspect gets a last try when nothing else trains. Knows the conductor and the pool, not Ray.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable
from typing import TypeVar, assert_never

from ptune.errors import StorageError
from ptune.raytune.member import Loss
from ptune.raytune.messages import Answer, Assignment, Failed, Lost, Trained, Unwritable
from ptune.raytune.pool import EnginePool
from ptune.run.inbox import EndRequestedError, Inbox
from ptune.searching.conductor import Conductor

STRIKES = 3  # engines or clients that a trial may lose without finishing an epoch, before it comes last
_LOG = logging.getLogger(__name__)
T = TypeVar("T")


class Dispatcher:
    """Hands out turns and takes in their results. The lease of its slot identifies a turn that is under way.

    Args:
        conductor: decides who trains.
        pool: the engines.
        inbox: what users ask of the search; None where nobody can.
    """

    def __init__(self, conductor: Conductor, pool: EnginePool, inbox: Inbox | None = None) -> None:
        self._conductor = conductor
        self._pool = pool
        self._inbox = inbox
        self._under_way: dict[str, int] = {}
        self._again: deque[int] = deque()
        self._last: deque[int] = deque()
        self._strikes: Counter[int] = Counter()
        self._evictions: Counter[int] = Counter()
        self._interrupted = False
        self._end_request: str | None = None
        self._error: Exception | None = None
        self._stopped = False

    @property
    def over(self) -> bool:
        """Whether the last turn has been handed out."""
        return self._error is not None or self._interrupted or self._conductor.done

    def interrupt(self) -> None:
        """Ask for an early end. A signal handler may call this: the next `step` acts on it."""
        self._interrupted = True

    def step(self) -> None:
        """Take in what users ask, and look after the engines. Tune's loop calls this often."""
        if not self.over:
            self._guarded(self._take_requests, None)
        if (self._interrupted or self._error is not None) and not self._stopped:
            self._stopped = True
            self._pool.close()  # every client notices at once, and Tune comes to its end by itself
        elif not self._stopped:
            self._guarded(self._look_after_engines, None)

    def hand_out(self, lease: str) -> Assignment | None:
        """Return a turn with a slot on an engine; None when no turn or no slot is free."""
        return None if self.over else self._guarded(lambda: self._hand_out(lease), None)

    def take_in(self, lease: str, answer: Answer) -> bool:
        """Take in a client's answer; return whether its turn goes on."""
        ignored = self._error is not None or (self._stopped and isinstance(answer, Lost))
        if lease not in self._under_way or ignored:
            return False
        return self._guarded(lambda: self._take_in(lease, answer), otherwise=False)

    def client_died(self, lease: str, reason: str, *, with_node: bool = False) -> None:
        """Take in that a client's process has ended without an answer, perhaps because its node has."""
        if lease in self._under_way:
            self._guarded(lambda: self._client_died(lease, reason, with_node=with_node), None)

    def finish(self) -> None:
        """Raise what ended the search early, once Tune has come to its end.

        Raises:
            KeyboardInterrupt: the search was interrupted, by a signal or (EndRequestedError) by a request.
            Exception: an error that broke the whole search, such as a full disk under the journal.
        """
        if self._error is not None:
            raise self._error
        if self._end_request is not None:
            raise EndRequestedError(self._end_request)
        if self._interrupted:
            raise KeyboardInterrupt

    def _take_requests(self) -> None:
        """Let users change what is searched."""
        if self._inbox is None:
            return
        taken = self._inbox.look()
        for trial in taken.stopped:
            self._let_go(trial)
        if taken.end is not None:
            self._end_request = taken.end
            self._interrupted = True

    def _let_go(self, trial: int) -> None:
        """End a trial's turn, if one is under way: its client learns it from the engine."""
        for queue in (self._again, self._last):
            if trial in queue:
                queue.remove(trial)
        for lease in [lease for lease, running in self._under_way.items() if running == trial]:
            self._end(lease)

    def _hand_out(self, lease: str) -> Assignment | None:
        if not self._pool.has_free_slot:
            return None
        trial = self._next_trial()
        if trial is None:
            return None
        engine = self._pool.take(lease, on_probation=self._strikes[trial] > 0 or self._evictions[trial] >= STRIKES)
        self._under_way[lease] = trial
        record = self._conductor.history.trials[trial]
        return Assignment(trial, lease, record.config, record.epoch, engine.name, engine.node)

    def _next_trial(self) -> int | None:
        if self._again:
            return self._again.popleft()
        turn = self._conductor.next_turn()
        if turn is not None:
            return turn.trial
        return self._last.popleft() if self._last and not self._under_way else None

    def _take_in(self, lease: str, answer: Answer) -> bool:
        trial = self._under_way[lease]
        match answer:
            case Lost(reason, with_node):
                loss = self._pool.retire(lease, reason, with_node=with_node)
                assert loss is not None, "a turn under way has a slot"
                self._engine_died(loss)
                return False
            case Unwritable(reason):
                raise StorageError(reason)  # it is no trial's fault: the search ends, and can be resumed
            case Failed(reason):
                self._conductor.fail(trial, reason)
                return self._end(lease)
            case Trained(epoch, metrics, state, usage, damaged):
                self._conductor.set_aside(damaged)
                self._strikes.pop(trial, None)
                self._evictions.pop(trial, None)
                self._pool.trust(lease)
                decision = self._conductor.report(trial, epoch, metrics, state)
                engine = self._pool.number(lease)
                if usage is not None and engine is not None:  # an answer may come in after the engines have ended
                    self._conductor.metered(engine, usage)
                return decision == "continue" or self._end(lease)
            case _:
                assert_never(answer)

    def _end(self, lease: str) -> bool:
        del self._under_way[lease]
        self._pool.release(lease)
        return False

    def _look_after_engines(self) -> None:
        demand = self._pool.leases + len(self._again) + len(self._last) + self._conductor.waiting
        for loss in self._pool.poll(demand):
            self._engine_died(loss)

    def _client_died(self, lease: str, reason: str, *, with_node: bool) -> None:
        trial = self._under_way[lease]
        if with_node:
            self._pool.doubt(lease)
        self._end(lease)
        self._again.append(trial)
        self._strike(trial, reason, with_node=with_node)

    def _engine_died(self, loss: Loss) -> None:
        count = len(loss.leases)
        _LOG.warning("ptune: an engine is lost (%s); its %d trials go on from their last epoch", loss.reason, count)
        for lease in sorted(loss.leases):
            trial = self._under_way.pop(lease)
            self._again.append(trial)
            if lease in loss.blamed:
                self._strike(trial, loss.reason, with_node=loss.with_node)

    def _strike(self, trial: int, reason: str, *, with_node: bool) -> None:
        """Fail a trial that has lost too many processes in a row.

        A node that goes says nothing against its trials, unless that happens to one of them again and again: from then
        on it is alone on its engine, and its losses count as any others.
        """
        if with_node and self._evictions[trial] < STRIKES:
            self._evictions[trial] += 1
            return
        self._strikes[trial] += 1
        if self._strikes[trial] < STRIKES:
            return
        self._again.remove(trial)
        if self._strikes[trial] == STRIKES:
            self._last.append(trial)
        else:
            times = f"{self._strikes[trial]} times"
            self._conductor.fail(trial, f"its process died {times} before an epoch was finished: {reason}")

    def _guarded(self, action: Callable[[], T], otherwise: T) -> T:
        """Run one step of the search; an error ends the search, after Tune has come to its end."""
        try:
            return action()
        except Exception as error:  # noqa: BLE001 - stock Tune would drop every running trial; kept for `finish`
            self._error = error
            return otherwise
