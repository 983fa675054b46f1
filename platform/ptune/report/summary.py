"""The last page of a search: the leaderboard, what mattered, where the results are, and what to type next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ptune.diagnosis.diagnose import diagnose
from ptune.record.history import History
from ptune.record.optimism import optimism
from ptune.record.wording import optimism_text, param_heading
from ptune.report import confirmation, leaderboard
from ptune.report.console import console_on
from ptune.report.diagnosed import print_diagnosed
from ptune.report.folded import Folded
from ptune.report.wording import (
    best_text,
    best_words,
    duration,
    mean_of_epochs,
    plural,
    result_text,
    score_text,
    spread_text,
    whose_text,
)
from ptune.report.write_files import CURVES, PAGE
from ptune.run.confirm import result
from ptune.run.search import Outcome

_BAR = 24
_LONGEST = 120  # characters of a text in a command


def summary(outcome: Outcome, width: int) -> RenderableType:
    """Everything a person wants to know when a search ends, on `width` columns."""
    parts: list[RenderableType] = [Folded(_headline(outcome)), Text()]
    confirmed = result(outcome.history)
    if confirmed is not None:
        parts += [confirmation.table(confirmed, width), Text()]
    elif outcome.best is not None:
        parts += [leaderboard.table(outcome.history, width), Text()]
    if outcome.importances:
        parts += [Text("what mattered", style="dim"), importance_bars(outcome.importances), Text()]
    parts += [_places(outcome), Text()]
    return Group(*parts)


def importance_bars(importances: Mapping[str, float], limit: int = 6) -> RenderableType:
    """Each parameter's share as a bar; the largest fills it."""
    grid = Table.grid(padding=(0, 2))
    largest = max(importances.values())
    for name, share in list(importances.items())[:limit]:
        filled = round(_BAR * share / largest)
        grid.add_row(param_heading(name), Text("█" * filled + "·" * (_BAR - filled), style="cyan"), f"{share:4.0%}")
    return Padding(grid, (0, 1))


def next_commands(
    outcome: Outcome,
    example: Sequence[str],
    *,
    data_set: str | None = None,
    program: str = "ptune",
    resume: str = "",
) -> list[tuple[str, str]]:
    """What to type after a search, ready to paste.

    Args:
        outcome: the search.
        example: the texts of one input.
        data_set: which data set the input is of, where the task has several.
        program: how `ptune` is called from where the user stands.
        resume: the whole command that takes the search up where it ran; by default `program` resumes it.
    """
    if outcome.status == "interrupted":
        return [(resume or f"{program} resume {outcome.name}", "go on from where it stopped")]
    commands = []
    artifact = outcome.conclusion.artifact
    if artifact is not None:
        choice = "" if data_set is None else f" --data-set {shlex.quote(data_set)}"
        predict = f"{program} predict {shlex.quote(shown(artifact))}{choice}"
        commands.append((_predict(predict, example), "use the best prompt"))
    if result(outcome.history) is None and outcome.best is not None:
        commands.append((f"{program} confirm {outcome.name}", "repeat the best on fresh seeds"))
    if outcome.tracking is not None and outcome.tracking.type == "mlflow":
        commands.append((outcome.page or f"{program} ui {outcome.name}", "all trials in MLflow, best first"))
    if artifact is not None:
        commands.append((f"{program} export {outcome.name} --all-formats --to DIR", "take it to other tools"))
    return commands


def _predict(command: str, example: Sequence[str]) -> str:
    """The command with an input: as options for one or two texts, else as a line of tab-separated texts."""
    quoted = [shlex.quote(_shortened(text)) for text in example]
    if len(quoted) > 2:
        line = r"\t".join(["%s"] * len(quoted)) + r"\n"
        return f"printf '{line}' {' '.join(quoted)} | {command}"
    options = zip(("--text", "--text2"), quoted, strict=False)
    return " ".join([command, *(f"{option} {text}" for option, text in options)])


