"""Heads: from the features of the positions a task reads to scores.

A trained head has its family's usual structure, so that an exported prompt fits the family's own model. A language
head has nothing to train: it picks words from the backbone's own vocabulary scores.

Shapes: R positions read · B rows · H hidden width · V vocabulary · C classes · K words of a class · M masks of a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from transformers.activations import ACT2FN

from ptune.prompts.encoders import INIT_STD

Features = Literal["pooled", "states", "words"]


@dataclass(frozen=True)
class Linear:
    """A trained head with C outputs; `pooled` puts the family's pooler or dense layer before them."""

    classes: int
    pooled: bool = False


@dataclass(frozen=True)
class Verbalizer:
    """The language head, restricted to the words of each class: token ids [C][K][M]."""

    words: tuple[tuple[tuple[int, ...], ...], ...]


@dataclass(frozen=True)
class Vocabulary:
    """The language head, whole."""


HeadSpec = Linear | Verbalizer | Vocabulary
"""The head that a task needs."""


class LinearHead(nn.Module):
    """An output layer [H -> C], behind a dense layer [H -> H] with an activation where the family has one.

    Attributes:
        features: what it reads at each position.
    """

    def __init__(self, hidden: int, classes: int, dense: str | None, *, bias: bool, pooled: bool) -> None:
        super().__init__()
        self.features: Features = "pooled" if pooled else "states"
        self.dense = nn.Linear(hidden, hidden) if dense else None
        self.activation = ACT2FN[dense] if dense else nn.Identity()
        self.out = nn.Linear(hidden, classes, bias=bias)
        for name, parameter in self.named_parameters():
            nn.init.zeros_(parameter) if name.endswith("bias") else nn.init.normal_(parameter, std=INIT_STD)

    def forward(self, features: Tensor) -> Tensor:
        """Return scores [R, C] for features [R, H]."""
        if self.dense is not None:
            features = self.activation(self.dense(features))
        scores: Tensor = self.out(features)
        return scores


class VerbalizerHead(nn.Module):
    """Scores of classes from vocabulary scores at the masks of each row: mean over a class's words, sum over masks.

    Scoring over the label words alone is that of PET (Schick and Schuetze 2021, section 3) and of P-tuning's few-shot
    code. All words have M tokens, one for each mask.
    """

    def __init__(self, words: tuple[tuple[tuple[int, ...], ...], ...]) -> None:
        super().__init__()
        self.features: Features = "words"
        self.words = words
        self.masks = len(words[0][0])

    def forward(self, features: Tensor) -> Tensor:
        """Return scores [B, C] for vocabulary scores [B * M, V]."""
        scores_BMV = features.view(-1, self.masks, features.shape[-1])
        mask_indices = torch.arange(self.masks, device=features.device)
        classes = []
        for words in self.words:
            tokens_KM = torch.tensor(words, device=features.device)
            # Token m of a word is read at mask m: the two index tensors broadcast to [K, M].
            scores_BKM = scores_BMV[:, mask_indices, tokens_KM]
            classes.append(scores_BKM.sum(-1).mean(-1))
        return torch.stack(classes, dim=1)


class VocabularyHead(nn.Module):
    """The vocabulary scores as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.features: Features = "words"

    def forward(self, features: Tensor) -> Tensor:
        """Return [R, V] unchanged."""
        return features


Head = LinearHead | VerbalizerHead | VocabularyHead
