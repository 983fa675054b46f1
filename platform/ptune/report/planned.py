"""A plan of a search, printed."""

from __future__ import annotations

from collections.abc import Sequence

from ptune.record.events import Header
from ptune.report.aligned import aligned
from ptune.report.wording import duration, plural
from ptune.searching.plan import Pace, Planned, flattens_at


def headline(header: Header, pace: Pace, first: Planned) -> str:
    """What the search does, and what was measured."""
    budget = header.job.budget
    spread = "" if first.fewest_epochs == first.most_epochs else f" ({first.fewest_epochs} to {first.most_epochs})"
    search = f"{plural(first.trials, 'trial')}, {budget.rule}, about {plural(first.epochs, 'epoch')}{spread}"
    lines = [f"{header.job.name}: {search}", f"measured: an epoch takes {_seconds(pace.alone_s)} alone"]
    if pace.slots > 1:
        lines[-1] += (
            f", and {_seconds(pace.together_s)} while {pace.slots} trials train together, which is {pace.gain:.1f} "
            "times as fast"
        )
    lines.append(f"an engine trains after {_seconds(pace.start_s)}")
    unknown = [name for name in ("target", "patience") if getattr(budget, name) is not None]
    if unknown:
        lines.append(f"{' and '.join(unknown)} may end the search earlier")
    return "\n".join(lines)


def table(plans: Sequence[Planned], rate: float | None) -> str:
    """A line for each number of engines."""
    heads = ["engines", "wall", "engine hours", *(["price"] if rate is not None else [])]
    rows = [
        [str(planned.engines), duration(planned.wall_s), f"{planned.device_hours:.2f}"]
        + ([f"{rate * planned.device_hours:.2f}"] if rate is not None else [])
        for planned in plans
    ]
    return aligned([heads, *rows])


def verdict(plans: Sequence[Planned], stopping_early: Planned | None) -> str:
    """From which number of engines on more of them hardly help, and what early stopping would save."""
    lines = [_about_engines(plans)]
    if plans[-1].engines > 1:
        lines.append("Each engine is counted with a device of its own; engines on one processor share its cores.")
    if stopping_early is not None:
        lines.append(
            f"With early stopping (leave out budget.stopping), the same trials take about "
            f"{plural(stopping_early.epochs, 'epoch')} instead of {plans[0].epochs}: {duration(stopping_early.wall_s)} "
            f"on {plural(stopping_early.engines, 'engine')}."
        )
    return "\n".join(lines)


def _about_engines(plans: Sequence[Planned]) -> str:
    flat = flattens_at(plans)
    if len(plans) == 1:
        return "The export, the test split and the report come on top."
    if flat is None:
        return f"Each step up to {plans[-1].engines} engines shortens the search."
    return f"More than {plural(flat, 'engine')} hardly shorten the search: its trials wait for each other, or for none."


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else duration(seconds)
