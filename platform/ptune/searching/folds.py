"""What a search tries next: a stated configuration, one of the sampler's, or the next fold of the one under way."""

from __future__ import annotations

from collections.abc import Sequence

from ptune.record.history import History
from ptune.spec.trial import Config


def next_point(history: History, stated: Sequence[Config]) -> tuple[Config | None, Config]:
    """The values that the next trial takes as they are, None for a whole proposal, and the fold that it leaves out.

    A search begins the folds of a configuration one after another. Users' own trials do not count among them.

    Args:
        history: the search so far.
        stated: the configurations that come first.
    """
    configuration, fold = divmod(history.suggested, history.job.task.folds)
    if fold == 0:
        return (stated[configuration] if configuration < len(stated) else None), {}
    return next(trial.config for trial in reversed(history.trials.values()) if not trial.added), {"split": fold}
