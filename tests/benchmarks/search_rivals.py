"""Searches that ptune is compared with, each driven through the objects that its users drive.

Every search is played by `play` on the same slots in virtual time: it hands out trials and is told what they report.
"""

from __future__ import annotations

import contextlib
import heapq
import logging
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import optuna
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

from ptune.record.shipped_tables import names
from ptune.searching.best_recorded import recorded_points
from ptune.searching.conductor import Conductor
from ptune.searching.suggest import plain_name, quiet, suggest
from ptune.spec.budget import Budget
from ptune.spec.parameter import Parameter
from ptune.spec.prior import Prior
from ptune.spec.trial import Config
from support.recorded_surface import RecordedSurface
from support.simulated import make_job, start
from support.surfaces import HORIZON
from support.surfaces import Surface as MadeUp

METRIC = "accuracy"
Surface = MadeUp | RecordedSurface
"""What searches are played on."""
DEFAULTS = {"sampler": Budget.model_fields["sampler"].default, "stopping": {"type": "asha"}}


@dataclass(frozen=True)
class Begun:
    """A stretch of training that a search asks for."""

    trial: int
    config: Config
    epoch: int
    """Epochs finished before it."""


class Search(Protocol):
    """What `play` plays."""

    def begin(self) -> Begun | None:
        """The next stretch; None when there is none at present."""

    def report(self, trial: int, epoch: int, value: float) -> bool:
        """Take in an epoch; whether the stretch goes on."""


@runtime_checkable
class Choosing(Protocol):
    """A search that says itself which epoch of which trial it would hand over. Of all others, it is the best value."""

    def chosen(self) -> tuple[Config, int]:
        """The configuration and its epoch."""


Maker = Callable[[Surface, int, int], contextlib.AbstractContextManager[Search]]
"""From a surface, a seed and a budget of epochs to a search."""


@dataclass(frozen=True)
class Epoch:
    """One epoch that a search has trained, in the order in which they end."""

    config: Config
    epoch: int
    value: float
    chosen: tuple[Config, int]
    """What the search would hand over after it: a configuration and its epoch."""


def play(search: Search, surface: Surface, slots: int, budget: int) -> list[Epoch]:
    """Run a search until its epochs are used up, or until it wants no more."""
    running: list[tuple[float, int, Begun, int]] = []
    trained: list[Epoch] = []
    clock, order, highest = 0.0, 0, -math.inf
    while len(trained) < budget:
        while len(running) < slots and (turn := search.begin()) is not None:
            order += 1
            heapq.heappush(running, (clock + surface.cost(turn.config), order, turn, turn.epoch + 1))
        if not running:
            break
        clock, _, turn, epoch = heapq.heappop(running)
        value = surface.report(turn.config, epoch)
        goes_on = search.report(turn.trial, epoch, value)
        if isinstance(search, Choosing):
            chosen = search.chosen()
        elif value > highest:
            highest, chosen = value, (turn.config, epoch)
        trained.append(Epoch(turn.config, epoch, value, chosen))
        if goes_on:
            order += 1
            heapq.heappush(running, (clock + surface.cost(turn.config), order, turn, epoch + 1))
    return trained


@contextlib.contextmanager
def ptune(surface: Surface, seed: int, budget: int, **job: Any) -> Iterator[Search]:
    """ptune's own conductor on a journal of its own; `job` goes into `make_job`."""
    with TemporaryDirectory(dir=_memory()) as folder:
        table = {"trials": budget, "epochs": HORIZON, "seed": seed, "space": surface.table} | DEFAULTS | job
        yield _Conducted(start(make_job(**table), Path(folder) / "journal.jsonl", rows=surface.examples), surface)


def ptune_within(surface: Surface, seed: int, budget: int, **job: Any) -> contextlib.AbstractContextManager[Search]:
    """The same under a limit of epochs, for rules that leave the horizon to the end of a search."""
    return ptune(surface, seed, budget, limits={"epochs_total": max(budget, HORIZON)}, **job)


def ptune_knowing(surface: Surface, seed: int, budget: int) -> contextlib.AbstractContextManager[Search]:
    """The same, which first tries what is best in the tables of other tasks, as `ptune init` has it."""
    others = [name for name in names() if name != surface.kind]
    points = recorded_points(others, surface.space, surface.layers, Prior.model_fields["best"].default)
    return ptune(surface, seed, budget, space=surface.table | {"baseline": [known.point for known in points]})


