"""What an epoch of a job takes on an engine of this machine, measured on a part of its data."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from ptune.data.sources import Split, Splits
from ptune.engine.fused import Engine, Failure
from ptune.errors import DivergedError, SpecError
from ptune.run.load import load_job_backbone, make_engine
from ptune.run.prepare import Prepared
from ptune.run.trials import TrialFactory
from ptune.searching.plan import Pace
from ptune.searching.quasi import quasi_point
from ptune.spec.configuration import complete
from ptune.spec.trial import Config

_ROWS = (
    512  # of the training split that what is measured up to a report takes at most; the dev split shrinks as it does
)
_TRIES = 20  # points for each slot, of which some may break a law
_WARM_S = 2.0  # a machine is warm after so long


def measure_pace(prepared: Prepared, say: Callable[[str], None]) -> Pace:
    """Train an epoch of as many trials as an engine has slots: each for itself, and all together.

    The configurations are spread evenly over the space. Nothing of them is kept.

    Args:
        prepared: the job and its data.
        say: told what is measured.

    Raises:
        PtuneError: the backbone or a trial cannot be loaded, or a trial fails.
    """
    job, began = prepared.job, time.perf_counter()
    share = _share(prepared)
    splits = [_cut(splits, share) for splits in prepared.splits] if share < 1 else prepared.splits
    say("loading the backbone")
    backbone = load_job_backbone(job)
    engine = make_engine(job, backbone)
    with TemporaryDirectory(prefix="ptune-plan-") as folder:
        whole = job.budget.model_copy(update={"dev_grows": False})  # scoring parts of dev takes less
        plain = job.model_copy(update={"objectives": None, "budget": whole})  # what a search rejects takes as long
        factory = TrialFactory(plain, splits, backbone, Path(folder), prepared.start)
        configs = _configurations(prepared)
        numbers = count()
        _train(engine, factory, configs[:1], numbers)  # encodes the data
        start_s = time.perf_counter() - began
        while time.perf_counter() - began < start_s + _WARM_S:
            _train(engine, factory, configs, numbers)
        say(f"training {len(configs)} trials, each for itself" if len(configs) > 1 else "training a trial")
        alone_s = sum(_train(engine, factory, [config], numbers) for config in configs) / len(configs)
        together_s = alone_s
        if len(configs) > 1:
            say(f"training {len(configs)} trials together")
            together_s = _train(engine, factory, configs, numbers)
    epochs = share / job.budget.reports_per_epoch  # that the measured part is worth
    return Pace(alone_s / epochs, max(alone_s, together_s) / epochs, len(configs), start_s)


def _share(prepared: Prepared) -> float:
    """The share of the data that is measured; few-shot data is small, and is drawn from all of it."""
    rows = sum(len(splits.train) for splits in prepared.splits)
    is_drawn = any(data.shots is not None for data in prepared.job.task.sets)
    return 1.0 if is_drawn or rows == 0 else min(1.0, _ROWS * prepared.job.budget.reports_per_epoch / rows)


def _cut(splits: Splits, share: float) -> Splits:
    return replace(splits, train=_first(splits.train, share), dev=_first(splits.dev, share))


def _first(split: Split, share: float) -> Split:
    """Evenly spaced rows, so that files sorted by label or length lose nothing of either."""
    rows = max(1, round(len(split) * share))
    return split.pick([number * len(split) // rows for number in range(rows)])


def _configurations(prepared: Prepared) -> Sequence[Config]:
    """As many as an engine has slots; those that break a law are passed over, as a search does."""
    job, slots = prepared.job, prepared.job.resources.slots
    space = job.space.resolved(prepared.layers)
    configs: list[Config] = []
    for index in range(_TRIES * slots):
        try:
            configs.append(complete(quasi_point(space, job.seed, index, {}), job, prepared.layers))
        except SpecError as error:
            broken = error
        if len(configs) == slots:
            return configs
    raise broken


def _train(engine: Engine, factory: TrialFactory, configs: Sequence[Config], numbers: count[int]) -> float:
    """Seconds in which new trials of some configurations train up to their first report beside each other."""
    trials = [(next(numbers), config) for config in configs]
    for trial, config in trials:
        engine.join(*factory.make(trial, config))
    began = time.perf_counter()
    for trial, _ in trials:
        engine.advance(trial, 1)
    while engine.busy:
        for outcome in engine.step():
            if isinstance(outcome, Failure) and not isinstance(outcome.error, DivergedError):
                raise outcome.error
    seconds = time.perf_counter() - began
    for trial, _ in trials:
        engine.leave(trial)
    return seconds
