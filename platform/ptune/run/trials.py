"""From a configuration to something an engine can train: the trial's prompt, head and encoded data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ptune.backbone.load import Backbone
from ptune.data.sources import Split, Splits
from ptune.engine.seeds import stream_seed
from ptune.engine.slots import Plan
from ptune.prompts.build import build_learner
from ptune.prompts.layout import bind, encode, input_parts
from ptune.prompts.learner import Learner
from ptune.prompts.rows import Examples
from ptune.spec.job import Job
from ptune.spec.prompt import PromptSpec, PromptV1
from ptune.spec.trial import TrialSpec


def state_file(trial: int) -> Path:
    """Where a trial's state is kept, relative to the search's folder."""
    return Path("trials") / f"{trial:04d}" / "state.safetensors"


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

    def _encode(self, prompt: PromptSpec, split: Split) -> Examples:
        """Encode a split as this prompt's trials see it.

        Raises:
            SpecError: the prompt's template does not fit the task's text fields.
            DataError: the prompt leaves no room for text.
        """
        data = self._job.task.data
        layout = bind(input_parts(prompt, data.text), self._backbone, data.text, data.max_length)
        return encode(layout, self._backbone, split.texts, split.labels)

    def _examples(self, prompt: PromptSpec) -> tuple[Examples, Examples]:
        key = (prompt.template, str(prompt.length)) if isinstance(prompt, PromptV1) else ()
        if key not in self._encoded:
            self._encoded[key] = (self._encode(prompt, self.splits.train), self._encode(prompt, self.splits.dev))
        return self._encoded[key]
