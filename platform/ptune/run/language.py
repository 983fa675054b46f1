"""What a task that reads words asks of a backbone: a language head, and words that are tokens of its vocabulary.

Checked before anything starts, with the backbone's config, tokenizer and weight names alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ptune.backbone.families import family_of
from ptune.backbone.locate import has_language_head, read_config
from ptune.backbone.tokenizer import Unloaded, load_tokenizer
from ptune.data.sources import Splits
from ptune.errors import BackboneError, DataError, SpecError
from ptune.spec.data import Data
from ptune.spec.job import Job
from ptune.spec.prompt import ManualPrompt, NoPrompt, PromptSpec, PromptV1
from ptune.spec.template import PromptRun, parse


def check_language(job: Job, splits: Sequence[Splits], folder: Path) -> None:
    """Check a task that reads words against the backbone in `folder`; other tasks pass.

    Raises:
        BackboneError: the checkpoint has no language head.
        SpecError: a template has no place for a word, or a label's word is not a token; one line for each problem.
    """
    if not job.task.language:
        return
    name = job.backbone.id
    if has_language_head(folder) is False:
        raise BackboneError(
            f"{name} has no language-modelling head, and the task reads words; name a checkpoint with one"
        )
    family = family_of(str(read_config(folder).get("model_type")), name)
    reading = Unloaded(load_tokenizer(folder, name), family)
    problems = [
        f"{data_name}: {line}" if len(job.task.sets) > 1 else line
        for data_name, data, one in zip(job.task.set_names, job.task.sets, splits, strict=True)
        for line in _word_problems(job, data, one.labels, reading)
    ]
    if problems:
        raise SpecError("\n".join(dict.fromkeys(problems)))


def _word_problems(job: Job, data: Data, labels: list[str], reading: Unloaded) -> list[str]:
    """What keeps a data set's words from standing in each of the job's templates; asks the task's kind itself."""
    from ptune.tasks.build import build_kind, lay_out

    kind = build_kind(job.task, data, labels, "verbalizer")
    problems = []
    for prompt in _prompts(job, data):
        try:
            kind.head_spec(lay_out(prompt, data, reading, language=True))
        except (SpecError, DataError) as error:
            problems += str(error).splitlines()
    return problems


def _prompts(job: Job, data: Data) -> Iterator[PromptSpec]:
    """A prompt for each template of the job: the data's own, and those that the space states."""
    if not data.masked or (data.template is not None and "[MASK]" in data.template):
        yield NoPrompt()
    stated: list[Any] = [value for one in job.space.parameters.get("template", []) for _, value in one.stated()]
    stated += [template for point in job.space.baseline if (template := point.get("template")) is not None]
    for template in dict.fromkeys(map(str, stated)):
        runs = [part for part in parse(template, data.fields, data.template) if isinstance(part, PromptRun)]
        length = sum(run.count or 1 for run in runs)
        yield PromptV1(template=template, length=length) if runs else ManualPrompt(template=template)
