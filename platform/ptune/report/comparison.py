"""A search beside published numbers: what matches each, by how much it differs, and in what the protocols differ.

Pure. A comparison is honest only with its conditions, so each comes with notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ptune.record.configurations import Configuration
from ptune.record.history import History, TrialRecord
from ptune.record.objective import Objective
from ptune.record.spread import Spread
from ptune.report.wording import plural, trials_of
from ptune.spec.growing import part_sizes
from ptune.spec.protocol import Published
from ptune.spec.task import Task
from ptune.spec.trial import Config

_HARMLESS = ("name", "tracking", "resources", "export", "seed", "data_seed")  # settings that are no protocol


@dataclass(frozen=True)
class Match:
    """The configuration of a search that stands beside a published number."""

    spread: Spread
    """Of its trials on the number's split."""
    config: Config
    trials: Sequence[int]
    best_trial: int
    best_value: float

    def to_json(self) -> dict[str, Any]:
        """The match as one JSON object."""
        best = {"trial": self.best_trial, "value": self.best_value}
        return {**vars(self.spread), "config": self.config, "trials": self.trials, "best": best}


@dataclass(frozen=True)
class Comparison:
    """A published number beside the search's own."""

    published: Published
    match: Match | None = None
    """None where nothing matches."""
    notes: Sequence[str] = ()
    """In what the two differ."""
    confirmed: Spread | None = None
    """The match on fresh seeds, where it was confirmed."""

    @property
    def difference(self) -> float | None:
        """The search's mean minus the published value."""
        return None if self.match is None else self.match.spread.mean - self.published.value

    def to_json(self) -> dict[str, Any]:
        """The comparison as one JSON object."""
        return {
            **self.published.model_dump(),
            "found": None if self.match is None else self.match.to_json(),
            "difference": self.difference,
            "notes": list(self.notes),
            "confirmed": None if self.confirmed is None else vars(self.confirmed),
        }


def comparisons(history: History) -> list[Comparison]:
    """Each published number beside the best matching configuration, the one with the best mean on dev.

    A confirmation chooses nothing: there it is the one that the search ranked highest.
    """
    return [_compare(row, history) for row in history.job.published]


def protocol_notes(history: History, overrides: Sequence[str], state: str) -> list[str]:
    """In what a search differs from what was published about its job file.

    Args:
        history: the search.
        overrides: what was set over the job file.
        state: running, interrupted, complete or failed.
    """
    job = history.job
    settings = [text for text in overrides if text.split("=")[0].split(".")[0].strip() not in _HARMLESS]
    law = "; published numbers belong to the job as written" if job.published else ""
    notes = [f"run with --set {text}{law}" for text in settings]
    notes += [*_limits(job.task), *_class_weights(job.task)]
    if job.task.folds > 1:
        notes.append(f"dev is each of {job.task.folds} folds of the training split in turn (task.data.folds)")
    if job.export.refit:
        notes.append("the exported prompt is trained on all folds together (export.refit)")
    if inheriting := sum(trial.inherited is not None for trial in history.trials.values()):
        what = "began with the prompt of another, and have trained for longer than their epochs (budget.inherit)"
        notes.append(f"{inheriting} of {plural(len(history.trials), 'trial')} {what}")
    if job.budget.stops_early:
        trials = history.trials.values()
        ended = sum(trial.status == "complete" for trial in trials)
        notes.append(f"early stopping ({job.budget.stopping.type}): {ended} of {len(trials)} reached the horizon")
    if (growth := _growth(history)) is not None:
        notes.append(growth)
    if history.limit is not None:
        notes.append(f"it ended by budget.{history.limit.limit}: {history.limit.reason}")
    if state != "complete":
        begun = f"{trials_of(len(history.trials), history.planned)} begun"
        notes.append(f"the search is {state} ({begun}); its best may change")
    return notes


