"""A table of learning curves: what every configuration of a recorded search reported after every epoch.

On disk it is a parquet file with a row for each epoch of each run: the parameters that differ between runs, `seed`,
`repeat`, `epoch`, and every metric that does not depend on the machine. All else that is known stands once, in the
file's metadata under `ptune`. A search can be played on a table without training; see `ptune.searching.on_table`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ptune.errors import DataError, SpecError
from ptune.files import replacing
from ptune.record.events import Metrics
from ptune.record.history import History, TrialRecord
from ptune.spec.objectives import MACHINE
from ptune.spec.task import Task
from ptune.spec.trial import Config, Scalar

_NOTES = b"ptune"
_LEFT_OUT = {*MACHINE, "seconds", "own_seconds", "lr"}
"""What says how fast a machine was and what else it did, and the rate, which follows from the configuration."""
_PLACES = ("seed", "repeat", "epoch")
_FILES = {"name", "source", "config", "train", "dev", "test"}
"""Where data lies. What it holds is told by its digest."""


@dataclass(frozen=True)
class Recorded:
    """Where the curves come from, which is the same for every run."""

    backbone: str
    weights_hash: str
    layers: int
    dtype: str
    task: str
    """What people call the task."""
    settings: Mapping[str, Any]
    """The rest of the task: its kind, templates, labels, limits and so on."""
    quantization: str | None
    """Of the frozen weights."""
    start: str | None
    """The hash of the prompt from which every run starts."""
    digests: Mapping[str, str]
    """By split, the SHA-256 of its texts and labels."""
    rows: Mapping[str, int]
    """By split, the number of its examples."""
    metric: str
    """The metric of the searches; every other one that they reported is in the table, too."""
    epochs: int
    """Epochs of every run, over which its learning rate runs its schedule."""
    versions: Mapping[str, str]
    """Of Python and of the libraries that decide a result."""


@dataclass(frozen=True)
class Run:
    """One configuration, trained to the end from one seed."""

    config: Config
    """Complete, without `repeat` and without the parameters that have no value."""
    seed: int
    repeat: int
    """The number of its repetition; 0 of a configuration that the search trained once."""
    reports: Sequence[Metrics]
    """Of epoch 1, 2, ... to the last."""


@dataclass(frozen=True)
class CurveTable:
    """Runs of one task on one backbone."""

    recorded: Recorded
    runs: Sequence[Run]

    @cached_property
    def curves(self) -> list[tuple[Config, list[Run]]]:
        """The configurations, with the runs of each by seed, in the order in which they were recorded."""
        found: dict[tuple[tuple[str, Scalar | None], ...], list[Run]] = {}
        for run in self.runs:
            found.setdefault(tuple(sorted(run.config.items())), []).append(run)
        return [(runs[0].config, sorted(runs, key=lambda run: (run.seed, run.repeat))) for runs in found.values()]

    @cached_property
    def values(self) -> dict[str, list[Scalar | None]]:
        """The values of each parameter in the order in which they first occur; None where a run does not have it."""
        names = dict.fromkeys(name for run in self.runs for name in run.config)
        return {name: list(dict.fromkeys(run.config.get(name) for run in self.runs)) for name in names}

    @property
    def varied(self) -> list[str]:
        """The parameters in which configurations differ."""
        return [name for name, values in self.values.items() if len(values) > 1]

    @property
    def told(self) -> list[str]:
        """The parameters that tell configurations of one method apart, the method before them."""
        apart: dict[Scalar | None, dict[str, set[Scalar | None]]] = {}
        for config, _ in self.curves:
            values = apart.setdefault(config.get("method"), {})
            for name in self.varied:
                values.setdefault(name, set()).add(config.get(name))
        differing = {name for values in apart.values() for name, seen in values.items() if len(seen) > 1}
        return ["method", *(name for name in self.varied if name in differing)]

    @property
    def metrics(self) -> list[str]:
        """What every epoch reports."""
        return list(self.runs[0].reports[0])


def table_of(histories: Iterable[History], task: str | None = None) -> CurveTable:
    """The curves of some searches that are alike in all but their configurations and seeds.

    Trials that have not trained to the horizon are left out, and those that began from what another one had learned:
    their curves are not those of their configurations.

    Args:
        histories: the searches.
        task: what people call the task; None is the source of its data.

    Raises:
        SpecError: the searches differ in what they trained or score parts of dev, or none of their trials trained to
            the horizon.
    """
    recorded: Recorded | None = None
    runs: list[Run] = []
    for history in histories:
        if history.job.budget.dev_grows:
            law = "its early epochs are scored on parts of dev (budget.dev_grows), and a table compares whole curves"
            raise SpecError(f"{history.header.name}: {law}")
        about = _recorded(history, task)
        if recorded is not None and about != recorded:
            raise SpecError(_difference(recorded, about, history.header.name))
        recorded = about
        runs += [
            Run(
                _own(trial.config),
                history.job.seed,
                int(trial.config["repeat"] or 0),
                [_kept(report) for report in _of_epochs(trial)],
            )
            for trial in history.trials.values()
            if trial.status == "complete" and trial.trained_epochs == about.epochs and _began_afresh(trial)
        ]
    if recorded is None or not runs:
        raise SpecError("no trial has trained to the horizon from the start, so there is no learning curve to record")
    return CurveTable(recorded, runs)


def write_table(table: CurveTable, path: Path) -> None:
    """Write a table as a parquet file, in one step."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = [(run, epoch, report) for run in table.runs for epoch, report in enumerate(run.reports, 1)]
    columns: dict[str, list[Any]] = {name: [run.config.get(name) for run, _, _ in rows] for name in table.varied}
    columns |= {"seed": [run.seed for run, _, _ in rows], "repeat": [run.repeat for run, _, _ in rows]}
    columns |= {"epoch": [epoch for _, epoch, _ in rows]}
    columns |= {name: [report.get(name) for _, _, report in rows] for name in table.metrics}
    constants = {name: values[0] for name, values in table.values.items() if len(values) == 1}
    notes = json.dumps({"recorded": asdict(table.recorded), "parameters": table.varied, "constants": constants})
    with replacing(path) as unfinished:
        parquet.write_table(pa.table(columns, metadata={_NOTES: notes.encode()}), unfinished, compression="zstd")


