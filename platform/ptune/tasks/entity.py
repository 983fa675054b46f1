"""The entity of a passage that fills the place which a query leaves open: the best of all its entities (ReCoRD).

Each entity is written into the query. A trained head then says whether the passage supports the query, as in P-tuning
v2's code: in training, every entity is an example by itself; in answering, the entities of a query compete.

Shapes: B rows, one for each entity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ptune.backbone.backbone import Backbone
from ptune.data.entities import ANSWER, LABELS, Asked, filled, split_entities
from ptune.data.sources import Split
from ptune.data.templates import Layout
from ptune.errors import DataError
from ptune.prompts.forward import HeadOutput
from ptune.prompts.heads import HeadSpec, Linear
from ptune.prompts.layout import read_position
from ptune.prompts.rows import Examples, Row, Rows
from ptune.tasks.class_loss import PLAIN, ClassLoss
from ptune.tasks.kind import Prediction
from ptune.tasks.squad_scores import squad_scores

_TOGETHER = 512  # questions whose tokens are Python lists at a time: ReCoRD has more than a million entities


@dataclass(frozen=True)
class EntityAnswer:
    """What the head says of one query's entities.

    Attributes:
        entities: the entities, in order.
        scores: by how much "it is the answer" outweighs "it is another", for each entity.
        loss: losses of the entities, summed.
    """

    entities: Sequence[str]
    scores: np.ndarray
    loss: float

    @property
    def chosen(self) -> int:
        """The place of the best entity."""
        return int(self.scores.argmax())


@dataclass(frozen=True)
class EntityKind:
    """Queries about the entities of passages.

    Attributes:
        fields: names of the passage and the query.
        entities: name of the entities.
        placeholder: what the entity replaces in a query.
        trained_by: what training minimises.
    """

    fields: list[str]
    entities: str
    placeholder: str
    trained_by: ClassLoss = PLAIN

    @property
    def inputs(self) -> list[str]:
        """The passage, the query and the entities."""
        return [*self.fields, self.entities]

    def head_spec(self, layout: Layout) -> HeadSpec:  # noqa: ARG002
        """Two classes: another entity, and the answer."""
        return Linear(len(LABELS), pooled=True)

    def encode(self, split: Split, layout: Layout, backbone: Backbone, *, training: bool) -> Examples:
        """The entities of each query as rows: examples of their own in training, else one example.

        An example's label is whether the entity is an accepted answer; in answering, the list of these.
        """
        rows = Rows.joined(
            [
                self._rows(split.texts[start : start + _TOGETHER], layout, backbone)
                for start in range(0, len(split), _TOGETHER)
            ]
        )
        rights = [
            tuple(int(entity in (answers or ())) for entity in texts[2])
            for texts, answers in zip(split.texts, split.labels, strict=True)
        ]
        if training:
            labels = [right for entities in rights for right in entities]
            counts, info = np.ones(len(labels), dtype=np.int64), [None] * len(labels)
            return Examples(rows, counts, labels, np.zeros_like(counts), info, [split])
        counts = np.array([len(entities) for entities in rights], dtype=np.int64)
        asked = [(texts[2], right) for texts, right in zip(split.texts, rights, strict=True)]
        return Examples(rows, counts, split.labels, np.zeros_like(counts), asked, [split])

    def loss(self, output: HeadOutput) -> Tensor:
        """Cross-entropy over whether each entity is the answer."""
        return self.trained_by.of(output.scores, output.labels)

    def answer(self, output: HeadOutput) -> Sequence[EntityAnswer]:
        """What the head says of the entities of each query."""
        rights = torch.tensor([right for _, entities in output.task_info for right in entities])
        losses = functional.cross_entropy(output.scores, rights.to(output.scores.device), reduction="none")
        leads = (output.scores[:, 1] - output.scores[:, 0]).float().cpu()
        counts = [len(entities) for entities, _ in output.task_info]
        return [
            EntityAnswer(entities, lead.numpy(), float(entity_losses.sum()))
            for (entities, _), lead, entity_losses in zip(
                output.task_info, leads.split_with_sizes(counts), losses.split_with_sizes(counts), strict=True
            )
        ]

    def measure(self, answers: Sequence[Any], examples: Examples) -> dict[str, float]:
        """SQuAD's scores of the best entity of each query, and two numbers that put them into proportion.

        `loss` is the mean over all entities. `majority_baseline` is the share of queries that the entity at the place
        which is right most often answers, `constant_prediction` is 1.0 when the entity at the same place always wins.
        """
        rights = [right for _, right in examples.task_info]
        places = max(len(right) for right in rights)
        return {
            "loss": sum(answer.loss for answer in answers) / sum(len(right) for right in rights),
            **squad_scores([answer.entities[answer.chosen] for answer in answers], examples.labels),
            "majority_baseline": max(
                float(np.mean([rank < len(right) and right[rank] for right in rights])) for rank in range(places)
            ),
            "constant_prediction": float(len({answer.chosen for answer in answers}) == 1),
        }

    def texts(self, strings: Sequence[str]) -> Asked:
        """The passage, the query, and the entities, which stand between `|` or on lines of their own.

        Raises:
            DataError: no entity is named.
        """
        passage, query, named = strings
        entities = split_entities(named)
        if not entities:
            raise DataError(f"{self.entities} must name entities, separated by `|` or line breaks, got {named!r}")
        return passage, query, entities

    def present(self, answer: Any, texts: tuple[Any, ...]) -> Prediction:  # noqa: ARG002
        """The best entity, and the probability of each one that it is an answer; they need not sum to 1."""
        shares = torch.as_tensor(answer.scores).double().sigmoid().tolist()
        probabilities = dict(zip(answer.entities, shares, strict=True))
        return {ANSWER: answer.entities[answer.chosen], "probabilities": probabilities}

    def _rows(self, texts: Sequence[Asked], layout: Layout, backbone: Backbone) -> Rows:
        pairs = [pair for asked in texts for pair in filled(asked, self.placeholder)]
        return Rows.of([Row.of(item, (read_position(item, backbone),)) for item in layout.encode_all(pairs)])
