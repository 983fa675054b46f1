"""Made-up searches of known truth: a space, and for each seed a surface of learning curves over it.

A surface has one optimum at a place of its own, slopes of its own, pairs of parameters that depend on each other, a
region at chance, and curves that rise at different speeds, so that the first epochs mislead. They mislead most on
`late` ones: as on recorded tables, prompts of one kind stay at chance for an epoch or two whatever they come to. A
report is the true value with noise, rounded as the score of a dev set of 300 examples is.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from ptune.spec.parameter import Parameter
from ptune.spec.space import Space
from ptune.spec.trial import Config
from support.simulated import LAYERS, make_job

HORIZON = 9
CHANCE, TOP = 0.5, 0.9
EXAMPLES = 300
RATE = {"low": 1e-4, "high": 1.0, "log": True}
LENGTH = {"low": 4, "high": 128, "log": True}
ENCODER = {"choices": ["embedding", "mlp"]}

FOUR = {"lr": RATE, "length": LENGTH, "depth": {"low": 1, "high": LAYERS}, "encoder": ENCODER}
EIGHT = FOUR | {
    "dropout": {"low": 0.0, "high": 0.5, "step": 0.1},
    "batch_size": {"choices": [8, 16, 32, 64]},
    "warmup": {"choices": [0.0, 0.06, 0.2]},
    "weight_decay": {"low": 1e-4, "high": 1.0, "log": True},
}
BRANCHED = {
    "method": {"choices": ["v1", "v2"]},
    "length": [
        {"low": 2, "high": 16, "log": True, "when": {"method": "v1"}},
        {"low": 2, "high": 32, "log": True, "when": {"method": "v2"}},
    ],
    "template": {"choices": ["before", "after", "around"], "when": {"method": "v1"}},
    "encoder": [
        {"choices": ["embedding", "mlp", "lstm"], "when": {"method": "v1"}},
        {"choices": ["embedding", "mlp"], "when": {"method": "v2"}},
    ],
    "depth": {"low": 1, "high": LAYERS, "when": {"method": "v2"}},
    "lr": [
        {"low": 3e-3, "high": 1e-1, "log": True, "when": {"encoder": "embedding"}},
        {"low": 3e-4, "high": 3e-2, "log": True, "when": {"encoder": ["mlp", "lstm"]}},
    ],
}
RATES = (1e-4, 5e-4, 1e-3, 5e-3, 7e-3, 1e-2, 2e-2, 5e-2, 1e-1)
GRID = {
    "lr": {"choices": list(RATES)},
    "length": {"choices": [10, 50, 100]},
    "batch_size": {"choices": [4, 8, 16, 32]},
}
"""108 points, as the loops around P-tuning v2's scripts have."""
SPACES = {"four": FOUR, "eight": EIGHT, "branched": BRANCHED, "grid": GRID, "late": BRANCHED}
_LENGTHS = Parameter(low=2, high=128, log=True)  # of all spaces
STEEP = {"four": 1.0, "eight": 0.5, "branched": 0.7, "grid": 1.0, "late": 0.7}
"""How fast a surface falls from its optimum: set so that a third of a space, or half, stays at chance."""


@dataclass(frozen=True)
class _Shape:
    """What decides a learning curve."""

    quality: float
    """From 0 (chance) to 1."""
    speed: float
    """Of learning."""
    late: float
    """The share lost by the horizon."""
    onset: float
    """Epochs at chance before it rises."""