def read_table(path: Path) -> CurveTable:
    """Read a table that `write_table` wrote.

    Raises:
        DataError: the file is damaged, or holds something else.
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            read = file.read()
        notes = json.loads(read.schema.metadata[_NOTES])
        recorded = Recorded(**notes["recorded"])
        varied, constants = notes["parameters"], notes["constants"]
        rows = read.to_pylist()
        runs = [
            _run(rows[start : start + recorded.epochs], varied, constants)
            for start in range(0, len(rows), recorded.epochs)
        ]
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: is no table of learning curves: {error}") from error
    if not runs:
        raise DataError(f"{path}: the table holds no learning curve")
    return CurveTable(recorded, runs)


def _run(rows: Sequence[Mapping[str, Any]], varied: Sequence[str], constants: Config) -> Run:
    """The run of some rows, which are its epochs."""
    if [row["epoch"] for row in rows] != list(range(1, len(rows) + 1)):
        raise ValueError(f"epochs 1 to {len(rows)} must follow each other, got {[row['epoch'] for row in rows]}")
    config = {**constants, **{name: rows[0][name] for name in varied if rows[0][name] is not None}}
    told = {*varied, *_PLACES}
    reports = [{name: value for name, value in row.items() if name not in told and value is not None} for row in rows]
    return Run(config, rows[0]["seed"], rows[0]["repeat"], reports)


def _own(config: Config) -> Config:
    """A configuration without the number of its repetition and without parameters that have no value."""
    return {name: value for name, value in config.items() if name != "repeat" and value is not None}


def _began_afresh(trial: TrialRecord) -> bool:
    return trial.inherited is None and not trial.warm


def _of_epochs(trial: TrialRecord) -> Sequence[Metrics]:
    """The reports at the ends of its epochs."""
    return trial.reports[trial.reports_per_epoch - 1 :: trial.reports_per_epoch]


def _kept(report: Metrics) -> Metrics:
    return {name: value for name, value in report.items() if name not in _LEFT_OUT}


def _recorded(history: History, task: str | None) -> Recorded:
    header, job = history.header, history.job
    return Recorded(
        backbone=job.backbone.id,
        weights_hash=header.backbone.hash,
        layers=header.backbone.layers,
        dtype=history.dtype or "unknown",
        task=task or job.task.sets[0].source or job.name,
        settings=_settings(job.task),
        quantization=job.backbone.quantization,
        start=None if header.start is None else header.start.digest,
        digests={split: source.digest for split, source in header.data.items()},
        rows={split: source.rows for split, source in header.data.items()},
        metric=job.task.metric,
        epochs=job.budget.epochs,
        versions=dict(header.versions),
    )


def _settings(task: Task) -> Mapping[str, Any]:
    """A task without the places of its files, as JSON holds it."""
    content = task.model_dump(mode="json", exclude={"metric", "selection"})
    for data in (content["data"], *(content.get("more") or [])):
        for key in _FILES & data.keys():
            del data[key]
    return content


def _difference(first: Recorded, other: Recorded, name: str) -> str:
    """How a search differs from those before it."""
    pairs = zip(asdict(first).items(), asdict(other).values(), strict=True)
    key, value, got = next((key, value, got) for (key, value), got in pairs if value != got)
    return f"{name}: the searches of a table must agree on {key}: {value!r}, got {got!r}"
