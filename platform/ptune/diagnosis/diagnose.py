"""Every diagnosis of a search, the most important first."""

from __future__ import annotations

from ptune.diagnosis.diagnosis import Diagnosis
from ptune.diagnosis.divergence import divergence
from ptune.diagnosis.edges import edges
from ptune.diagnosis.failures import failures
from ptune.diagnosis.few_trials import few_trials
from ptune.diagnosis.horizon import horizon
from ptune.diagnosis.lead import lead
from ptune.diagnosis.majority import majority
from ptune.diagnosis.optimism import optimism
from ptune.diagnosis.overfitting import overfitting
from ptune.diagnosis.standstill import standstill
from ptune.record.history import History

_OF_TRAINING = (failures, divergence, standstill, majority)
_OF_RESULTS = (overfitting, horizon, edges, optimism, lead, few_trials)


def diagnose(history: History) -> list[Diagnosis]:
    """What is wrong with how a search has trained so far, and what to try next; empty where nothing is.

    Problems come before advice, and a range in which training fails is not to be widened. While the best trial itself
    has a problem, or there is none, nothing is said of how to come to better results than its own. Pure: a journal
    gives the same diagnoses whenever it is read.
    """
    training = [diagnosis for law in _OF_TRAINING for diagnosis in law(history)]
    problems = [diagnosis for diagnosis in training if diagnosis.severity == "problem"]
    advice = [diagnosis for diagnosis in training if diagnosis.severity == "advice"]
    best = history.best
    if best is not None and not any(best.number in diagnosis.trials for diagnosis in problems):
        results = [diagnosis for law in _OF_RESULTS for diagnosis in law(history)]
        blamed = {name for diagnosis in training for name in diagnosis.parameters}
        advice += [diagnosis for diagnosis in results if blamed.isdisjoint(diagnosis.parameters)]
    return problems + advice
