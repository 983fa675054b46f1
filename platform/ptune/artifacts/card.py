"""The model card of an exported prompt: README.md, with the metadata block that the Hub reads."""

from __future__ import annotations

from collections.abc import Sequence

from ptune.artifacts.artifact import Manifest
from ptune.artifacts.formats.format import Usage
from ptune.artifacts.reference import BackboneReference, licence_of
from ptune.artifacts.route import Route
from ptune.spec.data import Data
from ptune.spec.prompt import PromptSpec

_SETS_SHOWN = 10
_UNIMPORTANT = {"majority_baseline", "constant_prediction"}


def model_card(
    manifest: Manifest,
    format_name: str,
    usage: Usage,
    reference: BackboneReference | None,
    checked: str,
    repo: str | None = None,
) -> str:
    """The card of a prompt in one format.

    Args:
        manifest: what the prompt is.
        format_name: the format.
        usage: how it is used.
        reference: where its backbone is; None where nothing more than the manifest is known.
        checked: what its scores were compared with when it was exported.
        repo: the repository on the Hub that it is for; None is none.
    """
    fetch = "" if repo is None else f"`hf download {repo} --local-dir {repo.partition('/')[2]}` fetches this folder. "
    sections = [
        _head(manifest, usage, reference),
        f"# {manifest.search}\n\n{_summary(manifest, format_name)}",
        f"## Use\n\n{fetch}Run this in this folder:\n\n" + _fenced(usage.code) + _notes(usage.notes),
        "## Scores\n\n" + _scores(manifest),
        "## Task and data\n\n" + _task(manifest),
        "## Configuration\n\n" + _configuration(manifest),
        "## Backbone\n\n" + _backbone(manifest, reference),
        "## What it refuses\n\n" + _refusals(checked),
    ]
    return "\n\n".join(sections) + "\n"


def _head(manifest: Manifest, usage: Usage, reference: BackboneReference | None) -> str:
    """The metadata block."""
    from huggingface_hub import EvalResult, ModelCardData

    pipeline = Route.of(manifest).pipeline
    data = manifest.task.sets[0]
    hub_data = data.source if data.source is not None and not data.source.startswith("builtin:") else None
    results = [
        EvalResult(
            task_type=pipeline,
            dataset_type=hub_data or "local",
            dataset_name=_source(data),
            dataset_split=split,
            metric_type=manifest.task.metric,
            metric_value=round(metrics[manifest.task.metric], 6),
        )
        for split, metrics in manifest.scores.items()
        if manifest.task.metric in metrics
    ]
    hub = _hub_id(manifest, reference)
    card = ModelCardData(
        library_name=usage.library,
        pipeline_tag=pipeline,
        tags=["ptune", "p-tuning", manifest.prompt.method],
        base_model=hub,
        datasets=[hub_data] if hub_data else None,
        model_name=manifest.search,
        eval_results=results or None,
    )
    return f"---\n{card.to_yaml()}\n---"


def _hub_id(manifest: Manifest, reference: BackboneReference | None) -> str | None:
    if reference is not None:
        return reference.name if reference.hub else None
    name = manifest.backbone.id
    return name if name.count("/") <= 1 and not name.startswith(("packaged:", ".", "/", "~")) else None


def _summary(manifest: Manifest, format_name: str) -> str:
    start = manifest.provenance.start if manifest.provenance is not None else None
    inherited = manifest.provenance.inherited if manifest.provenance is not None else None
    started = "" if start is None else f" Its training started from {start}."
    if inherited is not None:
        started = f" Its training began with {inherited.told}."
    return (
        f"A prompt of the method `{manifest.prompt.method}` for {manifest.task.kind} on `{manifest.backbone.id}`"
        f"{', with the backbone tuned' if manifest.tuned else ''}. It is trial {manifest.trial} of the ptune search "
        f"`{manifest.search}`, exported in the format `{format_name}`.{started}"
    )


def _fenced(code: Sequence[str]) -> str:
    return "```python\n" + "\n".join(code) + "\n```"


def _notes(notes: Sequence[str]) -> str:
    return "".join(f"\n\n{note}" for note in notes)