class _Conducted:
    def __init__(self, conductor: Conductor, surface: Surface) -> None:
        self.conductor = conductor
        self._surface = surface

    def begin(self) -> Begun | None:
        turn = self.conductor.next_turn()
        return None if turn is None else Begun(turn.trial, self._surface.own(turn.config), turn.epoch)

    def report(self, trial: int, epoch: int, value: float) -> bool:
        metrics = {"loss": 1.0 - value, METRIC: value}
        return self.conductor.report(trial, epoch, metrics, f"trials/{trial:04d}/state.safetensors") == "continue"

    def chosen(self) -> tuple[Config, int]:
        """What `ptune export` takes: the best trial's best epoch, each by the mean of it and those before."""
        best = self.conductor.history.best
        assert best is not None
        return self._surface.own(best.config), best.best_epoch


@contextlib.contextmanager
def random_full(surface: Surface, seed: int, budget: int) -> Iterator[Search]:
    """Random configurations, each trained to the horizon."""
    yield _Drawn(surface, seed)


@contextlib.contextmanager
def screened(surface: Surface, seed: int, budget: int) -> Iterator[Search]:
    """One epoch for many, then the best of them to the horizon (Egele et al. 2023, arXiv 2307.15422): half the
    epochs for each."""
    yield _Screened(surface, seed, budget)


class _Drawn:
    """Random configurations, without end."""

    def __init__(self, surface: Surface, seed: int) -> None:
        self._surface = surface
        self._draws = np.random.default_rng(seed)
        self.configs: list[Config] = []

    def begin(self) -> Begun | None:
        self.configs.append(self._surface.drawn(self._draws))
        return Begun(len(self.configs) - 1, self.configs[-1], 0)

    def report(self, trial: int, epoch: int, value: float) -> bool:  # noqa: ARG002 - as every search has it
        return epoch < HORIZON


