"""What mattered: each parameter's share in what made the best trials of a search the best.

PED-ANOVA (Watanabe et al. 2023, arXiv 2304.10255; conditional spaces: arXiv 2601.20800) compares where the best
trials lie with where all lie, so it needs only to know which are the best. That is a trial's best value over the
epochs it trained: successive halving stops a trial because it is not among the best, so a stopped trial's shorter
training does not put it among them. Failed trials have no value and are left out. Where dev grows, values on more of
dev are better than all on less, as they are for the search.
"""

from __future__ import annotations

import warnings

import optuna

from ptune.record.history import History, TrialRecord
from ptune.searching.suggest import ask, plain_name
from ptune.spec.space import Space

_LEAST_TRIALS = 8
_LEAST_BEST = 5  # the evaluator's own advice
_BEST_SHARE = 0.1


def importances(history: History) -> dict[str, float]:
    """Each searched parameter's share, largest first; the shares sum to 1.

    Only the order of the trials counts. Definitions of one parameter under several conditions are summed.

    Returns:
        {} with fewer than 8 finished trials, or when nothing sets the best apart; also for a confirmation, whose
        trials were chosen for being good and so tell nothing.
    """
    if history.header.confirms is not None:
        return {}
    space = history.job.space.resolved(history.header.backbone.layers)
    trials = [trial for trial in history.ranked() if trial.status in ("complete", "stopped")]
    standings = [standing for trial in trials if (standing := trial.standing) is not None]
    results = [(standing.scored_on, standing.utilities[0]) for standing in standings]
    levels = {result: float(level) for level, result in enumerate(sorted(set(results)))}
    if len(trials) < _LEAST_TRIALS or len(levels) == 1:
        return {}
    shares = _evaluate(trials, [levels[result] for result in results], space)
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()} if total > 0 else {}


def _evaluate(trials: list[TrialRecord], utilities: list[float], space: Space) -> dict[str, float]:
    from optuna.importance import PedAnovaImportanceEvaluator  # imported here because it takes seconds

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    for number, (trial, utility) in enumerate(zip(trials, utilities, strict=True)):
        ask(study, space, trial.config)
        study.tell(number, utility)
    quantile = min(0.5, max(_BEST_SHARE, _LEAST_BEST / len(trials)))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Some regimes for parameter", category=UserWarning)
        warnings.filterwarnings("ignore", message="Target and region quantiles", category=UserWarning)
        shares = PedAnovaImportanceEvaluator(target_quantile=quantile).evaluate(study)
    merged: dict[str, float] = {}
    for label, share in shares.items():
        merged[plain_name(label)] = merged.get(plain_name(label), 0.0) + share
    return dict(sorted(merged.items(), key=lambda item: (-item[1], item[0])))
