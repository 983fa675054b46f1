"""A search beside published numbers: what matches each, by how much it differs, and in what the protocols differ.

Pure. A comparison is honest only with its conditions, so each comes with notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ptune.history import Group, History, Spread, TrialRecord
from ptune.report.wording import plural
from ptune.run.confirm import CONFIRMS
from ptune.spec.protocol import Published

_HARMLESS = ("name", "tracking", "resources", "export", "seed", "data_seed")  # settings that are no protocol


def comparisons(history: History) -> list[dict[str, Any]]:
    """Each published number beside the best matching configuration, the one with the best mean on dev.

    A confirmation chooses nothing: there it is the one that the search ranked highest.

    Keys: those of the published row; `found`: None where nothing matches, else `mean`, `sd`, `n`, `config`, `trials`,
    and `best`: the highest of them with its trial; `difference` (found minus published, or None); `notes`.
    """
    rows = [Published.model_validate(row) for row in history.header["job"].get("published", [])]
    return [_compare(row, history) for row in rows]


def protocol_notes(history: History, overrides: Sequence[str], state: str) -> list[str]:
    """In what a search differs from what was published about its job file.

    Args:
        history: the search.
        overrides: what was set over the job file.
        state: running, interrupted, complete or failed.
    """
    job = history.header["job"]
    settings = [text for text in overrides if text.split("=")[0].split(".")[0].strip() not in _HARMLESS]
    law = "; published numbers belong to the job as written" if job.get("published") else ""
    notes = [f"run with --set {text}{law}" for text in settings]
    notes += _limits(job["task"])
    if job["budget"]["stopping"]["type"] != "none":
        trials = history.trials.values()
        ended = sum(trial.status == "complete" for trial in trials)
        notes.append(
            f"early stopping ({job['budget']['stopping']['type']}): {ended} of {len(trials)} reached the horizon"
        )
    if state != "complete":
        begun = f"{len(history.trials)} of {plural(job['budget']['trials'], 'trial')} begun"
        notes.append(f"the search is {state} ({begun}); its best may change")
    return notes


def _limits(task: dict[str, Any]) -> list[str]:
    words = {"limit_train": "trained on at most {} examples", "limit_dev": "scored on at most {} dev examples"}
    words["limit_test"] = "scored on at most {} test examples"
    notes = [
        f"{text.format(data[key])} (task.data.{key})"
        for data in (task["data"], *task.get("more", []))
        for key, text in words.items()
        if data.get(key) is not None
    ]
    return list(dict.fromkeys(notes))


def _compare(row: Published, history: History) -> dict[str, Any]:
    compared: dict[str, Any] = {**row.model_dump(), "found": None, "difference": None, "notes": []}
    matching = _matching(row, history)
    if not matching:
        compared["notes"] = ["no trial with a result has such a configuration"]
        return compared
    group = matching[0]
    scored = [(trial, value) for trial in group.trials if (value := _value(trial, row, history)) is not None]
    if not scored:
        compared["notes"] = [_missing(row, history)]
        return compared
    spread = Spread.of([value for _, value in scored])
    best, value = max(scored, key=lambda pair: pair[1])
    compared["found"] = {
        **vars(spread),
        "config": group.config,
        "trials": [trial.number for trial, _ in scored],
        "best": {"trial": best.number, "value": value},
    }
    compared["difference"] = spread.mean - row.value
    compared["notes"] = _selection(row, group, len(matching), history)
    return compared


def _matching(row: Published, history: History) -> list[Group]:
    """The configurations that a published number speaks of, each with those of its trials, the one to compare first."""
    spoken = [
        Group(group.config, [trial for trial in group.trials if row.speaks_of(trial.config)])
        for group in history.groups()
    ]
    found = [group for group in spoken if group.trials]
    if CONFIRMS in history.header:
        order = [one["config"] for one in history.header[CONFIRMS]["configurations"]]
        return sorted(found, key=lambda group: order.index(group.config))
    return sorted(found, key=lambda group: -group.spread(history.metric).mean)


def _value(trial: TrialRecord, row: Published, history: History) -> float | None:
    """What a trial scores on the published number's split, in the epoch that is kept."""
    if row.on == "dev":
        return trial.kept(history.metric).get(row.metric)
    scores = trial.test
    exported = history.best
    if scores is None and exported is not None and trial.number == exported.number:
        scores = (history.ended or {}).get("test")
    return None if scores is None else scores.get(row.metric)


def _missing(row: Published, history: History) -> str:
    if row.on == "dev":
        return f"the trials report no {row.metric}"
    if history.header["job"]["task"]["data"].get("test") is None:
        return "the job names no test split"
    if CONFIRMS in history.header or history.ended is None:
        return "not scored on the test split yet"
    return f"not scored on the test split; `ptune confirm {history.header['name']}` does that"


def _selection(row: Published, group: Group, matching: int, history: History) -> list[str]:
    """How the figure was chosen, where that flatters it."""
    if CONFIRMS in history.header:
        return []
    notes = []
    if matching > 1:
        notes.append(f"the best of {plural(matching, 'matching configuration')} by {history.metric} on dev")
    if row.on == "dev" and len(group.trials) == 1:
        notes.append("one seed, its epoch chosen on the same dev split")
    return notes