def _scores(manifest: Manifest) -> str:
    metric, training = manifest.task.metric, manifest.training
    rows = ["| split | metric | score | examples |", "|---|---|---|---|"]
    for split, metrics in manifest.scores.items():
        count = "" if training is None else str(training.examples.get(split, ""))
        rows += [
            f"| {split} | {name} | {_number(value)} | {count} |"
            for name, value in metrics.items()
            if name.partition(".")[0] not in _UNIMPORTANT
        ]
    lines = ["\n".join(rows)]
    baseline = manifest.scores.get("dev", {}).get("majority_baseline")
    if baseline is not None:
        lines.append(f"{manifest.task.always.capitalize()} alone scores {_number(baseline)} on dev.")
    repeated = "repetitions on fresh seeds" if manifest.task.folds == 1 else "trials, each without one fold"
    repeats = training.repeats if training is not None else {}
    lines += [
        f"Over {spread.n} {repeated}, {metric} on {split} is {_number(spread.mean)}"
        f"{'' if spread.sd is None else f' ± {_number(spread.sd)}'} (mean and standard deviation)."
        for split, spread in repeats.items()
    ]
    if training is not None and training.refit:
        lines.append("The prompt was trained on all folds together; the scores on dev are the means of the folds.")
    if training is not None and not repeats and training.trials > 1:
        lines.append(
            f"The prompt is one of {training.trials} trials on one seed. The best of a search is also lucky on dev, so "
            "expect a little less elsewhere."
        )
    return "\n\n".join(lines)


def _task(manifest: Manifest) -> str:
    lines = []
    for data, task_set in list(zip(manifest.task.sets, manifest.sets, strict=False))[:_SETS_SHOWN]:
        labels = f" Labels: {_listing(task_set.labels)}." if task_set.labels else ""
        template = f" Template: `{task_set.template}`." if task_set.template else ""
        lines.append(
            f"- `{task_set.name}`: {_source(data)}. Inputs: {', '.join(f'`{name}`' for name in data.fields)}, at most "
            f"{data.max_length} tokens.{template}{labels}"
        )
    if len(manifest.sets) > _SETS_SHOWN:
        lines.append(f"- and {len(manifest.sets) - _SETS_SHOWN} more")
    return f"Kind of task: {manifest.task.kind}, judged by {manifest.task.metric}.\n\n" + "\n".join(lines)


def _configuration(manifest: Manifest) -> str:
    prompt: PromptSpec = manifest.prompt
    entries = {name: value for name, value in prompt.model_dump().items() if value is not None}
    rows = ["| parameter | value |", "|---|---|", *(f"| {name} | `{value}` |" for name, value in entries.items())]
    rows.append(f"| head | `{manifest.head}` |")
    rows.append(f"| seed | `{manifest.seed}` |")
    training = manifest.training
    cost = ""
    if training is not None:
        shown = "nothing" if training.parameters == 0 else f"{training.parameters:,} parameters"
        cost = f"\n\nThe trial trained {shown} for {training.epochs} epochs, in {training.seconds:.0f} s."
        if training.label_smoothing:
            cost += f" Labels were smoothed by {training.label_smoothing:g}."
        for name, weights in training.class_weights.items():
            listed = ", ".join(f"`{label}` {weight:.4g}" for label, weight in weights.items())
            cost += f" In `{name}`, the labels counted {listed}."
    versions = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    return "\n".join(rows) + cost + f"\n\nVersions: {versions}."


def _backbone(manifest: Manifest, reference: BackboneReference | None) -> str:
    origin = manifest.backbone
    licence = licence_of(reference.files) if reference is not None else None
    known = f"Its model card names the licence `{licence}`." if licence else "Its licence is not known here."
    revision = f" at revision `{origin.revision}`" if origin.revision else ""
    return (
        f"`{origin.id}`{revision}, of the family {origin.model_type}. {known}\n\n"
        f"SHA-256 of its weights, as ptune counts it: `{origin.hash}`. In training it was {origin.precision}."
    )


def _refusals(checked: str) -> str:
    lines = [
        "It works on no other backbone than this one. ptune refuses others; other tools do not notice.",
        "`SHA256SUMS` holds the checksum of each file, and ptune refuses a folder that differs from it.",
    ]
    if checked:
        lines.append(f"Checked at export: {checked}.")
    return "\n".join(f"- {line}" for line in lines)


def _source(data: Data) -> str:
    if data.source is None:
        return f"file `{data.train}`, in {data.folds} folds" if data.folds else f"files `{data.train}` and `{data.dev}`"
    return f"`{data.source}`" + (f", configuration `{data.config}`" if data.config else "")


def _listing(labels: Sequence[str], most: int = 20) -> str:
    shown = ", ".join(f"`{label}`" for label in labels[:most])
    return shown if len(labels) <= most else f"{shown} and {len(labels) - most} more"


def _number(value: float) -> str:
    return f"{value:.4f}"