class _Screened(_Drawn):
    def __init__(self, surface: Surface, seed: int, budget: int) -> None:
        super().__init__(surface, seed)
        self._many = max(2, budget // 2)
        self._kept = max(1, (budget - self._many) // (HORIZON - 1))
        self._values: dict[int, float] = {}
        self._chosen: list[int] | None = None

    def begin(self) -> Begun | None:
        if len(self.configs) < self._many:
            return super().begin()
        if len(self._values) < self._many:
            return None
        if self._chosen is None:
            ranked = sorted(self._values, key=lambda trial: -self._values[trial])
            self._chosen = ranked[: self._kept]
        if not self._chosen:
            return None
        trial = self._chosen.pop(0)
        return Begun(trial, self.configs[trial], 1)

    def report(self, trial: int, epoch: int, value: float) -> bool:
        self._values.setdefault(trial, value)
        return 1 < epoch < HORIZON


def optuna_pruned(pruner: Callable[[], optuna.pruners.BasePruner]) -> Maker:
    """Optuna's TPE as it comes, with one of its pruners."""

    @contextlib.contextmanager
    def maker(surface: Surface, seed: int, budget: int) -> Iterator[Search]:
        yield _Pruned(surface, seed, pruner())

    return maker


class _Pruned:
    def __init__(self, surface: Surface, seed: int, pruner: optuna.pruners.BasePruner) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler = optuna.samplers.TPESampler(seed=seed)
        self._study = optuna.create_study(
            study_name=f"seed {seed}", direction="maximize", sampler=sampler, pruner=pruner
        )  # Hyperband takes brackets from the name
        self._space = surface.space
        self._trials: dict[int, optuna.Trial] = {}
        self._latest: dict[int, float] = {}

    def begin(self) -> Begun | None:
        with quiet():
            trial = self._study.ask()
            config = suggest(trial, self._space)
        self._trials[trial.number] = trial
        return Begun(trial.number, config, 0)

    def report(self, number: int, epoch: int, value: float) -> bool:
        trial = self._trials[number]
        trial.report(value, epoch)
        best = self._latest[number] = max(value, self._latest.get(number, value))
        if epoch == HORIZON:
            self._study.tell(trial, best)
            return False
        if trial.should_prune():
            self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            return False
        return True


def ray_tune(eta: int, grace: int = 1) -> Maker:
    """Ray Tune's OptunaSearch under its ASHAScheduler, as `tune.Tuner` calls them; a grace of 1 is its own."""

    @contextlib.contextmanager
    def maker(surface: Surface, seed: int, budget: int) -> Iterator[Search]:
        logging.getLogger("ray.tune").setLevel(logging.ERROR)
        yield _Tuned(surface, seed, eta, grace)

    return maker


class _Tuned:
    def __init__(self, surface: Surface, seed: int, eta: int, grace: int) -> None:
        space = surface.space
        self._space = space

        def defined(trial: Any) -> None:
            suggest(trial, space)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._search = OptunaSearch(defined, metric=METRIC, mode="max", seed=seed)
        self._scheduler = ASHAScheduler(
            metric=METRIC, mode="max", max_t=HORIZON, grace_period=grace, reduction_factor=eta
        )
        self._count = 0

    def begin(self) -> Begun | None:
        trial = self._count
        self._count += 1
        params = self._search.suggest(str(trial))
        assert params is not None
        config = {plain_name(label): value for label, value in params.items()}
        self._scheduler.on_trial_add(None, SimpleNamespace(trial_id=str(trial)))
        return Begun(trial, config, 0)

    def report(self, trial: int, epoch: int, value: float) -> bool:
        result = {METRIC: value, "training_iteration": epoch}
        shown = SimpleNamespace(trial_id=str(trial))
        self._search.on_trial_result(str(trial), result)
        if self._scheduler.on_trial_result(None, shown, result) == "CONTINUE":
            return True
        self._scheduler.on_trial_complete(None, shown, result)
        self._search.on_trial_complete(str(trial), result)
        return False


@contextlib.contextmanager
def syne_tune(surface: Surface, seed: int, budget: int) -> Iterator[Search]:
    """Syne Tune's BOHB, driven as its own tuner drives it (`pip install syne-tune`)."""
    yield _SyneTuned(surface, seed)


def has_syne_tune() -> bool:
    """Whether Syne Tune is installed. ptune does not depend on it."""
    return find_spec("syne_tune") is not None


class _SyneTuned:
    """A space with conditions is flat to Syne Tune: each definition is a parameter, and idle ones are passed over."""

    def __init__(self, surface: Surface, seed: int) -> None:
        from syne_tune.optimizer.baselines import BOHB

        logging.getLogger("syne_tune").setLevel(logging.ERROR)
        self._space = surface.space
        flat = {
            f"{name}/{index}": _domain(definition)
            for name, definitions in self._space.parameters.items()
            for index, definition in enumerate(definitions)
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._scheduler = BOHB(
                config_space=flat,
                metric=METRIC,
                time_attr="epoch",
                max_t=HORIZON,
                do_minimize=False,
                random_seed=seed,
                reduction_factor=3,
            )
        self._trials: list[Any] = []

    def begin(self) -> Begun | None:
        from syne_tune.backend.trial_status import Trial

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            suggested = self._scheduler.suggest()
        trial = Trial(trial_id=len(self._trials), config=suggested.config, creation_time=datetime.now(UTC))
        self._trials.append(trial)
        self._scheduler.on_trial_add(trial)
        return Begun(trial.trial_id, self._config(suggested.config), 0)

    def report(self, number: int, epoch: int, value: float) -> bool:
        trial, result = self._trials[number], {METRIC: value, "epoch": epoch}
        goes_on = self._scheduler.on_trial_result(trial, result) == "CONTINUE"
        if goes_on and epoch == HORIZON:
            self._scheduler.on_trial_complete(trial, result)
        return goes_on and epoch < HORIZON

    def _config(self, flat: dict[str, Any]) -> Config:
        chosen: dict[str, Any] = {}
        for name, definition in self._space.ordered():
            if definition.applies(chosen):
                chosen[name] = flat[f"{name}/{self._space.parameters[name].index(definition)}"]
        return chosen


def _domain(definition: Parameter) -> Any:
    """A definition as Syne Tune writes it."""
    from syne_tune import config_space

    if definition.choices is not None:
        return config_space.choice(definition.choices)
    if definition.value is not None:
        return config_space.choice([definition.value])
    low, high = definition.low, definition.high
    if definition.step is not None and not definition.integer:
        return config_space.finrange(low, high, round((high - low) / definition.step) + 1)  # type: ignore[operator]
    if definition.integer:
        return (config_space.lograndint if definition.log else config_space.randint)(low, high)
    return (config_space.loguniform if definition.log else config_space.uniform)(low, high)


def _memory() -> str | None:
    """A folder in memory, where the machine has one: the journals of simulations need not outlive it."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
