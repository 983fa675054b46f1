"""Whether what a space states can be tried at all, so that no search starts whose trials fail one after another.

Every combination of what decides a prompt's shape is looked at, ranges by their ends; a value, or a template with a
length, that fits in none of them is refused. Knows a backbone by its config and tokenizer alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from ptune.backbone.families import Family
from ptune.backbone.tokenizer import Unloaded, load_tokenizer
from ptune.errors import BackboneError, DataError, SpecError
from ptune.prompts.layout import bind
from ptune.spec.configuration import complete
from ptune.spec.grid import combinations
from ptune.spec.job import Job
from ptune.spec.layout import input_parts
from ptune.spec.prompt import ManualPrompt, PromptSpec, PromptTuning, PromptV1
from ptune.spec.space import Parameter, Space
from ptune.spec.template import Anchor, Mask, Part, PromptRun
from ptune.spec.trial import TrialSpec

_SHAPE = ("method", "template", "length", "depth", "layers", "lengths", "positions", "head", "split", "epochs")
_FRAME = 8  # at least as many special tokens as any tokenizer puts around two segments
_MOST = 5_000  # combinations; a space of more is not looked at, because a part of them proves nothing


def check_feasible(job: Job, space: Space, family: Family, folder: Path, layers: int) -> None:
    """Refuse a resolved space that states what no trial can hold.

    Args:
        job: the job.
        space: its space, resolved.
        family: the backbone's family.
        folder: the backbone's files; inputs are laid out only where its tokenizer is among them.
        layers: the backbone's layers.

    Raises:
        SpecError: a value, or a template with a length, can never be tried; one line for each reason.
    """
    ordered = space.ordered()
    deciding = {*_SHAPE, *(key for _, definition in ordered for key in definition.when)}
    ordered = [(name, definition) for name, definition in ordered if name in deciding]
    configs = [] if space.listed else list(islice(_configs(ordered), _MOST + 1))
    if len(configs) > _MOST:
        return
    fits = _Fits(job, family, folder, layers)
    works: dict[Any, bool] = {}
    reasons: dict[Any, str] = {}
    for config in configs:
        reason = fits.broken(config)
        for stated in _stated(config):
            works[stated] = works.get(stated, False) or reason is None
            if reason is not None:
                reasons.setdefault(stated, reason)
    problems = dict.fromkeys(reasons[stated] for stated, good in works.items() if not good)
    if problems:
        raise SpecError("\n".join(problems))


class _Fits:
    """Whether configurations fit a job and its backbone."""

    def __init__(self, job: Job, family: Family, folder: Path, layers: int) -> None:
        self._job = job
        self._family = family
        self._folder = folder
        self._layers = layers
        self._of_input = cache(self._broken_input)

    def broken(self, config: Mapping[str, Any]) -> str | None:
        """What keeps a configuration from being tried."""
        try:
            spec = TrialSpec.from_config(complete(config, self._job, self._layers))
        except SpecError as error:
            return str(error)
        if getattr(spec.prompt, "positions", "auto") == "shifted" and not self._family.shifts:
            return f'positions = "shifted" cannot be had on {self._job.backbone.id}, whose positions are relative'
        if not isinstance(spec.prompt, PromptV1 | PromptTuning | ManualPrompt):
            return None
        return self._of_input(spec.prompt, (spec.head or self._job.task.default_head) == "verbalizer")

    def _broken_input(self, prompt: PromptSpec, language: bool) -> str | None:
        """What keeps a prompt from standing in an input of every data set."""
        try:
            for data in self._job.task.sets:
                parts = input_parts(prompt, data.fields, data.template, masked=language)
                if _most_taken(parts) + len(data.fields) > data.max_length and self._reading is not None:
                    bind(parts, self._reading, data.fields, data.max_length)
        except (SpecError, DataError) as error:
            template = getattr(prompt, "template", None)
            return f"template {template!r}: {error}" if isinstance(error, DataError) and template else str(error)
        return None

    @property
    def _reading(self) -> Unloaded | None:
        return _reading(self._folder, self._job.backbone.id, self._family)


def _most_taken(parts: Sequence[Part]) -> int:
    """An upper bound of the tokens that all but the texts take: only longer prompts need a tokenizer, which is slow."""
    words = sum(2 * len(part.text.encode()) for part in parts if isinstance(part, Anchor))
    prompts = sum(part.count or 0 for part in parts if isinstance(part, PromptRun))
    return words + prompts + sum(isinstance(part, Mask) for part in parts) + _FRAME


@cache
def _reading(folder: Path, name: str, family: Family) -> Unloaded | None:
    """The backbone's tokenizer, if it is here."""
    try:
        return Unloaded(load_tokenizer(folder, name), family)
    except BackboneError:
        return None


def _stated(config: Mapping[str, Any]) -> Iterator[Any]:
    """The values of a configuration, each of which should be of use, and its template with its length."""
    yield from config.items()
    if config.get("method") in ("v1", "prompt_tuning"):
        yield config["method"], config.get("template"), config.get("length")


def _configs(ordered: Sequence[tuple[str, Parameter]]) -> Iterator[dict[str, Any]]:
    """What decides the shape of a prompt, in every combination that conditions allow."""
    for chosen in combinations(ordered, _values):
        yield {name: value for name, value in chosen.items() if name in _SHAPE and value is not None}


def _values(definition: Parameter) -> Sequence[Any]:
    """What a definition may choose, and the ends of a range."""
    return definition.possible() or list(dict.fromkeys([definition.low, definition.high]))