def _shortened(text: str) -> str:
    """A text as a line can hold it; a long one, such as a whole page to find an answer in, breaks off."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3].rstrip()}..."


def shown(path: str | Path) -> str:
    """A path as people would type it: relative where it lies below the working directory."""
    absolute = Path(path).absolute()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)


def print_summary(stream: IO[str], outcome: Outcome, commands: Sequence[tuple[str, str]]) -> None:
    """Print the summary and the diagnoses, then commands, which are never wrapped."""
    console = console_on(stream)
    console.print(summary(outcome, console.width))
    print_diagnosed(console, diagnose(outcome.history))
    print_commands(stream, commands)


def trials_and_best(history: History) -> str:
    """How many trials a search has, and the best of them."""
    best, metric = history.best_result, history.objective.metric
    leader = "none has a result"
    if best is not None:
        leader = f"best {metric} {result_text(history.best_value, history.dev_examples)} (trial {best.trial})"
    return f"{plural(len(history.trials), 'trial')}, {leader}"


def print_commands(stream: IO[str], commands: Sequence[tuple[str, str]]) -> None:
    """Print what to type next, each command with its purpose."""
    console = console_on(stream)
    for command, purpose in commands:
        console.print(Text.assemble(f"  {command}", (f"   # {purpose}", "dim")), soft_wrap=True)


def _headline(outcome: Outcome) -> Text:
    history, trials = outcome.history, plural(len(outcome.history.trials), "trial")
    if outcome.status == "interrupted":
        trials += f" ({', '.join(f'{count} {status}' for status, count in history.statuses.items())})"
    head = Text.assemble((outcome.name, "bold"), f" {outcome.status}: {trials} in {duration(outcome.wall_s)}")
    if history.limit is not None:
        head.append(f"; {history.limit.reason}")
    confirmed = result(history)
    if confirmed is not None:
        first = confirmed.configurations[0]
        searched = f"{score_text(first.search.mean)} {history.objective.metric} on dev"
        head.append(f"\nthe best of {confirmed.search}, {searched}, repeats at ")
        spreads = {"test": first.test, "dev": first.dev}
        shown = [f"{spread_text(value)} on {split}" for split, value in spreads.items() if value is not None]
        head.append(shown[0] if shown else "nothing yet", style="bold green")
        return head.append("".join(f", {text}" for text in shown[1:]))
    best = outcome.best
    if best is None:
        return head.append("; no trial has a result", style="red")
    chosen = None if history.objectives is None else history.objectives.choose
    head.append(f"\n{best_words(history.objective.metric, chosen)} on dev ")
    head.append(best_text(history.best_value, history.leading, history.dev_examples), style="bold green")
    head.append("" if history.leading else mean_of_epochs(best.counted_epochs))
    test = outcome.conclusion.test
    if test and history.objective.metric in test:
        head.append(f", on test {score_text(test[history.objective.metric])}")
    head.append(f" · {whose_text(best.number, best.config, history.header.varied, history.leading, best.inherited)}")
    lucky = optimism_text(optimism(history), len(history.trials))
    return head.append(f"\n{lucky} on dev" if lucky else "", style="dim")


def _places(outcome: Outcome) -> Table:
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(overflow="fold")
    conclusion = outcome.conclusion
    if conclusion.artifact is not None:
        rows.add_row("artifact", shown(conclusion.artifact))
    for name, folder in conclusion.exports.items():
        rows.add_row(f"for {name}", shown(folder))
    for name, reason in conclusion.refused.items():
        rows.add_row(f"for {name}", Text(reason, style="yellow"))
    files = [name for name in (CURVES, PAGE) if (outcome.folder / name).is_file()]
    rows.add_row("record", f"{shown(outcome.folder)}/ ({', '.join(['journal', 'leaderboard', *files])})")
    rows.add_row(*_tracking(outcome))
    failed = [trial for trial in outcome.history.trials.values() if trial.status == "failed"]
    if failed:
        reasons = f"trial {failed[-1].number}: {failed[-1].reason}"
        rows.add_row("failed", Text(f"{plural(len(failed), 'trial')}, the last: {reasons}", style="red"))
    return rows


def _tracking(outcome: Outcome) -> tuple[str, RenderableType]:
    """The label and the line that say where the search is tracked."""
    state = outcome.tracking
    if state is None:
        return "tracking", 'none (tracking.type = "none")'
    if state.lagging is not None:
        line = f"behind: {state.lagging}; catch up with `ptune sync {outcome.name}`"
        return state.title, Text(line, style="yellow")
    return state.title, f"up to date at {state.uri}"
