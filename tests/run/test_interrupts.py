import os
import signal
import threading

import pytest

from ptune.engine.fused import Engine
from ptune.record.history import FINAL
from ptune.run.interrupts import interrupts
from ptune.run.local import LocalRunner
from ptune.run.search import resume_search, start_search


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_insists(number):
    asked = []
    with interrupts(lambda: asked.append(True)):
        send(number)
        assert asked == [True]
        with pytest.raises(KeyboardInterrupt):
            send(number)
    assert asked == [True]


def test_without_anything_to_ask_the_first_signal_insists():
    with pytest.raises(KeyboardInterrupt), interrupts():
        send(signal.SIGTERM)


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with interrupts():
        pass
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_other_threads_are_left_alone():
    passed = []

    def enter():
        with interrupts():
            passed.append(True)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert passed == [True]


def test_a_signal_while_torch_restores_a_trial_is_no_error_of_the_trial(job, runs, monkeypatch):
    """What a handler raises while torch reads a tensor comes out of torch as an error of its own."""
    join, joined = Engine.join, []

    def join_as_torch_does(engine, *arguments):
        joined.append(arguments)
        try:
            if len(joined) == 3:
                send(signal.SIGTERM)
        except KeyboardInterrupt:
            raise ValueError("could not determine the shape of object type 'torch.storage.UntypedStorage'") from None
        return join(engine, *arguments)

    monkeypatch.setattr(Engine, "join", join_as_torch_does)
    with interrupts():
        outcome = start_search(job, "", runs, LocalRunner())
    assert (outcome.status, len(joined)) == ("interrupted", 3)
    assert "failed" not in outcome.history.statuses
    outcome = resume_search("small", runs, LocalRunner())
    assert {trial.status for trial in outcome.history.trials.values()} <= FINAL - {"failed"}
