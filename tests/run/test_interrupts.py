import os
import signal
import threading

import pytest

from ptune.run.interrupts import interrupts


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
