"""Whether two searches have come to the same end: trials, metrics and the artifact's prompt."""

from pathlib import Path

from ptune.files import content_hash
from ptune.record.history import History, TrialRecord
from ptune.record.journal import JOURNAL, read

_OF_THE_CLOCK = {"seconds", "peak_memory_mb"}
"""Metrics that say how the machine fared."""


def same_end(folder: Path, other: Path) -> list[str]:
    """What differs between two searches, by their folders; nothing if they have come to the same end."""
    ours, theirs = (History.of(read(each / JOURNAL)).trials for each in (folder, other))
    differing = [
        f"trial {number}: {_outcome(ours[number])} and {_outcome(theirs[number])}"
        for number in sorted(ours.keys() & theirs.keys())
        if _outcome(ours[number]) != _outcome(theirs[number])
    ]
    differing += [f"trial {number} is in one of them" for number in sorted(ours.keys() ^ theirs.keys())]
    prompts = [content_hash(each / "artifact" / "prompt.safetensors") for each in (folder, other)]
    return differing if prompts[0] == prompts[1] else [*differing, "the artifacts' prompts differ"]


def _outcome(trial: TrialRecord) -> tuple:
    reports = [{name: value for name, value in report.items() if name not in _OF_THE_CLOCK} for report in trial.reports]
    return trial.config, trial.status, reports
