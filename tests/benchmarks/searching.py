"""How good a prompt a search finds for its epochs: ptune's default beside the searches that its users would build.

    python tests/benchmarks/searching.py [--seeds 40] [--kinds four branched] [--epochs 540] [--out results.json]

Nothing is trained. Every search plays on made-up surfaces of learning curves (`support/surfaces.py`), and on the
recorded tables that ship with ptune (`support/recorded_surface.py`), on four slots in virtual time. A search that
begins with recorded curves knows those of the other tables alone; on a made-up surface, they mislead.

Regret is what the true value of the epoch that a search would hand over lacks of the best true value there is, in
points: of ptune that is what it exports, of the others the epoch that looks best. `quality of random` is the regret of
the best of 100 random configurations, each trained to the horizon. A search is judged by the epochs that it takes to
get there. Where the space is a grid, the grid itself is played too: every point to the horizon, and the epoch that
looks best.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import numpy as np  # noqa: E402 - the folders above come first
import optuna  # noqa: E402
import results  # noqa: E402
import search_rivals as rivals  # noqa: E402

from ptune.record.shipped_tables import names  # noqa: E402
from ptune.spec import grid  # noqa: E402
from support.recorded_surface import RecordedSurface  # noqa: E402
from support.surfaces import HORIZON, SPACES, Surface  # noqa: E402

SLOTS = 4
BUDGETS = (45, 90, 180, 540)
RANDOM = 100
EARLIER = {"type": "asha", "grace": 1}
PUBLISHED = {"type": "asha", "spacing": 3}
SEARCHES: dict[str, rivals.Maker] = {
    "ptune": rivals.ptune,
    "ptune, recorded curves first": rivals.ptune_knowing,
    "ptune, TPE alone": partial(rivals.ptune, sampler="tpe"),
    "ptune, grace 1": partial(rivals.ptune, stopping=EARLIER),
    "ptune, Hyperband": partial(rivals.ptune, stopping={"type": "hyperband"}),
    "Ray Tune: OptunaSearch, ASHA eta 3": rivals.ray_tune(3),
    "Ray Tune: OptunaSearch, ASHA eta 4": rivals.ray_tune(4),
    "Ray Tune: OptunaSearch, ASHA grace 2": rivals.ray_tune(3, grace=2),
    "Optuna: TPE, SuccessiveHalving": rivals.optuna_pruned(
        partial(optuna.pruners.SuccessiveHalvingPruner, min_resource=1, reduction_factor=3)
    ),
    "Optuna: TPE, Hyperband": rivals.optuna_pruned(partial(optuna.pruners.HyperbandPruner, 1, HORIZON, 3)),
    "one epoch, keep the best": rivals.screened,
    "random, all epochs": rivals.random_full,
    "ptune, spacing 3": partial(rivals.ptune, stopping=PUBLISHED),
    "ptune, PASHA eta 2": partial(rivals.ptune_within, stopping={"type": "pasha", "eta": 2}),
}
if rivals.has_syne_tune():
    SEARCHES["Syne Tune: BOHB"] = rivals.syne_tune
KINDS = [*SPACES, *names()]
GRID = "grid"
"""The kind of surface whose space can be enumerated."""
PLANNED = {"one epoch, keep the best", "ptune, PASHA eta 2"}
"""Searches that divide a budget beforehand: each budget is a search of its own."""


@dataclass(frozen=True)
class Played:
    """One search on one surface."""

    kind: str
    seed: int
    search: str
    regrets: dict[int, float]
    """In points, by epochs trained."""
    reached: int | None
    """Epochs until the quality of random; None where it was not reached."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Play every search on every surface; print a table, draw the regret, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--epochs", type=int, default=max(BUDGETS))
    parser.add_argument("--out", type=Path)
    args = parser.parse_args(arguments)
    cases = list(product(args.kinds, range(args.seeds)))
    played: list[Played] = []
    with ProcessPoolExecutor() as pool:
        for done, some in enumerate(pool.map(partial(play_all, epochs=args.epochs), *zip(*cases, strict=True)), 1):
            played += some
            if done % 10 == 0 or done == len(cases):
                results.say(f"{done} of {len(cases)} surfaces")
    summaries = [summary(played, kind, search) for kind in args.kinds for search in SEARCHES]
    for line in table(summaries):
        results.say(line)
    told = {"seeds": args.seeds, "slots": SLOTS, "searches": summaries}
    if GRID in args.kinds:
        told["grid"] = whole_grid([Surface(GRID, seed) for seed in range(args.seeds)])
        results.say("the whole grid: {regret:.2f} ±{half_width:.2f} after {epochs} epochs".format(**told["grid"]))
    path = results.write("searching", told, args.out)
    for kind in args.kinds:
        draw(played, kind, path.with_name(f"{path.stem}-{kind}.png"))


def surface_of(kind: str, seed: int) -> rivals.Surface:
    """A made-up surface, or a recorded table."""
    return Surface(kind, seed) if kind in SPACES else RecordedSurface(kind, seed)


