"""The settings that P-tuning v2's authors publish, and which of them a job begins with.

Each is what a script of their repository passes to a search's winner (THUDM/P-tuning-v2, folder run_script; results in
its README). Epochs are stated where the rate falls to zero at the last of them; sequence tagging and questions have an
exponential schedule, under which a longer run contains the shorter one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ptune.spec.space import Space
from ptune.spec.trial import Config, Scalar

SCRIPTS = "THUDM/P-tuning-v2, README and run_script"
"""Where the settings are published, as the jobs of the library say it."""
_ESSENTIAL = ("method", "encoder")
"""Parameters without which the others mean little: an MLP trains with a hundredth of the rate of free vectors."""


class Model(NamedTuple):
    """The family of a backbone and its size."""

    model_type: str
    """As transformers names it."""
    layers: int
    hidden: int

    def __str__(self) -> str:
        return f"{self.model_type} with {self.layers} layers of width {self.hidden}"


_BERT_LARGE = Model("bert", 24, 1024)
_ROBERTA_LARGE = Model("roberta", 24, 1024)


@dataclass(frozen=True)
class PublishedSetting:
    """A setting of P-tuning v2.

    Attributes:
        data: the data set that it was found on.
        kind: the kind of task.
        model: the backbone that it was found with.
        config: the setting.
    """

    data: str
    kind: str
    model: Model
    config: Config

    @property
    def source(self) -> str:
        """Where it is from, for people."""
        return f"{SCRIPTS}: {self.data}, {self.model.model_type}-large"

    def inside(self, space: Space) -> Config:
        """What of it a resolved space proposes; nothing where the space has another method or encoder."""
        point = space.inside(self.config)
        decided = space.decided(point)
        if any(decided.get(name) != self.config[name] for name in _ESSENTIAL):
            return {}
        return point if set(point) - set(_ESSENTIAL) else {}


def _setting(
    data: str,
    kind: str,
    model: Model,
    length: int,
    lr: float,
    batch_size: int,
    dropout: float = 0.1,
    **others: Scalar,
) -> PublishedSetting:
    config: dict[str, Scalar | None] = {"method": "v2", "encoder": "embedding", "length": length, "lr": lr}
    return PublishedSetting(data, kind, model, config | {"batch_size": batch_size, "dropout": dropout} | others)


PUBLISHED_SETTINGS = (
    _setting("BoolQ", "classification", _BERT_LARGE, 40, 5e-3, 32, epochs=100),
    _setting("RTE", "classification", _BERT_LARGE, 20, 1e-2, 32, epochs=60),
    _setting("WiC", "classification", _BERT_LARGE, 20, 1e-4, 16, epochs=80, encoder="mlp", hidden=512),
    _setting("WSC", "classification", _BERT_LARGE, 20, 5e-3, 16, epochs=80),
    _setting("COPA", "choice", _BERT_LARGE, 16, 1e-2, 16, epochs=80),
    _setting("CoNLL 2004", "tokens", _BERT_LARGE, 128, 2e-2, 32, 0.2),
    _setting("OntoNotes 5", "tokens", _BERT_LARGE, 16, 1e-2, 16),
    _setting("BoolQ", "classification", _ROBERTA_LARGE, 8, 7e-3, 32, epochs=100),
    _setting("RTE", "classification", _ROBERTA_LARGE, 128, 5e-3, 32, epochs=100),
    _setting("WiC", "classification", _ROBERTA_LARGE, 8, 1e-2, 32, epochs=50),
    _setting("WSC", "classification", _ROBERTA_LARGE, 8, 1e-2, 16, epochs=10),
    _setting("COPA", "choice", _ROBERTA_LARGE, 8, 9e-3, 16, epochs=120),
    _setting("CoNLL 2003", "tokens", _ROBERTA_LARGE, 11, 3e-2, 16),
    _setting("CoNLL 2004", "tokens", _ROBERTA_LARGE, 144, 6e-2, 32),
    _setting("OntoNotes 5", "tokens", _ROBERTA_LARGE, 48, 7e-3, 16),
    _setting("CoNLL 2012", "tokens", _ROBERTA_LARGE, 64, 5e-3, 32),
    _setting("CoNLL 2012", "tokens", _ROBERTA_LARGE, 128, 5e-3, 16),
    _setting("CoNLL 2005", "tokens", _ROBERTA_LARGE, 224, 6e-3, 16),
    _setting("SQuAD 1.1", "span", _ROBERTA_LARGE, 16, 5e-3, 8, 0.2),
    _setting("SQuAD 2.0", "span", _ROBERTA_LARGE, 8, 5e-3, 8, 0.2),
)


def published_points(kind: str, model: Model, space: Space) -> Sequence[tuple[PublishedSetting, Config]]:
    """The settings published for a kind of task and a backbone, each with what of it a space proposes.

    Args:
        kind: the kind of task.
        model: the backbone's family and size.
        space: a resolved space. Settings of which it proposes nothing, or the same as of an earlier one, are left out.
    """
    found: list[tuple[PublishedSetting, Config]] = []
    for setting in PUBLISHED_SETTINGS:
        if (setting.kind, setting.model) == (kind, model):
            point = setting.inside(space)
            if point and point not in [known for _, known in found]:
                found.append((setting, point))
    return found


def nothing_published(kind: str, model: Model) -> str:
    """The law that a job breaks which asks for published settings where none fits: what there is."""
    there = dict.fromkeys(f"{setting.kind} on {setting.model}" for setting in PUBLISHED_SETTINGS)
    return f"no published setting fits kind = {kind!r} on {model} and this space (there are: {'; '.join(there)})"
