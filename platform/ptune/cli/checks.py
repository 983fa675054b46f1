"""What `ptune validate` looks at: everything about a job that can be known from files here, without torch or ray.

Collects every problem instead of stopping at the first. What would need the network is noted as left for later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ptune.errors import DataError, PtuneError, SpecError, nearest
from ptune.report.wording import plural
from ptune.spec import grid
from ptune.spec.budget import Asha
from ptune.spec.data import ClozeData, Data, file_of
from ptune.spec.job import Backbone, Job
from ptune.spec.load import load_job, read_tables
from ptune.spec.space import Parameter
from ptune.spec.task import Task
from ptune.spec.template import parse, run_lengths

_DEFAULT_TEMPLATE = "before"
_TASK: TypeAdapter[Task] = TypeAdapter(Task)


@dataclass
class Checked:
    """A job file, looked at."""

    path: Path
    job: Job | None = None
    layers: int | None = None
    """Layers of the backbone; None if its files are not here."""
    problems: list[str] = field(default_factory=list)
    """Each `file: [table].key: law, value given`."""
    later: list[str] = field(default_factory=list)
    """What is only looked at when the search starts."""

    def say(self, place: str, problem: object) -> None:
        """Note a problem; each line of it is one."""
        self.problems += [f"{self.path}: {place}: {line}" for line in str(problem).splitlines()]

    def to_json(self) -> dict[str, Any]:
        """The result for programs."""
        return {
            "file": str(self.path),
            "ok": not self.problems,
            "problems": self.problems,
            "later": self.later,
            "summary": describe(self.job, self.layers) if self.job and not self.problems else None,
        }


def check(path: Path, overrides: tuple[str, ...] = (), *, read_data: bool = False) -> Checked:
    """Look at one job file.

    Args:
        path: the job file.
        overrides: `table.key=value` settings that replace the file's.
        read_data: also read the data and check columns, labels and texts.
    """
    checked = Checked(path)
    try:
        checked.job = job = load_job(path, overrides)
    except SpecError as error:
        checked.problems = str(error).splitlines()
        _check_parts(checked, overrides, read_data=read_data)
        return checked
    _check_backbone(checked, job.backbone, job)
    for problem in template_problems(job):
        checked.say("[space.parameters].template", problem)
    if job.start is not None and not Path(job.start).is_dir():
        checked.say("start", f"{job.start}: there is no such folder to start from")
    _check_task(checked, job.task, job.drawing_seed, read_data=read_data)
    if read_data and job.task.language and not checked.problems:
        _check_words(checked, job)
    return checked


def _check_parts(checked: Checked, overrides: tuple[str, ...], *, read_data: bool) -> None:
    """Look at the backbone and the data of a job that is refused, where their tables are valid alone."""
    try:
        content = read_tables(checked.path, overrides)
    except SpecError:
        return
    with suppress(ValidationError):
        _check_backbone(checked, Backbone.model_validate(content.get("backbone")), None)
    with suppress(ValidationError):
        _check_task(checked, _TASK.validate_python(content.get("task")), 0, read_data=read_data)


def describe(job: Job, layers: int | None) -> str:
    """A job in one line."""
    data = job.task.sets[0]
    stopping = job.budget.stopping
    rule = f"asha eta={stopping.eta} grace={stopping.grace}" if isinstance(stopping, Asha) else "no early stopping"
    depth = f" ({layers} layers)" if layers is not None else ""
    searched = [name for name, stated in job.space.parameters.items() if any(p.value is None for p in stated)]
    return (
        f"{_trials(job, layers)} x {plural(job.budget.epochs, 'epoch')} ({rule}), "
        f"{plural(len(searched), 'parameter')}, "
        f"{job.backbone.id}{depth}, {data.source or Path(data.train).name}"
    )


def _trials(job: Job, layers: int | None) -> str:
    """How many trials there will be; a grid over the layers of a backbone that is not here cannot be counted."""
    trials = job.budget.trials
    if trials is None and (layers is not None or not grid.needs_layers(job.space)):
        trials = grid.size(job.space.resolved(layers or 1))
    return "all trials" if trials is None else plural(trials, "grid trial" if job.budget.sampler == "grid" else "trial")


def template_problems(job: Job) -> list[str]:
    """What keeps the space's v1 prompts from fitting their templates, the task's text fields or the input's length."""
    stated = job.space.parameters
    methods = {value for parameter in stated.get("method", []) for _, value in parameter.stated()}
    if "v1" not in methods:
        return []
    problems = []
    templates = [value for p in _for_v1(stated.get("template", [])) for _, value in p.stated()] or [_DEFAULT_TEMPLATE]
    for template in map(str, templates):
        lengths = _v1_lengths(stated.get("length", []), template)
        problems += [problem for data in job.task.sets for problem in _misfits(template, lengths, data)]
    return list(dict.fromkeys(problems))


def _misfits(template: str, lengths: list[int], data: Data) -> Iterator[str]:
    """What keeps a v1 template with prompts of these lengths from laying out a data set."""
    try:
        parts = parse(template, data.fields, data.template)
    except ValueError as error:
        yield f"template {template!r}: {error}"
        return
    for length in lengths:
        try:
            run_lengths(parts, length)
        except ValueError as error:
            yield f"template {template!r} with length {length}: {error}"
        if length >= data.max_length:
            room = f"length < task.data.max_length = {data.max_length} must hold to leave room for text"
            yield f"template {template!r}: {room}, got {length}"


