"""Everything that can be known of a job before it starts: each law once, and no problem hides another.

A law is judged when the tables it needs are valid by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ptune.backbone.locate import locate, located
from ptune.backbone.profile import Profile, read_profile
from ptune.backbone.quantizer import check_quantizer
from ptune.backbone.tokenizer import check_vocabulary
from ptune.checks.configuration import space_problems, unfit_inputs
from ptune.checks.data import file_problems, is_elsewhere
from ptune.checks.fast_paths import fast_path_problems
from ptune.checks.positions import position_problems
from ptune.checks.prior import table_problems
from ptune.checks.reports import report_problems
from ptune.checks.spread import spread_problems
from ptune.checks.start import artifact_at, place_problems, start_problems
from ptune.checks.words import language_head_problems, word_problems
from ptune.data.sources import Splits, load_splits
from ptune.errors import BackboneError, DataError, PtuneError, SpecError
from ptune.spec.job import BackboneSpec, Tables, job_problems
from ptune.spec.problem import Problem
from ptune.spec.prompt_uri import is_uri
from ptune.spec.task import Task
from ptune.spec.tracking import is_in_mlflow

if TYPE_CHECKING:
    from ptune.artifacts.artifact import Artifact


@dataclass
class Checked:
    """What is known of a job.

    Attributes:
        tables: its tables.
        problems: every broken law, once.
        later: what is only judged when the search starts.
        profile: its backbone; None where its files are not here.
        splits: its data sets, in order, where all were read.
        start: the artifact from which its trials start, where it was read.
    """

    tables: Tables
    problems: list[Problem] = field(default_factory=list)
    later: list[str] = field(default_factory=list)
    profile: Profile | None = None
    splits: list[Splits] | None = None
    start: Artifact | None = None

    @property
    def notes(self) -> list[str]:
        """What is to be said of the data, where all of it was read."""
        return list(dict.fromkeys(note for splits in self.splits or [] for note in splits.notes))


def check(
    tables: Tables,
    *,
    fetch: bool = False,
    read_data: bool = False,
    runs: Path | None = None,
    kept: Path | None = None,
) -> Checked:
    """Judge a job by every law.

    Args:
        tables: its tables.
        fetch: whether a backbone that is not here is fetched from the Hub.
        read_data: whether data is read and, with it, label words and an artifact to start from, which takes torch.
        runs: the runs folder, in whose database an artifact to start from may be; None leaves MLflow alone.
        kept: the artifact that a search which has begun starts from, whatever is by now where the job names it.
    """
    checked = Checked(tables)
    checked.problems += job_problems(tables)
    checked.problems += table_problems(tables)
    if tables.backbone is not None:
        _check_backbone(checked, tables.backbone, fetch=fetch)
    if checked.profile is not None:
        _check_profile(checked, checked.profile)
    elif tables.space is not None and tables.task is not None:
        checked.problems += unfit_inputs(tables.space, tables.task, dropped=tables.dropped)
    if tables.budget is not None and tables.budget.own_sampler is not None:
        checked.problems += _unknown_sampler(tables.budget.own_sampler)
    if tables.start is not None:
        _check_start(checked, tables.start if kept is None else str(kept), runs, read_data=read_data)
    if tables.task is not None:
        _check_data(checked, tables.task, read_data=read_data)
    if read_data and checked.profile is not None:
        _check_contents(checked, checked.profile)
    checked.problems = list(dict.fromkeys(checked.problems))
    return checked


def _unknown_sampler(path: str) -> list[Problem]:
    """Why a user's own sampler cannot be had."""
    from ptune.searching.samplers import import_sampler  # Optuna takes a second, and few jobs name a sampler so

    try:
        import_sampler(path)
    except SpecError as error:
        return [Problem(("budget", "sampler"), str(error))]
    return []


