"""Rounds: who waits is answered together, within a budget, and who finds no room is told."""

import asyncio
import threading

import pytest

from ptune.errors import DataError
from ptune.serving.catalogue import Question
from ptune.serving.rounds import BusyError, Rounds


def question(number, tokens=1, inputs=1):
    return Question(str(number), None, [("a",)] * inputs, tokens)


class Gate:
    """Answers with what was asked, once it is opened; remembers its rounds."""

    def __init__(self):
        self.rounds = []
        self.opened = threading.Event()

    def answer(self, questions):
        self.opened.wait(60)
        self.rounds.append([one.prompt for one in questions])
        return [DataError(one.prompt) if one.tokens == 0 else [{"asked": one.prompt}] for one in questions]


def run(steps, token_budget=10, room=6):
    """Run a test's steps on a loop of its own."""
    gate = Gate()
    rounds = Rounds(gate.answer, token_budget, room)

    async def main():
        try:
            return await steps(rounds, gate)
        finally:
            gate.opened.set()
            rounds.close()

    asyncio.run(main())
    return gate.rounds


async def begin(rounds, *questions):
    """Ask, and let everything begin to wait."""
    tasks = [asyncio.create_task(rounds.ask(one)) for one in questions]
    await asyncio.sleep(0)
    return tasks


def test_what_waits_is_answered_together_within_the_budget():
    async def steps(rounds, gate):
        tasks = await begin(rounds, *(question(number, tokens=4) for number in range(5)))
        gate.opened.set()
        assert await asyncio.gather(*tasks) == [[{"asked": str(number)}] for number in range(5)]

    assert run(steps) == [["0"], ["1", "2"], ["3", "4"]]


def test_a_question_larger_than_the_budget_is_a_round_of_its_own():
    async def steps(rounds, gate):
        tasks = await begin(rounds, question(0), question(1, tokens=99), question(2))
        gate.opened.set()
        await asyncio.gather(*tasks)

    assert run(steps) == [["0"], ["1"], ["2"]]


def test_a_full_queue_refuses_at_once_and_has_room_again():
    async def steps(rounds, gate):
        tasks = await begin(rounds, question(0), question(1, inputs=5), question(2))
        with pytest.raises(BusyError, match="6 inputs wait already, and at most 6 may"):
            await rounds.ask(question(3))
        gate.opened.set()
        await asyncio.gather(*tasks)
        assert await rounds.ask(question(4, inputs=6)) == [{"asked": "4"}]

    assert run(steps) == [["0"], ["1", "2"], ["4"]]


def test_an_error_belongs_to_its_question_alone():
    async def steps(rounds, gate):
        tasks = await begin(rounds, question(0), question("bad", tokens=0), question(2))
        gate.opened.set()
        first, bad, last = await asyncio.gather(*tasks, return_exceptions=True)
        assert (first, last) == ([{"asked": "0"}], [{"asked": "2"}])
        assert (type(bad), str(bad)) == (DataError, "bad")

    run(steps)


def test_a_round_that_fails_is_not_the_last():
    failures = [RuntimeError("no memory")]

    def answer(questions):
        if failures:
            raise failures.pop()
        return [[] for _ in questions]

    async def main():
        rounds = Rounds(answer, 10, 6)
        with pytest.raises(RuntimeError, match="no memory"):
            await rounds.ask(question(0))
        assert await rounds.ask(question(1)) == []
        rounds.close()

    asyncio.run(main())


def test_whoever_goes_away_stops_nobody():
    async def steps(rounds, gate):
        first, gone, last = await begin(rounds, question(0), question(1), question(2))
        gone.cancel()
        gate.opened.set()
        assert await asyncio.gather(first, last) == [[{"asked": "0"}], [{"asked": "2"}]]

    run(steps)
