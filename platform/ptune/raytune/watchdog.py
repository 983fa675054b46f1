"""Tells an engine that hangs from one that is slow, by what it answers when it is asked. Knows engines not at all.

A process that is stopped answers nothing. A kernel that hangs leaves the process able to answer, but its pass does not
end. A machine that is merely busy slows whoever asks as well as whoever answers, so silence is counted in looks:
seconds in which nobody looked do not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ptune.raytune.messages import Beat

TRAINS = "trains"
"""What an engine is doing during a pass."""
_PASSES = 20.0  # times as long as its longest pass that a pass may take
_SILENCES = 5.0  # times as long as it may be silent that a pass may take in any case
_MOST_PER_LOOK_S = 2.0
_QUIET_S = 10.0  # an engine that is silent for so long gets no more trials until it answers


class Watchdog:
    """Watches one engine.

    Args:
        silent_s: seconds after which an engine that does not answer is given up.
        clock: seconds that never go back.
    """

    def __init__(self, silent_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._silent_s = silent_s
        self._clock = clock
        self._looked_at = clock()
        self._silence_s = 0.0
        self._doubted = False
        self.beat: Beat | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether the engine owes an answer for so long that it should get no more work."""
        return self._doubted or self._silence_s >= min(_QUIET_S, self._silent_s)

    def doubt(self) -> None:
        """Something else says that the engine may be gone: give it no work until its next answer."""
        self._doubted = True

    def look(self, beat: Beat | None) -> str | None:
        """Take in the engine's answer, None if there is none yet; return why it should be given up, if it should."""
        now = self._clock()
        looked_s, self._looked_at = now - self._looked_at, now
        if beat is not None:
            self.beat, self._silence_s, self._doubted = beat, 0.0, False
        else:
            self._silence_s += min(looked_s, _MOST_PER_LOOK_S)
        if self._silence_s >= self._silent_s:
            return f"it has not answered for {self._silence_s:.0f} s"
        if self.beat is None or self.beat.doing != TRAINS or self.beat.writes is not None:
            return None
        patience = max(_SILENCES * self._silent_s, _PASSES * self.beat.longest_pass_s)
        if self.beat.for_s < patience:
            return None
        return f"a pass has taken {self.beat.for_s:.0f} s, and its longest one before {self.beat.longest_pass_s:.1f} s"