def _check_backbone(checked: Checked, backbone: BackboneSpec, *, fetch: bool) -> None:
    """Find the backbone, read its profile, and look for its tokenizer's files and for what quantizes it."""
    if backbone.quantization is not None:
        try:
            check_quantizer()
        except BackboneError as error:
            checked.problems.append(Problem(("backbone", "quantization"), str(error), BackboneError))
    try:
        trust = backbone.trust_remote_code
        find = partial(locate, code=bool(trust)) if fetch else located
        folder = find(backbone.id, backbone.revision)
        if folder is None:
            checked.later.append(f"{backbone.id} is not in the Hub cache here")
        else:
            checked.profile = read_profile(folder, backbone.id, trust=trust)
            check_vocabulary(folder, backbone.id)
            checked.profile.check_weights()
            checked.profile.check_tokenizer()
    except BackboneError as error:
        checked.problems.append(Problem(("backbone", "id"), str(error), BackboneError))


def _check_profile(checked: Checked, profile: Profile) -> None:
    """Judge the task and the space on the backbone."""
    task, space, budget = checked.tables.task, checked.tables.space, checked.tables.budget
    if checked.tables.resources is not None:
        checked.problems += spread_problems(checked.tables.resources, space, profile)
        checked.problems += fast_path_problems(checked.tables.resources, checked.tables.backbone, profile)
    if task is not None:
        checked.problems += [*kind_problems(task, profile), *language_head_problems(task, profile)]
    if space is not None:
        checked.problems += space_problems(space, task, budget, profile, checked.tables.dropped)
    elif task is not None:
        checked.problems += position_problems(task, None, profile)


def kind_problems(task: Task, profile: Profile) -> list[Problem]:
    """That a family does not answer a kind of task."""
    if profile.family.reads in task.read:
        return []
    kinds = {"first": "an encoder", "last": "a causal language model", "decoder": "an encoder-decoder"}
    law = f"task.kind = {task.kind!r} {task.needs}, and {profile.id} is {kinds[profile.family.reads]}"
    return [Problem(("task", "kind"), law)]


def _check_data(checked: Checked, task: Task, *, read_data: bool) -> None:
    """Look for the files of a task and, if asked for, read those data sets whose files are there."""
    lost = file_problems(task)
    checked.problems += lost
    elsewhere = list(dict.fromkeys(str(data.source) for data in task.sets if is_elsewhere(data)))
    if not read_data:
        checked.later += [f"the data set {source} is looked at when the search starts" for source in elsewhere]
        return
    places = {problem.place[:-1] for problem in lost}
    splits: list[Splits] = []
    for data, place in zip(task.sets, task.set_places, strict=True):
        if place not in places:
            try:
                splits.append(load_splits(data, checked.tables.drawing_seed))
            except DataError as error:
                checked.problems.append(Problem(place, str(error), DataError))
    checked.splits = splits if len(splits) == len(task.sets) else None


def _check_start(checked: Checked, start: str, runs: Path | None, *, read_data: bool) -> None:
    """Judge what a job starts from and, if asked for, read it."""
    if problems := place_problems(start):
        checked.problems += problems
        return
    if not read_data or (runs is None and is_in_mlflow(start)):
        if is_uri(start):
            checked.later.append(f"the prompt {start} is fetched when the search starts")
        return
    try:
        checked.start = artifact_at(start, checked.tables.tracking, runs or Path())
    except PtuneError as error:  # what is wrong there: the folder, the artifact, the server, the Hub
        checked.problems.append(Problem(("start",), str(error), type(error)))


def _check_contents(checked: Checked, profile: Profile) -> None:
    """Judge what needs the data or another artifact as well as the backbone."""
    tables = checked.tables
    if tables.task is None or tables.space is None:
        return
    if checked.splits is not None:
        checked.problems += word_problems(tables.task, tables.space, checked.splits, profile)
        if tables.budget is not None and not tables.dropped:
            checked.problems += report_problems(
                tables.budget, tables.task, tables.space, checked.splits, tables.drawing_seed
            )
    if checked.start is not None and not tables.dropped:
        checked.problems += start_problems(checked.start, tables.task, tables.space, profile)
