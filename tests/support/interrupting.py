"""A user who presses Ctrl-C in the middle of a search."""

from contextlib import contextmanager

from ptune.run.local import LocalRunner


class Interrupting:
    """A runner that is interrupted at a report, after some others, or (None) when all has trained."""

    def __init__(self, after=None):
        self._after = after

    def check(self, _resources):
        pass

    @contextmanager
    def open(self, prepared, folder, _say):
        with LocalRunner().open(prepared, folder) as session:
            yield _InterruptedSession(session, self._after)


class _InterruptedSession:
    def __init__(self, session, after):
        self._session = session
        self._left = after

    @property
    def dtype(self):
        return self._session.dtype

    def train(self, conductor):
        report = conductor.report

        def report_until_interrupted(*arguments):
            if self._left == 0:
                raise KeyboardInterrupt
            if self._left is not None:
                self._left -= 1
            return report(*arguments)

        conductor.report = report_until_interrupted
        self._session.train(conductor)

    def conclude(self, _history):
        raise KeyboardInterrupt
