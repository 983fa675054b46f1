"""From a configuration to something an engine can train: the trial's prompt, head and encoded data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ptune.backbone.load import Backbone
from ptune.data.sources import Split, Splits
from ptune.data.templates import Layout, tokenise_split
from ptune.prompts.rows import Examples
from ptune.engine.seeds import stream_seed
from ptune.engine.slots import Plan
from ptune.prompts.build import build_learner
from ptune.prompts.learner import Learner
from ptune.spec.job import Job
from ptune.spec.prompt import PromptSpec, PromptV1
from ptune.spec.template import Part, parse, plain, run_lengths
from ptune.spec.trial import TrialSpec

STATE_FILE = "state.safetensors"


def state_file(trial: int) -> Path:
    """Where a trial's state is kept, relative to the search's folder."""
    return Path("trials") / f"{trial:04d}" / STATE_FILE


def trial_layout(prompt: PromptSpec, fields: list[str]) -> tuple[list[Part], list[int]]:
    """A prompt's template as parts, and the length of each of its prompt runs (none for methods other than v1)."""
    if isinstance(prompt, PromptV1):
        parts = parse(prompt.template, fields)
        return parts, run_lengths(parts, prompt.length)
    return plain(fields), []


class TrialFactory:
    """Makes the trials of one job on one backbone; data is encoded once for each template.

    Attributes:
        splits: the job's data.
    """

    def __init__(self, job: Job, splits: Splits, backbone: Backbone, folder: Path) -> None:
        self.splits = splits
        self._job = job
        self._backbone = backbone
        self._folder = folder
        self._encoded: dict[tuple[str, ...], tuple[Examples, Examples]] = {}

    def make(self, trial: int, config: Mapping[str, Any]) -> tuple[Plan, Learner]:
        """Build trial number `trial` from its flat configuration.

        Raises:
            SpecError: the configuration does not fit the backbone.
            DataError: the prompt leaves no room for text.
        """
        job, backbone = self._job, self._backbone
        spec = TrialSpec.from_config(config)
        learner = build_learner(
            spec.prompt,
            backbone.shape,
            backbone.family,
            classes=len(self.splits.labels),
            pooled=backbone.pooler is not None,
            seed=stream_seed(job.seed, trial, "init"),
        )
        train, dev = self._examples(spec.prompt)
        plan = Plan(
            trial=trial,
            recipe=spec.recipe,
            train=train,
            dev=dev,
            metric=job.task.metric,
            seed=job.seed,
            horizon=job.budget.epochs,
            state_path=self._folder / state_file(trial),
            config=spec.to_config(),
        )
        return plan, learner

    def encode(self, prompt: PromptSpec, split: Split) -> Examples:
        """Encode a split as this prompt's trials see it."""
        data = self._job.task.data
        parts, lengths = trial_layout(prompt, data.text)
        items = tokenise_split(split, Layout(self._backbone.tokenizer, data.text, parts, lengths, data.max_length))
        reads = [item.first if self._backbone.family.reads == "first" else item.last for item in items]
        return Examples(items, np.array(split.labels), np.array(reads))

    def _examples(self, prompt: PromptSpec) -> tuple[Examples, Examples]:
        key = (prompt.template, str(prompt.length)) if isinstance(prompt, PromptV1) else ()
        if key not in self._encoded:
            self._encoded[key] = (self.encode(prompt, self.splits.train), self.encode(prompt, self.splits.dev))
        return self._encoded[key]
