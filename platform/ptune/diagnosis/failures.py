"""Trials that failed for one and the same reason, other than a loss that is not finite or a bound of the job."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from ptune.diagnosis.diagnosis import Diagnosis
from ptune.diagnosis.wording import among
from ptune.record.divergence import epoch_of_divergence
from ptune.record.history import REJECTED, History, TrialRecord

LEAST = 2
"""Trials with one reason; a single one may be an accident."""
_OWN = re.compile(r"^trial \d+: ")
_NUMBERS = re.compile(r"\d+(\.\d+)?")


def failures(history: History) -> list[Diagnosis]:
    """A diagnosis for the reason that most trials failed for."""
    reasons: dict[str, list[TrialRecord]] = defaultdict(list)
    bounded = history.objectives is not None and bool(history.objectives.bounded)
    for trial in history.trials.values():
        if trial.status == "failed" and trial.reason and epoch_of_divergence(trial.reason) is None:
            if bounded and trial.reason.startswith(REJECTED):
                continue
            reasons[_kind(trial.reason)].append(trial)
    members = max(reasons.values(), key=len, default=[])
    if len(members) < LEAST:
        return []
    numbers = [trial.number for trial in members]
    text = f"{among(numbers, len(history.trials)).capitalize()} failed for one reason: "
    return [
        Diagnosis(
            kind="failures",
            severity="problem",
            text=text + _shown(members),
            advice="read each reason",
            typed=f"ptune report {history.header.name}",
            trials=numbers,
            evidence={"failed": float(len(members)), "trials": float(len(history.trials))},
        )
    ]


def _kind(reason: str) -> str:
    """A reason without the numbers in which those of several trials differ."""
    return _NUMBERS.sub("N", _OWN.sub("", reason))


def _shown(members: Sequence[TrialRecord]) -> str:
    return f"{_OWN.sub('', members[0].reason or '').rstrip('.')}."