@dataclass(frozen=True)
class Surface:
    """Learning curves over one of the spaces; a seed decides everything.

    Args:
        kind: a key of `SPACES`.
        seed: of the optimum's place, the slopes and the noise.
    """

    kind: str
    seed: int

    @cached_property
    def table(self) -> dict[str, Any]:
        """The space as a job writes it."""
        return {"parameters": SPACES[self.kind]}

    @cached_property
    def space(self) -> Space:
        """The space, resolved."""
        return make_job(space=self.table).space.resolved(LAYERS)

    @property
    def layers(self) -> int:
        """Of the backbone that there would be."""
        return LAYERS

    @property
    def examples(self) -> int:
        """Of the dev split."""
        return EXAMPLES

    def own(self, config: Config) -> Config:
        """What of a complete configuration the space states."""
        return own_of(config, self.space)

    def report(self, config: Config, epoch: int) -> float:
        """What a dev set says after an epoch."""
        draws = random.Random(f"{self.seed} {_named(config)} {epoch}")
        value = self.true(config, epoch) + draws.gauss(0.0, self._noise)
        return min(1.0, max(0.0, round(value * EXAMPLES) / EXAMPLES))

    def true(self, config: Config, epoch: int) -> float:
        """The value behind the noise: it rises towards the configuration's own, and may fall a little after that."""
        return _risen(self._shape(config), epoch)

    def best(self, config: Config) -> float:
        """The best true value that a configuration comes to."""
        shape = self._shape(config)
        return max(_risen(shape, epoch) for epoch in range(1, HORIZON + 1))

    def cost(self, config: Config) -> float:
        """What an epoch takes: longer prompts take longer."""
        return 0.8 + 0.4 * _place(config["length"], _LENGTHS)

    @cached_property
    def optimum(self) -> float:
        """The best true value, by coordinate search from the best of many random configurations."""
        draws = np.random.default_rng(self.seed)
        configs = [self.drawn(draws) for _ in range(2000)]
        best = sorted(configs, key=self.best, reverse=True)[:5]
        return max(self.best(self._climbed(config, draws)) for config in best)

    def drawn(self, draws: np.random.Generator) -> Config:
        """A configuration drawn evenly."""
        return drawn_from(self.space, draws)

    def _climbed(self, config: Config, draws: np.random.Generator) -> Config:
        for scale in (0.2, 0.05, 0.01):
            for _ in range(150):
                near = dict(config)
                for name, definition in self.space.ordered():
                    moves = name in near and definition.applies(near) and definition.choices is None
                    if moves and draws.random() < 0.5:
                        moved = _place(near[name], definition) + float(draws.normal(0, scale))
                        near[name] = _value(definition, min(0.999, max(0.0, moved)))
                config = max(config, near, key=self.best)
        return config

    @cached_property
    def _noise(self) -> float:
        return random.Random(f"noise {self.seed}").uniform(0.010, 0.018)

    def _number(self, low: float, high: float, *names: object) -> float:
        return _uniform(self._seed(*names), low, high)

    def _seed(self, *names: object) -> str:
        return f"{self.kind} {self.seed} {names}"

    def _shape(self, config: Config) -> _Shape:
        method = str(config.get("method"))
        numeric: list[tuple[str, float]] = []
        loss = 0.0
        for name, definition in self.space.ordered():
            if name not in config or not definition.applies(config):
                continue
            if definition.choices is not None and not isinstance(config[name], int | float):
                loss += self._number(0.0, 0.12, method if name != "method" else "", name, config[name])
                continue
            place = _place(config[name], definition)
            off = place - self._number(0.2, 0.85, method, name)
            loss += STEEP[self.kind] * self._weight(method, name) * off * off
            numeric.append((name, off))
        for (one, left), (other, right) in pairwise(numeric):
            loss += STEEP[self.kind] * self._number(-1.2, 1.2, method, one, other) * left * right
        rate = dict(numeric).get("lr", 0.0)
        quality = max(0.0, 1.0 - max(0.0, loss))
        speed = 0.25 + 0.9 / (1 + math.exp(-8 * rate)) + self._number(0.0, 0.2, "speed", _named(config))
        late = max(0.0, rate) * self._number(0.0, 0.3, "late")
        onset = self._number(0.0, 2.0, method, config["encoder"], "onset") if self.kind == "late" else 0.0
        return _Shape(quality, speed, late, onset)

    def _weight(self, method: str, name: str) -> float:
        """How much a parameter matters: the rate most, about half of the others hardly."""
        if name == "lr":
            return self._number(7.0, 12.0, method, name, "weight")
        return random.Random(self._seed(method, name, "weight")).choice([0.15, 0.5, 1.0, 2.0])


@lru_cache(4096)
def _uniform(seed: str, low: float, high: float) -> float:
    """A number that a seed decides; all configurations of a surface share most of them."""
    return random.Random(seed).uniform(low, high)


def own_of(config: Config, space: Space) -> Config:
    """What of a complete configuration a space states."""
    chosen: Config = {}
    for name, definition in space.ordered():
        if definition.applies(chosen):
            chosen[name] = config[name] if definition.value is None else definition.value
    return chosen


def drawn_from(space: Space, draws: np.random.Generator) -> Config:
    """A configuration drawn evenly."""
    chosen: Config = {}
    for name, definition in space.ordered():
        if definition.applies(chosen):
            chosen[name] = _value(definition, float(draws.random()))
    return chosen


def _risen(shape: _Shape, epoch: int) -> float:
    learned, whole = (1 - math.exp(-shape.speed * max(0.0, end - shape.onset)) for end in (epoch, HORIZON))
    lost = shape.late * (epoch / HORIZON) ** 2 if learned else 0.0
    return CHANCE + (TOP - CHANCE) * shape.quality * (learned / whole - lost)


def _named(config: Config) -> str:
    return repr(sorted(config.items(), key=str))


def _place(value: Any, definition: Parameter) -> float:
    """Where a value lies in its range, from 0 to 1."""
    if definition.choices is not None:
        return definition.choices.index(value) / (len(definition.choices) - 1)
    assert isinstance(definition.low, int | float)
    assert isinstance(definition.high, int | float)
    scale = math.log if definition.log else float
    low, high = scale(definition.low), scale(definition.high)
    return (scale(value) - low) / (high - low)


def _value(definition: Parameter, place: float) -> Any:
    """The value at a place of a range, from 0 to 1."""
    if definition.value is not None:
        return definition.value
    if definition.choices is not None:
        return definition.choices[int(place * len(definition.choices))]
    low, high = definition.low, definition.high
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    if definition.log:
        value = math.exp(math.log(low) + place * (math.log(high) - math.log(low)))
    else:
        value = low + place * (high - low)
    if definition.step is not None and not definition.integer:
        value = low + round((value - low) / definition.step) * definition.step
    return round(value) if definition.integer else value
