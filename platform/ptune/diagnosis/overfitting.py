"""The best trial was best early and got worse: it learnt its training examples, and forgot what serves others."""

from __future__ import annotations

import math

from ptune.diagnosis.diagnosis import Diagnosis
from ptune.diagnosis.edits import setting
from ptune.record.history import History
from ptune.record.standard_error import standard_error
from ptune.record.wording import value_text


def overfitting(history: History) -> list[Diagnosis]:
    """The diagnosis of a search whose best trial overfits.

    It reached its horizon, and was best in the first half of its epochs. From then to the last epoch, its loss in
    training fell, its loss on dev rose, and its metric fell by more than a standard error of the dev score. Where the
    metric has no standard error, nothing is said.
    """
    best = history.best
    if best is None or best.status != "complete" or 2 * best.best_epoch > best.epoch:
        return []
    kept, last, kept_at = best.best_report, best.reports[-1], best.kept_epoch
    error = standard_error(history.header, kept)
    metric, utility = history.objective.metric, history.objective.utility
    if error is None or not all("loss" in report and "train_loss" in report for report in (kept, last)):
        return []
    lost = utility(kept[metric]) - utility(last[metric])
    if lost <= error or last["train_loss"] >= kept["train_loss"] or last["loss"] <= kept["loss"]:
        return []
    text = f"The best trial ({best.number}) overfits: from epoch {kept_at} to {best.trained_epochs}, its loss in "
    text += f"training fell from {value_text(kept['train_loss'])} to {value_text(last['train_loss'])}, and {metric} on "
    text += f"dev from {value_text(kept[metric])} to {value_text(last[metric])}."
    return [
        Diagnosis(
            kind="overfitting",
            severity="advice",
            text=text,
            advice="let the learning rate end where the trial is best",
            typed=setting("budget.epochs", max(2, math.floor(kept_at) + 1)),
            trials=[best.number],
            parameters=["epochs"],
            evidence={"best_epoch": float(kept_at), "lost": lost, "standard_error": error},
        )
    ]
