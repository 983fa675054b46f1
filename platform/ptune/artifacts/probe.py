"""What an exported prompt is held to: a few inputs, and what ptune's own pass says about each.

Shapes: R positions read of a row · C scores at each: those of a trained head, or of the whole vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ptune.data.sources import Split, unlabelled
from ptune.data.templates import Layout
from ptune.errors import ArtifactError

if TYPE_CHECKING:
    from torch import Tensor

    from ptune.artifacts.predict import Predictor
    from ptune.prompts.rows import Row
    from ptune.tasks.kind import TaskKind

EXAMPLES = 8
MOST_ROWS = 16
TOLERANCE = 1e-5
"""Largest difference of scores in float32, as a share of the largest score (of 1, where all are smaller)."""

_MADE_UP_WORDS = 9


@dataclass(frozen=True)
class Probe:
    """Inputs of one data set, with their scores.

    Attributes:
        texts: the inputs, as its kind of task has them.
        rows: what the backbone is given.
        scores: [R, C] for each row.
        origin: where the inputs come from, for people.
        layout: how an input is laid out.
    """

    texts: Sequence[tuple[Any, ...]]
    rows: Sequence[Row]
    scores: Sequence[Tensor]
    origin: str
    layout: Layout

    @property
    def strings(self) -> list[str]:
        """Every text of the inputs by itself; a sentence that is given as words is joined by spaces."""
        return [text if isinstance(text, str) else " ".join(text) for texts in self.texts for text in texts]


def make_probe(predictor: Predictor, part: int, dev: Split | None) -> Probe:
    """The first examples of a data set's dev split, or made-up texts without one, scored by ptune.

    Args:
        predictor: the prompt on its backbone.
        part: which of its data sets.
        dev: the dev split; None where it cannot be read.
    """
    import torch

    from ptune.prompts.forward import MiniBatch, forward
    from ptune.prompts.heads import VocabularyHead
    from ptune.prompts.learner import Learner

    kind, layout = predictor.task.kinds[part], predictor.layouts[part]
    if dev is None:
        split, origin = unlabelled(_made_up(kind, predictor.backbone.tokenizer)), "made-up texts"
    else:
        split, origin = dev.pick(range(min(EXAMPLES, len(dev)))), "examples of the dev split"
    examples = kind.encode(split, layout, predictor.backbone, training=False).as_dataset(part)
    learner = predictor.learner
    if learner.head(part).features == "words":  # held to the whole vocabulary, not to a few label words
        learner = Learner(list(learner.prompts), [VocabularyHead()], learner.backbone)  # type: ignore[arg-type]
    with torch.inference_mode():
        output = forward(predictor.backbone, [MiniBatch(learner, examples, np.arange(len(examples)))])[0]
    scores = output.scores.float().cpu().split_with_sizes(output.reads_by_row)
    return Probe(split.texts, list(examples.rows)[:MOST_ROWS], scores[:MOST_ROWS], f"{len(split)} {origin}", layout)


def hold(probes: Sequence[Probe], tool: str, scores_of: Callable[[Row], Tensor]) -> str:
    """Hold another tool to ptune's scores; return what was compared, for people.

    Args:
        probes: the inputs and ptune's scores.
        tool: what computes the other scores.
        scores_of: that tool's scores [R, C] for a row.

    Raises:
        ArtifactError: scores differ by more than `TOLERANCE`.
    """
    differences: list[float] = []
    largest = max(1.0, *(float(ours.abs().max()) for probe in probes for ours in probe.scores))
    for probe in probes:
        for row, ours in zip(probe.rows, probe.scores, strict=True):
            theirs = scores_of(row).detach().float().cpu()
            if theirs.shape != ours.shape:
                raise ArtifactError(f"{tool} gives scores of shape {list(theirs.shape)}, ptune of {list(ours.shape)}")
            differences.append(float((theirs - ours).abs().max()) / largest)
    worst = max(differences)
    where = " and ".join(dict.fromkeys(probe.origin for probe in probes))
    if not all(difference <= TOLERANCE for difference in differences):  # a NaN is none, either
        raise ArtifactError(
            f"{tool} gives other scores than ptune on {where}: they differ by {worst:.1e}, at most {TOLERANCE:.0e} "
            "is allowed; nothing is written"
        )
    return f"equal scores under {tool} on {where} (largest difference {worst:.1e})"


def _made_up(kind: TaskKind, tokenizer: Any) -> list[tuple[Any, ...]]:
    """Inputs of random words of the tokenizer's own vocabulary, the same at every call."""
    rng = np.random.default_rng(0)
    special = set(tokenizer.all_special_ids)
    tokens = np.array([token for token in range(len(tokenizer)) if token not in special])

    def text() -> str:
        drawn = rng.choice(tokens, size=int(rng.integers(1, _MADE_UP_WORDS))).tolist()
        words = [tokenizer.decode([token]).strip().removeprefix("##") for token in drawn]
        return " ".join(word for word in words if word.isalnum()) or "a text"

    return [kind.texts([text() for _ in kind.inputs]) for _ in range(EXAMPLES)]
