"""A user's program that mypy checks strictly: every public name with the type that its documentation promises."""

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


def careful(folder: str) -> str:
    """Every error that ptune raises on purpose is a PtuneError."""
    try:
        return repr(ptune.load(folder))
    except (ptune.ArtifactError, ptune.BackboneError) as error:
        return str(error)
    except ptune.PtuneError:
        raise
