"""Requests in rounds: while some are answered, others wait; then as many of these as fill a pass are answered together.

Everything but the answering itself happens on the event loop's thread, so there is nothing to lock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ptune.serving.catalogue import Answer, Question
from ptune.tasks.kind import Prediction


class BusyError(RuntimeError):
    """More inputs wait than the server lets wait."""


class Rounds:
    """Questions that wait, and the round that is being answered.

    Args:
        answer: answers the questions of a round.
        token_budget: about the most tokens of a round; a single question may have more.
        room: most inputs that wait; a single question may have more when none wait.
    """

    def __init__(self, answer: Callable[[Sequence[Question]], Sequence[Answer]], token_budget: int, room: int) -> None:
        self._answer = answer
        self._token_budget = token_budget
        self._room = room
        self._waiting: deque[tuple[Question, asyncio.Future[Answer]]] = deque()
        self._inputs = 0
        self._busy = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ptune-answers")

    async def ask(self, question: Question) -> list[Prediction]:
        """Wait for the answers to a question.

        Raises:
            BusyError: too many inputs wait already.
            DataError: an input cannot be encoded.
        """
        count = len(question.texts)
        if self._waiting and self._inputs + count > self._room:
            raise BusyError(f"{self._inputs} inputs wait already, and at most {self._room} may; ask again in a second")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        self._inputs += count
        self._begin()
        answer = await future
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        """Wait for the thread that answers."""
        self._thread.shutdown()

    def _begin(self) -> None:
        """Begin a round, if none is under way and somebody waits."""
        if self._busy or not self._waiting:
            return
        taken = [self._waiting.popleft()]
        tokens = taken[0][0].tokens
        while self._waiting and tokens + self._waiting[0][0].tokens <= self._token_budget:
            taken.append(self._waiting.popleft())
            tokens += taken[-1][0].tokens
        self._inputs -= sum(len(question.texts) for question, _ in taken)
        self._busy = True
        questions = [question for question, _ in taken]
        done = asyncio.get_running_loop().run_in_executor(self._thread, self._answer, questions)
        done.add_done_callback(partial(self._end, [future for _, future in taken]))

    def _end(self, futures: Sequence[asyncio.Future[Answer]], done: asyncio.Future[Sequence[Answer]]) -> None:
        """Hand the answers out, and begin the next round."""
        self._busy = False
        error = done.exception()
        for number, future in enumerate(futures):
            if future.done():  # whoever asked has gone
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(done.result()[number])
        self._begin()
