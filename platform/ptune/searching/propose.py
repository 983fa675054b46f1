"""Which configuration to try next, by what a Gaussian process over configurations and epochs expects of it.

The proposal is the one, among random ones and neighbours of the best, of which the greatest improvement is expected at
the horizon (Jones et al. 1998, "Efficient Global Optimization", equation 15). Trials that have not reported yet are
taken to reach what is expected of them, so that several proposals at once differ.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ptune.searching.expected import drawn_from, favour
from ptune.searching.features import Encoded, Features
from ptune.searching.scale import share_of, value_at
from ptune.spec.parameter import Parameter
from ptune.spec.space import Space
from ptune.spec.trial import Config, Scalar

if TYPE_CHECKING:
    from ptune.searching.surrogate import Observed, Surrogate

_BEST = 25
_LATEST = 125
"""Trials that the model sees, so that a proposal does not take longer and longer: the best ones, and the latest."""
_LEAST_VALUE = -1.0
"""Where values are cut off: as far below the median as the best lies above it. How bad a bad one is teaches nothing."""
_TRIES = 20
_DRAWN = 300
_NEAR = 200
_NEARER = 80
_PARENTS = 5
_STEPS = (0.2, 0.05)
_FINER = (0.1, 0.03)
_KEEP_PLACE, _KEEP_CHOICE = 0.5, 0.8
"""How likely a neighbour keeps a value."""


@dataclass
class Tried:
    """A trial as the model sees it."""

    config: Config
    utilities: list[float] = field(default_factory=list)
    """By epoch."""
    failed: bool = False
    scored_on: float = math.inf
    """How many dev examples its latest epoch is scored on; infinite for all of dev."""
    compared: int = 0
    """The position of the first epoch that is scored on as many."""

    def note(self, utility: float, scored_on: float = math.inf) -> None:
        """Take in what its next epoch counts, and on how many dev examples."""
        if scored_on != self.scored_on:
            self.scored_on, self.compared = scored_on, len(self.utilities)
        self.utilities.append(utility)

    @property
    def best(self) -> tuple[float, float]:
        """On how many dev examples it is scored, and the best utility of these epochs; it has reported."""
        return self.scored_on, max(self.utilities[self.compared :])

    @property
    def is_known(self) -> bool:
        """Whether it has shown anything."""
        return self.failed or bool(self.utilities)


def propose(
    space: Space,
    seed: Sequence[int],
    tried: Sequence[Tried],
    horizon: int,
    startup: int,
    fixed: Config,
    power: float = 0.0,
) -> Config:
    """The configuration of the next trial: the parameters that exist in it, without defaults.

    Args:
        space: a resolved search space.
        seed: of its random numbers.
        tried: all trials of the search so far.
        horizon: epochs of a whole trial.
        startup: trials with a result below which configurations are drawn at random.
        fixed: values to take as they are.
        power: of what the space's author expects, see `ptune.searching.expected`.
    """
    draws = np.random.default_rng(seed)
    drawn = [drawn_from(space, draws, fixed, power) for _ in range(_TRIES)]
    is_known = drawn[0].keys() <= fixed.keys()
    if is_known or sum(bool(trial.utilities) for trial in tried) < startup:
        return (_new(drawn, tried) or drawn)[0]
    from ptune.searching.surrogate import Surrogate  # scipy takes a second to import, and few searches need it

    features, known = Features(space), _seen(tried)
    encoded = features.encode([trial.config for trial in known])
    surrogate = Surrogate(_observed(encoded, known, horizon))
    unknown = [trial.config for trial in tried if not trial.is_known]
    if unknown:
        surrogate.believe(features.encode(unknown), 1.0)
    expected, _ = surrogate.expect(encoded, 1.0)
    best_first = [known[index].config for index in np.argsort(-expected, kind="stable")]
    candidates = [drawn_from(space, draws, fixed, power * (number % 2)) for number in range(_DRAWN)]
    candidates += _neighbours(space, draws, best_first[:_PARENTS], _STEPS, _NEAR, fixed)
    candidates = _new(candidates, tried) or candidates

    def gains_of(configs: Sequence[Config]) -> NDArray[np.float64]:
        gains = _gains(surrogate, features, configs, float(expected.max()))
        return gains * np.exp(power * favour(space, configs))

    gains = gains_of(candidates)
    for step in _FINER:
        parents = [candidates[index] for index in np.argsort(-gains, kind="stable")[:_PARENTS]]
        finer = _new(_neighbours(space, draws, parents, (step,), _NEARER, fixed), tried)
        if not finer:
            continue
        gains = np.append(gains, gains_of(finer))
        candidates += finer
    return candidates[int(np.argmax(gains))]


def _new(configs: Sequence[Config], tried: Sequence[Tried]) -> list[Config]:
    """Those that have not been tried: in a small space, the best one so far is often what is expected to be best."""
    names = {name for config in configs for name in config}
    known = {_key(trial.config, names) for trial in tried}
    return [config for config in configs if _key(config, names) not in known]


def _key(config: Config, names: Container[str]) -> frozenset[tuple[str, Scalar | None]]:
    return frozenset((name, value) for name, value in config.items() if name in names)


def _seen(tried: Sequence[Tried]) -> list[Tried]:
    """The trials that have shown something and are among the best or the latest of these, in order."""
    known = [number for number, trial in enumerate(tried) if trial.is_known]
    reported = [number for number in known if tried[number].utilities]
    best = sorted(reported, key=lambda number: tried[number].best, reverse=True)[:_BEST]
    return [tried[number] for number in sorted({*best, *known[-_LATEST:]})]


def _observed(encoded: Encoded, known: Sequence[Tried], horizon: int) -> Observed:
    """What the model is told: the first report of a trial, the latest, and some between; for a failure, the worst."""
    from ptune.searching.surrogate import Observed

    worst = min(utility for trial in known for utility in trial.utilities)
    rows = [row for index, trial in enumerate(known) for row in _reports(index, trial, horizon, worst)]
    places, epochs, utilities = (np.array(column) for column in zip(*rows, strict=True))
    middle = float(np.median(utilities))
    values = np.maximum((utilities - middle) / max(float(utilities.max()) - middle, 1e-12), _LEAST_VALUE)
    times = np.log(epochs) / math.log(max(2, horizon))
    return Observed(encoded.at(places), times, values / max(float(values.std()), 1e-12))


def _reports(row: int, trial: Tried, horizon: int, worst: float) -> list[tuple[int, int, float]]:
    epochs = len(trial.utilities)
    shown = sorted({epoch for epoch in (1, 3, 9, 27, 81) if epoch < epochs} | ({epochs} if epochs else set()))
    reports = [(row, epoch, trial.utilities[epoch - 1]) for epoch in shown]
    return [*reports, (row, horizon, worst)] if trial.failed else reports


def _gains(surrogate: Surrogate, features: Features, configs: Sequence[Config], best: float) -> NDArray[np.float64]:
    """The improvement expected of each configuration at the horizon."""
    from scipy.special import ndtr

    mean, spread = surrogate.expect(features.encode(configs), 1.0)
    off = (mean - best) / spread
    density = np.exp(-0.5 * off**2) / math.sqrt(2 * math.pi)
    gains: NDArray[np.float64] = spread * (off * ndtr(off) + density)
    return gains


def _neighbours(
    space: Space,
    draws: np.random.Generator,
    parents: Sequence[Config],
    steps: Sequence[float],
    count: int,
    fixed: Config,
) -> list[Config]:
    """Configurations near some others, in turn, at steps of several sizes, in turn."""
    return [
        _neighbour(space, draws, parents[number % len(parents)], steps[number % len(steps)], fixed)
        for number in range(count)
    ]


def _neighbour(space: Space, draws: np.random.Generator, parent: Config, step: float, fixed: Config) -> Config:
    chosen: dict[str, Scalar | None] = {}
    for name, definition in space.ordered():
        if not definition.applies(chosen):
            continue
        if name in fixed:
            chosen[name] = fixed[name]
        elif name in parent and definition.contains(parent[name]):
            chosen[name] = _moved(definition, parent[name], step, draws)
        else:
            chosen[name] = value_at(definition, float(draws.random()))
    return chosen


def _moved(definition: Parameter, value: Scalar | None, step: float, draws: np.random.Generator) -> Scalar | None:
    if definition.low is None or not isinstance(value, int | float):
        return value if draws.random() < _KEEP_CHOICE else value_at(definition, float(draws.random()))
    if draws.random() < _KEEP_PLACE:
        return value
    share = share_of(definition, value) + float(draws.normal(0.0, step))
    return value_at(definition, min(max(share, 0.0), 1.0 - 1e-9))
