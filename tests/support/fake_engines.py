"""Engines without processes: what the pool sees of them, under a test's control."""

from pathlib import Path

from ptune.run.conclusion import Conclusion


class LostError(Exception):
    """An engine died."""


class FakeEngine:
    """Ready at once, unless `polls` says otherwise: values to return, or errors to raise, one poll after another."""

    def __init__(self, name, polls=(), dtype="float32"):
        self.name = name
        self.dtype = dtype
        self.alive = True
        self.left = []
        self.concluded = Conclusion(artifact=Path(name))
        self._polls = list(polls)

    def poll(self):
        answer = self._polls.pop(0) if self._polls else True
        if isinstance(answer, Exception):
            raise answer
        return answer

    def leave(self, lease):
        self.left.append(lease)

    def conclude(self, _history):
        if isinstance(self.concluded, Exception):
            raise self.concluded
        return self.concluded

    def kill(self):
        self.alive = False


class Launcher:
    """Starts fake engines called e0, e1, ...; `scripts` holds the polls of the first ones.

    `chosen` maps a node to the type of weights that its device chooses, unless an engine is told one.
    """

    def __init__(self, *scripts, chosen=None):
        self.engines = []
        self._chosen = chosen or {}
        self._scripts = list(scripts)

    def __call__(self, placement, dtype):
        script = self._scripts.pop(0) if self._scripts else ()
        dtype = dtype or self._chosen.get(placement.node, "float32")
        self.engines.append(FakeEngine(f"e{len(self.engines)}", script, dtype))
        return self.engines[-1]
