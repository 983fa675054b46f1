"""Trials whose loss stopped being finite. One is enough to speak, because at a sound learning rate none does."""

from __future__ import annotations

from ptune.diagnosis.diagnosis import Diagnosis
from ptune.diagnosis.rates import remedy
from ptune.diagnosis.wording import among
from ptune.record.divergence import epoch_of_divergence
from ptune.record.history import History


def divergence(history: History) -> list[Diagnosis]:
    """The diagnosis of a search in which trials diverged: a problem if half of them did."""
    trials = list(history.trials.values())
    epochs = {trial.number: epoch for trial in trials if (epoch := epoch_of_divergence(trial.reason)) is not None}
    if not epochs:
        return []
    cure = remedy(history, [trial for trial in trials if trial.number in epochs], history.ranked(), "too high")
    first, last = min(epochs.values()), max(epochs.values())
    when = f"in epoch {first}" if first == last else f"in epochs {first} to {last}"
    return [
        Diagnosis(
            kind="divergence",
            severity="problem" if 2 * len(epochs) >= len(trials) else "advice",
            text=f"The loss of {among(list(epochs), len(trials))} is not finite {when}. {cure.text}",
            advice=cure.advice,
            typed=cure.typed,
            trials=list(epochs),
            parameters=["lr"],
            evidence={"diverged": float(len(epochs)), "trials": float(len(trials)), "first_epoch": float(first)},
        )
    ]