def play_all(kind: str, seed: int, epochs: int) -> list[Played]:
    """Every search on one surface."""
    surface = surface_of(kind, seed)
    target = quality_of_random(surface)
    return [play(surface, name, target, epochs) for name in SEARCHES]


def play(surface: rivals.Surface, name: str, target: float, epochs: int) -> Played:
    """One search on one surface, up to a number of epochs."""
    budgets = [budget for budget in BUDGETS if budget <= epochs] if name in PLANNED else [epochs]
    regrets: dict[int, float] = {}
    for budget in budgets:
        with SEARCHES[name](surface, surface.seed, budget) as search:
            found = regret_by_epoch(surface, rivals.play(search, surface, SLOTS, budget), budget)
        if name in PLANNED:
            regrets[budget] = found[-1]
        else:
            regrets = dict(enumerate(found, 1))
    reached = next((epoch for epoch, regret in regrets.items() if regret <= target), None)
    return Played(surface.kind, surface.seed, name, regrets, reached)


def regret_by_epoch(surface: rivals.Surface, trained: Sequence[rivals.Epoch], budget: int) -> list[float]:
    """The regret after every epoch; a search that ends early keeps its last."""
    regrets = [100 * (surface.optimum - surface.true(*epoch.chosen)) for epoch in trained]
    return regrets + regrets[-1:] * (budget - len(regrets))


def quality_of_random(surface: rivals.Surface) -> float:
    """The regret, in points, of the best of 100 random configurations: the median over ten such searches."""
    draws = np.random.default_rng(1_000 + surface.seed)
    best = [max(surface.best(surface.drawn(draws)) for _ in range(RANDOM)) for _ in range(10)]
    return 100 * (surface.optimum - median(best))


def whole_grid(surfaces: Sequence[Surface]) -> dict[str, Any]:
    """What every point of a grid to the horizon takes, and what the best-looking epoch of all lacks."""
    regrets = []
    for surface in surfaces:
        epochs = list(product(grid.points(surface.space), range(1, HORIZON + 1)))
        regrets.append(100 * (surface.optimum - surface.true(*max(epochs, key=lambda epoch: surface.report(*epoch)))))
    return {"epochs": len(epochs), "regret": mean(regrets), "half_width": _half_width(regrets)}


def summary(played: Sequence[Played], kind: str, search: str) -> dict[str, Any]:
    """Means of a search on the surfaces of a kind, with the half-widths of their 95 % intervals."""
    some = [one for one in played if (one.kind, one.search) == (kind, search)]
    budgets = [budget for budget in BUDGETS if budget in some[0].regrets]
    by_budget = {budget: [one.regrets[budget] for one in some] for budget in budgets}
    known = [one.reached for one in some if one.reached is not None]
    return {
        "kind": kind,
        "search": search,
        "regret": {budget: mean(values) for budget, values in by_budget.items()},
        "half_width": {budget: _half_width(values) for budget, values in by_budget.items()},
        "reached": len(known) / len(some),
        "epochs_to_random": None if 2 * len(known) <= len(some) or search in PLANNED else _median_of(some),
    }


def table(summaries: Sequence[dict[str, Any]]) -> list[str]:
    """One line for each search and kind of surface."""
    budgets = list(summaries[0]["regret"])
    columns = "".join(f"{f'after {budget}':>14}" for budget in budgets)
    lines = [f"{'regret in points, with 95 % intervals':40}{columns}   epochs to the quality of random"]
    kind = ""
    for one in summaries:
        if one["kind"] != kind:
            kind = one["kind"]
            lines.append(f"-- {kind}")
        cells = "".join(f"{one['regret'][budget]:8.2f} ±{one['half_width'][budget]:5.2f}" for budget in budgets)
        epochs = one["epochs_to_random"]
        lines.append(
            f"{one['search']:40}{cells}   {'-' if epochs is None else format(epochs, '.0f'):>6} ({one['reached']:.0%})"
        )
    return lines


def draw(played: Sequence[Played], kind: str, path: Path) -> None:
    """Mean regret against epochs, both on logarithmic axes."""
    series = {}
    for name in list(SEARCHES)[:10]:
        some = [one.regrets for one in played if (one.kind, one.search) == (kind, name)]
        marks = [epoch for epoch in sorted({round(9 * 1.25**power) for power in range(20)}) if epoch in some[0]]
        series[name] = (marks, [max(0.05, mean(one[epoch] for one in some)) for epoch in marks])
    title = f"What a search still lacks, by epochs trained ({kind})"
    results.lines(path, title, "epochs trained", "regret [points]", series, log=True)


def _half_width(values: Sequence[float]) -> float:
    return 1.96 * stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0


def _median_of(some: Sequence[Played]) -> float:
    """The median of the epochs; those that did not get there count as late."""
    return median(float("inf") if one.reached is None else one.reached for one in some)


if __name__ == "__main__":
    main()