def _for_v1(parameters: list[Parameter]) -> list[Parameter]:
    return [parameter for parameter in parameters if parameter.applies({**parameter.when, "method": "v1"})]


def _v1_lengths(parameters: list[Parameter], template: str) -> list[int]:
    """The shortest and the longest prompt that the space can give a template."""
    fitting = [p for p in _for_v1(parameters) if p.applies({**p.when, "method": "v1", "template": template})]
    values = [int(value) for parameter in fitting for _, value in parameter.stated() if isinstance(value, int)]
    return sorted({min(values), max(values)}) if values else []


def _check_backbone(checked: Checked, backbone: Backbone, job: Job | None) -> None:
    """Look at a backbone, and at the space on it if there is a job."""
    from ptune.backbone.families import family_of
    from ptune.backbone.locate import layer_count, read_config
    from ptune.run.prepare import check_space

    try:
        folder = backbone_folder(backbone)
        if folder is None:
            checked.later.append(f"{backbone.id} is not in the Hub cache here")
        elif job is not None:
            checked.layers = check_space(job, folder)
        else:
            family_of(str(read_config(folder).get("model_type")), backbone.id)
            checked.layers = layer_count(folder)
    except SpecError as error:
        checked.say("[space]", error)
    except PtuneError as error:
        checked.say("[backbone].id", error)


def backbone_folder(backbone: Backbone) -> Path | None:
    """Where the backbone's files are on this machine; None for one that would have to be fetched from the Hub.

    Raises:
        BackboneError: it should be here and is not, or is damaged.
    """
    from ptune.backbone.locate import locate

    name = backbone.id
    if name.startswith(("packaged:", ".", "/")) or Path(name).is_dir():
        return locate(name)
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(name, "config.json", revision=backbone.revision)
    except HFValidationError:
        return locate(name)  # which says that it is neither a folder nor a Hub id
    return Path(cached).parent if isinstance(cached, str) else None


def _check_task(checked: Checked, task: Task, seed: int, *, read_data: bool) -> None:
    """Look at every data set of a task; files that several relations miss are one problem, under their pattern."""
    absent: dict[str, list[Path]] = {}
    for number, data in enumerate(task.sets):
        place = "[task.data]" if number == 0 or task.kind == "cloze" else f"[task.more.{number}]"
        known = len(checked.problems)
        lost = {f"{place}.{key}": path for key, path in _files(checked, data, place) if not path.is_file()}
        for where, path in lost.items():
            absent.setdefault(where, []).append(path)
        if read_data and not lost and len(checked.problems) == known:
            _read_data(checked, data, place, seed)
        elif not read_data and _is_elsewhere(data):
            note = f"the data set {data.source} is looked at when the search starts"
            checked.later += [] if note in checked.later else [note]
    for where, paths in absent.items():
        stated = str(getattr(task.data, where.rpartition(".")[2]))
        checked.say(where, _missing(list(dict.fromkeys(paths)), stated, len(task.sets)))


def _missing(paths: list[Path], stated: str, sets: int) -> str:
    """What is missing: a file, with the nearest name there is, or how many of a pattern's files."""
    first = paths[0]
    if len(paths) > 1:
        return f"{stated}: {len(paths)} of {sets} files missing, the first is {first}"
    beside = [other.name for other in first.parent.iterdir()] if first.parent.is_dir() else []
    return f"{first}: there is no such file{nearest(first.name, beside)}"


def _files(checked: Checked, data: Data, place: str) -> Iterator[tuple[str, Path]]:
    """The files on this machine that a data set names, by the key that names them."""
    from ptune.data.builtin import split_file

    if isinstance(data, ClozeData) and data.vocabulary is not None:
        yield "vocabulary", Path(data.vocabulary)
    if _is_elsewhere(data):
        return
    for role in ("train", "dev", "test"):
        name = getattr(data, role)
        if name is not None:
            try:
                yield role, split_file(data.source, file_of(name)) if data.source else Path(file_of(name))
            except DataError as error:
                checked.say(f"{place}.{role}", error)


def _is_elsewhere(data: Data) -> bool:
    """Whether a data set comes from the Hub, or from a folder laid out like one."""
    from ptune.data.builtin import PREFIX

    return data.source is not None and not data.source.startswith(PREFIX)


def _check_words(checked: Checked, job: Job) -> None:
    """Look at the words of a task that the language model answers, with the backbone's tokenizer."""
    from ptune.data.sources import load_splits
    from ptune.run.language import check_language

    folder = backbone_folder(job.backbone)
    if folder is None:
        checked.later.append(f"words are looked at when {job.backbone.id} is here")
        return
    try:
        check_language(job, [load_splits(data, job.drawing_seed) for data in job.task.sets], folder)
    except PtuneError as error:
        checked.say("[task]", error)


def _read_data(checked: Checked, data: Data, place: str, seed: int) -> None:
    from ptune.data.sources import load_splits

    try:
        load_splits(data, seed)
    except DataError as error:
        checked.say(place, error)


def to_json(results: list[Checked]) -> str:
    """All results as one JSON object."""
    ok = all(not result.problems for result in results)
    return json.dumps({"ok": ok, "jobs": [result.to_json() for result in results]}, ensure_ascii=False)
