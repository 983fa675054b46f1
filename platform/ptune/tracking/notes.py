"""What MLflow says in words: the descriptions of a search's run and of the experiment, in Markdown. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ptune.diagnosis.diagnose import diagnose
from ptune.record.history import History, TrialRecord
from ptune.record.optimism import optimism
from ptune.record.wording import described, optimism_text, param_heading, value_text
from ptune.tracking.metrics import best_key
from ptune.tracking.views import VIEWS, run_route, view_route

REPORT = "report.html"
"""The file of a search's run that MLflow shows as a page."""
_MOST = 10  # trials of a leaderboard


@dataclass(frozen=True)
class Place:
    """Where MLflow keeps a search: what links are made of."""

    experiment_id: str
    run_id: str
    """Of the search's own run."""


def search_note(history: History, place: Place) -> str:
    """A search in words: where to look, its result, its leaderboard and where it comes from."""
    links = _links(history, place, history.header.id)
    return "\n\n".join([links, *_paragraphs(history, "What to try next")])


def experiment_note(history: History, place: Place) -> str:
    """What an experiment holds: links to all trials, and in words the search that was tracked last.

    MLflow shows the first line above its own pages and in its list of experiments.
    """
    job, objective = history.job, history.objective
    extreme = "highest" if objective.direction == "maximize" else "lowest"
    introduction = (
        f"Prompts for {history.header.backbone.id} on {', '.join(str(data.source) for data in job.task.sets)}. "
        f"Each search is a run, and each of its trials a run below it. The best trial has the {extreme} "
        f"`{best_key(objective)}` on the dev split."
    )
    if job.budget.dev_grows:
        introduction += " A trial that was never scored on all of that split has none."
    run = run_route(place.experiment_id, place.run_id)
    latest = f"The search that was tracked last is [{history.header.name}]({run})."
    links = f"All trials: {_links(history, place, None)}"
    return "\n\n".join([links, introduction, latest, *_paragraphs(history, f"What to try after {history.header.name}")])


def _links(history: History, place: Place, search_id: str | None) -> str:
    """Links to the views, and to the report of a search that has ended."""
    links = [f"[{title}]({view_route(place.experiment_id, view, search_id)})" for view, title in VIEWS.items()]
    if history.ended is not None:
        report = "Report" if search_id is not None else f"Report of {history.header.name}"
        links.append(f"[{report}]({run_route(place.experiment_id, place.run_id, REPORT)})")
    return " · ".join(links)


def _paragraphs(history: History, advice: str) -> list[str]:
    """The best trial, how many trials there are of each kind, the leaderboard, what to try, and the command."""
    ranked, header = history.ranked(), history.header
    counts = ", ".join(f"{count} {status}" for status, count in sorted(history.statuses.items()))
    told = [f"{len(history.trials)} trials on {header.backbone.id}: {counts or 'none begun'}."]
    if ranked:
        told = [_best(history, ranked[0]), *told, "\n".join(_leaderboard(ranked[:_MOST], history))]
    else:
        told = [f"{told[0]} No trial has a result."]
    if history.ended is not None and (items := _diagnoses(history)):
        told += [f"**{advice}**", "\n".join(items)]
    if header.start is not None:
        told.append(f"Every trial started from {header.start}.")
    if header.origin is not None:
        told.append(f"Begun by {header.origin.user} with `{header.origin.command}`.")
    return told


def _diagnoses(history: History) -> list[str]:
    """What is wrong with how it trained, and what to do about it; nothing where all is well."""
    return [
        f"- {diagnosis.text} {diagnosis.advice.capitalize()}: `{diagnosis.typed}`" for diagnosis in diagnose(history)
    ]


def _best(history: History, best: TrialRecord) -> str:
    metric, test = history.objective.metric, history.ended.test if history.ended is not None else None
    scores = f"{_score(best)} on dev" + (f", {test[metric]:.4f} on test" if test and metric in test else "")
    config = described(best.config, history.header.varied, best.inherited)
    told = f"**Best {metric}: {scores}.** Trial {best.number}, epoch {best.kept_epoch}: {config}."
    lucky = optimism_text(optimism(history), len(history.trials))
    return f"{told} {lucky.capitalize()} on dev." if lucky else told


def _leaderboard(trials: Sequence[TrialRecord], history: History) -> list[str]:
    names = history.header.varied
    heads = ["trial", history.objective.metric, "epoch", *map(param_heading, names), "trainable parameters"]
    rows = [
        [
            f"#{trial.number}",
            _score(trial),
            f"{trial.kept_epoch} of {trial.trained_epochs}",
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
    part = "" if trial.dev_examples is None else f" ({trial.dev_examples:,} of dev)"
    return f"{trial.best_value:.4f}{part}"
