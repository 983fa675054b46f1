"""Which trial another one begins from, where a budget lets trials inherit."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ptune.errors import EngineError
from ptune.record.history import FINAL, History, TrialRecord
from ptune.record.ranking import ranked
from ptune.searching.population import Population
from ptune.spec.inherited import Inherited
from ptune.spec.starts import fits_into
from ptune.spec.trial import Config

_LOG = logging.getLogger(__name__)
Keep = Callable[[TrialRecord, int], None]
"""Keeps what a trial has learned as the start of the trial of a number; raises an EngineError where it is damaged."""


def nothing_kept(parent: TrialRecord, trial: int) -> None:
    """The `Keep` of a search in which nothing is trained."""


def left_by(parent: TrialRecord) -> Inherited:
    """What a trial leaves to another one at present; it has a report."""
    return Inherited(parent.number, parent.kept_epoch, parent.learned_epochs)


class Parents:
    """Finds the parents of new trials.

    Args:
        history: the search, live.
        keep: keeps what a parent has learned, before the journal says that a trial begins from it.
        population: proposes trials together with their parents; None lets any new trial have one.
    """

    def __init__(self, history: History, keep: Keep, population: Population | None = None) -> None:
        self._history = history
        self._keep = keep
        self._population = population

    def child(self, trial: int, number: int) -> tuple[Config | None, Inherited | None]:
        """The values of the population's next trial, and what it begins with; None for both where it has no parent.

        Args:
            trial: the number of the new trial.
            number: the same among those that the search suggests itself.
        """
        children = () if self._population is None else self._population.children(number)
        kept = ((values, left_by(parent)) for parent, values in children if self._is_kept(parent, trial))
        return next(kept, (None, None))

    def inherited(self, trial: int, config: Config) -> Inherited | None:
        """What a new trial begins with: the best that a trial has learned whose prompt fits into its own; None if none.

        Parents are at rest: an epoch of one that trains could end at any moment, and a search decides by its journal.
        Where dev grows, those that are cut short come after all others.

        Args:
            trial: the number of the new trial.
            config: its complete configuration.
        """
        history = self._history
        if not history.job.budget.inherit or self._population is not None:
            return None
        rested = [record for record in history.trials.values() if record.status == "paused" or record.status in FINAL]
        layers, task = history.header.backbone.layers, history.job.task
        for parent in sorted(ranked(rested), key=lambda record: record.is_cut_short):
            if fits_into(parent.config, config, task, layers) and self._is_kept(parent, trial):
                return left_by(parent)
        return None

    def _is_kept(self, parent: TrialRecord, trial: int) -> bool:
        try:
            self._keep(parent, trial)
        except EngineError as error:
            _LOG.warning("ptune: trial %d does not begin from trial %d: %s", trial, parent.number, error)
            return False
        return True
