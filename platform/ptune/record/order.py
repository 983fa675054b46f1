"""What follows from what in a journal: trials are suggested one after another, and report epoch after epoch."""

from __future__ import annotations

from ptune.errors import JournalError
from ptune.record.events import Event, Finished, Paused, Reported, SetAside, Started, Suggested, Tested, Tracked


class Order:
    """Holds the events of a journal to their order, oldest first."""

    def __init__(self) -> None:
        self._epochs: dict[int, int] = {}  # by trial, how many it has reported

    @property
    def suggested(self) -> int:
        """How many trials have been suggested."""
        return len(self._epochs)

    def take(self, event: Event) -> None:
        """Take in the next event.

        Raises:
            JournalError: it does not follow from the events before; it is not taken in then.
        """
        match event:
            case Suggested(trial=trial):
                if trial != len(self._epochs):
                    problem = "twice" if trial in self._epochs else f"before trial {len(self._epochs)}"
                    raise JournalError(f"trial {trial} is suggested {problem}")
                self._epochs[trial] = 0
            case (
                Started(trial=int(trial))
                | Reported(trial=int(trial))
                | Paused(trial=int(trial))
                | Finished(trial=int(trial))
                | Tested(trial=int(trial))
                | SetAside(trial=int(trial))
                | Tracked(trial=int(trial))
            ) if trial not in self._epochs:
                raise JournalError(f"trial {trial} was never suggested")
            case Reported(trial=trial, epoch=epoch):
                if epoch != self._epochs[trial] + 1:
                    raise JournalError(f"trial {trial} reports epoch {epoch} after epoch {self._epochs[trial]}")
                self._epochs[trial] = epoch