def _growth(history: History) -> str | None:
    """What early reports are scored on, if on a part of dev."""
    budget, dev = history.job.budget, history.header.data.get("dev")
    parts = [] if dev is None else part_sizes(budget, dev.rows)
    early = ", ".join(f"{size:,} examples up to epoch {budget.in_epochs(last)}" for last, size in parts)
    told = f"first scored on a part of dev (budget.dev_grows): {early}; such scores are noisier, and rank behind others"
    return told if parts else None


def _limits(task: Task) -> list[str]:
    words = {"limit_train": "trained on at most {} examples", "limit_dev": "scored on at most {} dev examples"}
    words["limit_test"] = "scored on at most {} test examples"
    notes = [
        f"{text.format(limit)} (task.data.{key})"
        for data in task.sets
        for key, text in words.items()
        if (limit := getattr(data, key)) is not None
    ]
    return list(dict.fromkeys(notes))


def _class_weights(task: Task) -> list[str]:
    return [
        f"labels of {name} do not count alike in training (class_weights = {weights!r})"
        for name, data in zip(task.set_names, task.sets, strict=True)
        if (weights := getattr(data, "class_weights", None)) is not None
    ]


def _compare(row: Published, history: History) -> Comparison:
    matching = _matching(row, history)
    if not matching:
        return Comparison(row, notes=["no trial with a result has such a configuration"])
    group = matching[0]
    scored = [(trial, value) for trial in group.compared if (value := _value(trial, row, history)) is not None]
    if not scored:
        return Comparison(row, notes=[_missing(row, history)])
    measured = Objective.in_metric(row.metric)
    best, best_value = max(scored, key=lambda pair: measured.utility(pair[1]))
    match = Match(
        spread=Spread.of([value for _, value in scored]),
        config=group.config,
        trials=[trial.number for trial, _ in scored],
        best_trial=best.number,
        best_value=best_value,
    )
    return Comparison(row, match, _selection(row, group, len(matching), history))


def _matching(row: Published, history: History) -> list[Configuration]:
    """The configurations that a published number speaks of, each with those of its trials, the one to compare first."""
    spoken = [
        Configuration(group.config, [trial for trial in group.trials if row.speaks_of(trial.config)])
        for group in history.configurations()
    ]
    matching = [group for group in spoken if group.trials]
    if history.header.confirms is not None:
        order = [point.config for point in history.header.confirms.configurations]
        return sorted(matching, key=lambda group: order.index(group.config))
    return sorted(matching, key=lambda group: (-group.scored_on, -history.objective.utility(group.spread.mean)))


def _value(trial: TrialRecord, row: Published, history: History) -> float | None:
    """What a trial scores on the published number's split, in the epoch that is kept."""
    if row.on == "dev":
        return trial.best_value if row.metric == history.objective.metric else trial.best_report.get(row.metric)
    scores = trial.test
    exported = history.best
    if scores is None and exported is not None and trial.number == exported.number:
        scores = None if history.ended is None else history.ended.test
    return None if scores is None else scores.get(row.metric)


def _missing(row: Published, history: History) -> str:
    if row.on == "dev":
        return f"the trials report no {row.metric}"
    if history.job.task.data.test is None:
        return "the job names no test split"
    if history.header.confirms is not None or history.ended is None:
        return "not scored on the test split yet"
    return f"not scored on the test split; `ptune confirm {history.header.name}` does that"


def _selection(row: Published, group: Configuration, matching: int, history: History) -> list[str]:
    """How the figure was chosen, where that flatters it."""
    if history.header.confirms is not None:
        return []
    notes = []
    if matching > 1:
        notes.append(f"the best of {plural(matching, 'matching configuration')} by {history.objective.metric} on dev")
    if row.on == "dev" and len(group.compared) == 1:
        notes.append("one seed, its epoch chosen on the same dev split")
    if row.on == "dev" and (part := group.dev_examples) is not None:
        notes.append(f"scored on a part of dev: {part:,} examples")
    if group.inherited is not None:
        notes.append(f"it {group.inherited}, and so has trained for longer than its epochs")
    return notes
