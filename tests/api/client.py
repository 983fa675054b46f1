"""A user's program that mypy checks strictly: every public name with the type that its documentation promises."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import ptune


def ask(folder: Path) -> list[str]:
    """Answers to single inputs and to lists of them."""
    prompt: ptune.Prompt = ptune.load(folder, device="cpu")
    single: dict[str, object] = prompt.predict("a text")
    pair: dict[str, object] = prompt.predict(("a text", "another"))
    named: dict[str, object] = prompt.predict({"premise": "a text", "hypothesis": "another"})
    several: list[dict[str, object]] = [
        *prompt.predict(["a text", "another"]),
        *prompt.predict([("a", "b"), ["c", "d"]]),
    ]
    labels: list[str] = prompt.on(prompt.data_sets[0]).labels
    scores: dict[str, dict[str, float]] = prompt.info.scores
    return [*labels, *scores, *(str(answer["label"]) for answer in (single, pair, named, *several))]


def look(source: ptune.Job | Path | dict[str, object]) -> ptune.Prompt:
    """A search from a job of any form, and everything that its result holds."""
    result: ptune.SearchResult = ptune.search(source, local=True, set={"budget.trials": 4}, name="n", progress=False)
    best: ptune.Trial = ptune.open("n", runs=Path("runs")).best
    rate: bool | int | float | str | None = best.config["lr"]
    accuracy: float = best.metrics["accuracy"]
    reports: Sequence[Mapping[str, float]] = result.trial(best.number).reports
    shares: Mapping[str, float] = result.importances
    test: Mapping[str, float] | None = result.test
    folder: Path = result.export("my-prompt", format="peft")
    job: ptune.Job = result.resume(local=True).confirm(top=1, seeds=2).job
    words = [str(value) for value in (result, rate, accuracy, len(reports), shares, test, folder, job.name)]
    running: bool = result.status == "running" and result.direction == "minimize" and bool(words)
    return result.load(trial=len(result.trials()) if running else None)


def careful(folder: str) -> str:
    """Every error that ptune raises on purpose is a PtuneError."""
    try:
        return repr(ptune.load(folder))
    except (ptune.ArtifactError, ptune.BackboneError) as error:
        return str(error)
    except ptune.PtuneError:
        raise
