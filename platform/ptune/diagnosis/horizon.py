"""The best trial was still getting better when its epochs were used up."""

from __future__ import annotations

import math

from ptune.diagnosis.diagnosis import Diagnosis
from ptune.diagnosis.edits import setting, with_choices, with_ends
from ptune.diagnosis.ranges import definitions
from ptune.record.history import History
from ptune.record.wording import value_text

LONGER = 2
"""How many times as many epochs are advised."""
FALL = 0.02
"""The share by which the loss on dev has to fall in the last third of the epochs."""


def horizon(history: History) -> list[Diagnosis]:
    """The diagnosis of a search that ended too soon.

    The best trial used up the budget's epochs, its last epoch is its best, and its loss on dev is lowest there, having
    fallen in the last third, or in fewer epochs where no more of them are scored on as much of dev. The metric alone is
    too coarse: of n epochs of mere noise, each is the best as often.
    """
    best = history.best
    if best is None or best.status != "complete" or best.epoch < 2 or history.header.confirms is not None:
        return []
    losses = [report["loss"] for report in best.compared_reports if "loss" in report]
    third = max(1, min(best.epoch // 3, len(losses) - 1))
    if best.best_epoch != best.epoch or len(losses) <= third or best.epoch < history.job.budget.horizon:
        return []
    before = losses[-1 - third]
    if losses[-1] != min(losses) or losses[-1] > (1 - FALL) * before:
        return []
    text = (
        f"The best trial ({best.number}) was best in its last epoch, {best.trained_epochs}, and its loss on dev still "
    )
    text += f"fell: from {value_text(before)} to {value_text(losses[-1])} "
    text += "in that epoch." if best.in_epochs(third) == 1 else f"in the last {best.in_epochs(third)} epochs."
    return [
        Diagnosis(
            kind="horizon",
            severity="advice",
            text=text,
            advice="train longer",
            typed=_typed(history, LONGER * math.ceil(best.trained_epochs)),
            trials=[best.number],
            parameters=["epochs"],
            evidence={"epochs": float(best.trained_epochs), "loss": losses[-1], "loss_before": before},
        )
    ]


def _typed(history: History, epochs: int) -> str:
    """What to type for a longer horizon; where trials have horizons of their own, these become longer as well."""
    best, space = history.best, history.job.space
    parts = [setting("budget.epochs", epochs)]
    for definition in definitions(history, "epochs"):
        if best is not None and definition.holds(best.config):
            if definition.levels:
                whole = [int(level) for level in definition.levels]
                parts.append(with_choices(space, "epochs", definition.index, [*whole, epochs]))
            elif definition.written.high is not None:
                parts.append(with_ends(space, "epochs", definition.index, high=epochs))
    return " ".join(parts)
