"""What an artifact is, on a terminal. Pure: from an inspection to something rich can print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

import ptune
from ptune.artifacts.artifact import Manifest
from ptune.artifacts.checksums import CHECKSUMS
from ptune.artifacts.inspection import Inspection, Words
from ptune.record.events import Header
from ptune.record.wording import SEPARATOR, described
from ptune.report.folded import Folded
from ptune.report.summary import shown
from ptune.report.wording import (
    cost_heading,
    cost_text,
    count,
    duration,
    plural,
    repetitions_text,
    score_text,
    together,
)
from ptune.spec.objectives import Objectives

_DIGITS = 12  # of a digest
_VECTORS = 16  # whose words are shown
_LABELS = 8
_SETS = 4
_SPLITS = 6
_FIRST = ("method", "length")
_RESOLVED = ("depth", "side", "layers", "positions")
"""Parameters of which the manifest says what they came to."""


def inspected(inspection: Inspection, words: Words, header: Header | None, name: str | None = None) -> RenderableType:
    """The inspection.

    Args:
        inspection: the folder.
        words: the words near the prompt's vectors.
        header: the first event of the search in whose folder the artifact lies; None elsewhere.
        name: what the user calls the prompt; None is its folder.
    """
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(overflow="fold")
    manifest = inspection.manifest
    for label, value in [*(_about(inspection, manifest, header) if manifest else []), *_files(inspection)]:
        rows.add_row(label, Folded(value) if isinstance(value, str) else value)
    parts: list[RenderableType] = [_headline(inspection, name or shown(inspection.folder)), Text(), rows]
    if manifest is not None:
        parts += [Text(), Text("goes to", style="dim"), _exports(inspection)]
        parts += [Text(), Text("words near its vectors", style="dim"), _words(words)]
    return Group(*parts)


def _headline(inspection: Inspection, name: str) -> Text:
    head = Text(name, style="bold")
    if inspection.manifest is None:
        return head.append(" is damaged, and its description cannot be read", style="red")
    manifest = inspection.manifest
    what = f": a prompt of the method {manifest.prompt.method} for {manifest.task.kind} on {manifest.backbone.id}"
    return head.append(what, style="not bold")


def _about(inspection: Inspection, manifest: Manifest, header: Header | None) -> Iterator[tuple[str, str]]:
    yield "prompt", _prompt(manifest)
    yield "holds", SEPARATOR.join(_holdings(inspection)) or "what cannot be read"
    task = manifest.task
    scored = plural(len(manifest.sets), "data set") if len(manifest.sets) > 1 else manifest.sets[0].name
    yield "task", f"{task.kind} of {scored}{SEPARATOR}judged by {task.metric}"
    for task_set in manifest.sets[:_SETS]:
        yield "", SEPARATOR.join(_data_set(task_set.name, task_set.template, task_set.labels))
    if len(manifest.sets) > _SETS:
        yield "", f"and {len(manifest.sets) - _SETS} more"
    yield "scores", SEPARATOR.join(_scores(manifest))
    origin = manifest.backbone
    where = f"{origin.id}{'' if origin.revision is None else f'@{origin.revision}'}"
    digest = f"weights sha256 {origin.hash[:_DIGITS]}"
    yield (
        "backbone",
        SEPARATOR.join([where, origin.model_type, plural(origin.layers, "layer"), origin.precision, digest]),
    )
    yield "from", SEPARATOR.join(_source(manifest, header))
    if header is not None and header.job.objectives is not None:
        yield "", _chosen(header.job.objectives, task.metric)
    if header is not None and header.origin is not None:
        yield "", SEPARATOR.join([f"by {header.origin.user}", header.origin.command])
    if manifest.provenance is not None and manifest.provenance.start is not None:
        yield "started from", str(manifest.provenance.start)
    if manifest.provenance is not None and manifest.provenance.inherited is not None:
        yield "began with", manifest.provenance.inherited.told
    splits = list(_data(manifest, header))
    for number, (split, digest, rows) in enumerate(splits[:_SPLITS]):
        yield "" if number else "data", f"{split}: {plural(rows, 'row')}{SEPARATOR}sha256 {digest}"
    if len(splits) > _SPLITS:
        yield "", f"and {plural(len(splits) - _SPLITS, 'split')} more"
    yield "versions", SEPARATOR.join(f"{name} {version}" for name, version in manifest.versions.items())


def _chosen(objectives: Objectives, metric: str) -> str:
    """By what the trial was chosen among those of its search."""
    names = together([metric, *objectives.beside])
    bounds = [f"{cost_heading(name)} <= {cost_text(name, bound)}" for name, bound in objectives.at_most.items()]
    bounds += [f"{cost_heading(name)} >= {cost_text(name, bound)}" for name, bound in objectives.at_least.items()]
    what = f"the knee of {names}" if objectives.choose == "knee" else f"the best {metric}"
    return SEPARATOR.join([what, *bounds])


def _prompt(manifest: Manifest) -> str:
    prompt = manifest.prompt
    config = {name: value for name, value in prompt.model_dump().items() if value is not None}
    ordered = [name for name in _FIRST if name in config]
    ordered += [name for name in config if name not in ordered and _tells(prompt, name)]
    parts = [described(config, ordered)]
    if manifest.layers is not None:
        parts.append(f"layers {_ranges(manifest.layers)} of {manifest.backbone.layers}")
        parts.append(f"positions {manifest.positions}")
    if manifest.tuned:
        parts.append("the backbone is tuned, too")
    return SEPARATOR.join([*parts, f"{manifest.head} head"])


def _tells(prompt: object, name: str) -> bool:
    """Whether a parameter is worth a word: it is chosen otherwise than by default, or it is the encoder."""
    default = type(prompt).model_fields[name].default  # type: ignore[attr-defined]
    return name == "encoder" or (name not in _RESOLVED and getattr(prompt, name) != default)


def _ranges(layers: Sequence[int]) -> str:
    """Layers, counted from 1, as people write them: `3-6` or `1, 3-4`."""
    runs: list[list[int]] = []
    for layer in layers:
        if runs and runs[-1][-1] == layer:
            runs[-1].append(layer + 1)
        else:
            runs.append([layer + 1])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _holdings(inspection: Inspection) -> Iterator[str]:
    for part, numbers in inspection.numbers().items():
        shapes = [shape for name, shape in inspection.tensors.items() if _is_of(name, part)]
        said = (
            ", ".join("x".join(map(str, shape)) for shape in shapes) if len(shapes) <= 2 else f"{len(shapes)} tensors"
        )
        yield f"{part} {said} ({count(numbers)} numbers)"


def _is_of(name: str, part: str) -> bool:
    return name.startswith({"prompt": ("prompt",), "head": ("head", "base_model")}.get(part, (part,)))


def _data_set(name: str, template: str, labels: Sequence[str]) -> Iterator[str]:
    yield f"{name}: {template}"
    if labels:
        rest = len(labels) - _LABELS
        yield ", ".join(labels[:_LABELS]) + (f" and {rest} more" if rest > 0 else "")


def _scores(manifest: Manifest) -> Iterator[str]:
    metric, training = manifest.task.metric, manifest.training
    for split, scores in manifest.scores.items():
        examples = "" if training is None or split not in training.examples else f" (n = {training.examples[split]})"
        yield f"{metric} {score_text(scores.get(metric))} on {split}{examples}"
    for split, repeats in (training.repeats if training else {}).items():
        spread = "" if repeats.sd is None else f" ± {score_text(repeats.sd)}"
        yield f"{score_text(repeats.mean)}{spread} on {split} over {repetitions_text(repeats.n, manifest.task.folds)}"


def _source(manifest: Manifest, header: Header | None) -> Iterator[str]:
    provenance, training = manifest.provenance, manifest.training
    yield f"trial {manifest.trial} of {manifest.search}"
    if training and training.trials > 1:
        yield f"chosen among {training.trials}"
    yield f"seed {manifest.seed}"
    if training:
        data = " on all folds together" if training.refit else ""
        yield f"trained {plural(training.epochs, 'epoch')}{data} in {duration(training.seconds)}"
    if provenance is None and header is None:
        yield "its date and its data's digests are not recorded"
        return
    begun = provenance.begun if provenance else datetime.fromtimestamp(header.time if header else 0.0, UTC)
    yield f"begun {begun:%Y-%m-%d %H:%M} UTC"
    commit = provenance.commit if provenance else header.origin.commit if header and header.origin else None
    if commit is not None:
        yield f"commit {commit[:_DIGITS]}"


def _data(manifest: Manifest, header: Header | None) -> Iterator[tuple[str, str, int]]:
    splits = manifest.provenance.data if manifest.provenance else header.data if header else {}
    for name, split in splits.items():
        yield name, split.digest[:_DIGITS], split.rows


def _files(inspection: Inspection) -> Iterator[tuple[str, str | Text]]:
    if inspection.damage:
        for number, damage in enumerate(inspection.damage):
            yield "files" if number == 0 else "", Text(damage, style="red")
    elif inspection.checksums:
        yield "files", Text(f"as they were written ({CHECKSUMS} holds)", style="green")
    else:
        yield "files", "without checksums: whether they are as they were written cannot be told"
    if inspection.beside:
        yield "", f"beside them: {', '.join(inspection.beside)}"
    yield (
        "read by",
        f"ptune {inspection.layout.since} and later (this is {ptune.__version__}){SEPARATOR}{inspection.layout.format}",
    )


def _exports(inspection: Inspection) -> Table:
    rows = Table.grid(padding=(0, 2))
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    for name, reason in inspection.exports.items():
        rows.add_row(
            Text(f"  {name}", style="" if reason is None else "dim"), "yes" if reason is None else f"no: {reason}"
        )
    return rows


def _words(words: Words) -> RenderableType:
    if words.why_not is not None:
        return Padding(words.why_not, (0, 0, 0, 2))
    rows = Table.grid(padding=(0, 2))
    rows.add_column(justify="right", style="dim", no_wrap=True)
    rows.add_column(overflow="fold")
    first = words.prompts[0]
    for number, near in enumerate(first[:_VECTORS], 1):
        rows.add_row(f"  {number}", SEPARATOR.join(f"{word.word} {word.cosine:.2f}" for word in near) or "no word")
    hidden = len(first) - _VECTORS
    notes = [f"and {plural(hidden, 'vector')} more, see --json"] if hidden > 0 else []
    if len(words.prompts) > 1:
        notes.append(f"and {plural(len(words.prompts) - 1, 'prompt')} of further data sets, see --json")
    if words.closeness is not None:
        notes.append(f"Numbers are cosines. A word and its nearest other word usually have {words.closeness:.2f}.")
    return Group(rows, *(Padding(Text(note, style="dim"), (0, 0, 0, 2)) for note in notes))
