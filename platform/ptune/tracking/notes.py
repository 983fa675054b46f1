"""What MLflow says in words: the descriptions of a search's run and of the experiment, in Markdown. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ptune.diagnosis.diagnose import diagnose
from ptune.record.history import History, TrialRecord
from ptune.record.wording import described, param_heading, value_text
from ptune.tracking.metrics import best_key

_MOST = 10  # trials of a leaderboard


def search_note(history: History, names: Sequence[str]) -> str:
    """A search in words: its result, its leaderboard and how to go on.

    Args:
        history: the search.
        names: the parameters by which its trials differ.
    """
    metric, ranked = history.objective.metric, history.ranked()
    counts = ", ".join(f"{count} {status}" for status, count in sorted(history.statuses.items()))
    lines = [f"{len(history.trials)} trials on {history.header.backbone.id}: {counts or 'none begun'}."]
    if not ranked:
        return "\n".join([f"{lines[0]} No trial has a result.", *_diagnoses(history)])
    best = ranked[0]
    lines += ["", f"**Best {metric} on dev: {_score(best)}**, trial {best.number}, epoch {best.best_epoch}: "]
    lines[-1] += f"{described(best.config, names)}."
    if history.ended is not None and history.ended.test and metric in history.ended.test:
        lines += ["", f"On the test split, the exported prompt scores {history.ended.test[metric]:.4f}."]
    lines += ["", *_leaderboard(ranked[:_MOST], names, metric), *_diagnoses(history)]
    lines += ["", f"`ptune report {history.header.name}` shows the whole report."]
    return "\n".join(lines)


def experiment_note(history: History) -> str:
    """What an experiment holds, in a few lines, and what to try after the search that was last heard of."""
    job, objective = history.job, history.objective
    extreme = "highest" if objective.direction == "maximize" else "lowest"
    about = (
        f"Prompts for {history.header.backbone.id} on {', '.join(str(data.source) for data in job.task.sets)}. "
        f"Each search is a run, and each of its trials a run below it. The best trial has the {extreme} "
        f"`{best_key(objective)}` on the dev split."
    )
    return "\n".join([about, *_diagnoses(history, after=history.header.name)])


def _diagnoses(history: History, after: str | None = None) -> list[str]:
    """What is wrong with how it trained, and what to try next; nothing where all is well."""
    diagnoses = diagnose(history)
    title = "What to try next" if after is None else f"What to try after {after}"
    heading = ["", f"**{title}**", ""] if diagnoses else []
    items = (f"- {diagnosis.text} {diagnosis.advice.capitalize()}: `{diagnosis.typed}`" for diagnosis in diagnoses)
    return [*heading, *items]


def _leaderboard(trials: Sequence[TrialRecord], names: Sequence[str], metric: str) -> list[str]:
    heads = ["trial", metric, "epoch", *map(param_heading, names), "trainable parameters"]
    rows = [
        [
            f"#{trial.number}",
            _score(trial),
            f"{trial.best_epoch} of {trial.epoch}",
            *(value_text(trial.config.get(name)) for name in names),
            f"{trial.best_report.get('trainable_parameters', 0):,.0f}",
        ]
        for trial in trials
    ]
    return [_row(heads), _row(["---"] * len(heads)), *map(_row, rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _score(trial: TrialRecord) -> str:
    assert trial.best_value is not None, "a ranked trial has a result"
    return f"{trial.best_value:.4f}"
