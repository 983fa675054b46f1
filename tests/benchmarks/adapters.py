"""What benchmarks of answering share: made prompts, their copies as PEFT adapters, and PEFT's own loop over texts."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from ptune.artifacts.artifact import Artifact  # noqa: E402 - the folders above come first
from ptune.backbone.load import load_backbone  # noqa: E402
from ptune.data.sources import load_splits  # noqa: E402
from ptune.spec.data import ClassificationData  # noqa: E402
from support.made_artifacts import make_artifact, write_native, write_peft  # noqa: E402

LABELS = ("done", "other", "reader", "writer")
BATCH = 32
"""Texts of a batch in PEFT's loop, as its examples have it."""


def notes(count: int) -> list[str]:
    """Short texts: the built-in notes, over and over."""
    splits = load_splits(ClassificationData(source="builtin:whose_job", test="test"), seed=0)
    texts = [text for split in (splits.train, splits.dev, splits.test) if split is not None for (text,) in split.texts]
    return list(islice(cycle(texts), count))


def make_prompts(folder: Path, backbone_id: str, count: int, length: int = 8) -> list[str]:
    """Write `count` random v2 prompts of every layer, as ptune's artifacts and as PEFT's adapters; their names."""
    backbone = load_backbone(backbone_id)
    artifact = make_artifact(backbone, labels=LABELS, max_length=64, method="v2", length=length)
    names = [f"p{number}" for number in range(count)]
    for number, name in enumerate(names):
        generator = torch.Generator().manual_seed(number)
        tensors = {
            key: tensor + 0.3 * torch.randn(tensor.shape, generator=generator)
            for key, tensor in artifact.tensors.items()
        }
        write_native(folder / "ptune" / name, Artifact(artifact.manifest, tensors))
        write_peft(folder / "peft" / name, Artifact(artifact.manifest, tensors))
    return names


class PeftPrompts:
    """The adapters on one model of transformers, switched by `set_adapter`."""

    def __init__(self, folder: Path, backbone: Path, names: Sequence[str]) -> None:
        from peft import PeftModel
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        base = AutoModelForSequenceClassification.from_pretrained(backbone, num_labels=len(LABELS), dtype=torch.float32)
        self.tokenizer = AutoTokenizer.from_pretrained(backbone)
        self.model: Any = PeftModel.from_pretrained(base, folder / names[0], adapter_name=names[0])
        for name in names[1:]:
            self.model.load_adapter(folder / name, adapter_name=name)
        self.model.eval()

    def probabilities(self, name: str, texts: Sequence[str]) -> list[list[float]]:
        """The probability of each label for each text, in batches, as they come."""
        self.model.set_adapter(name)
        shares: list[list[float]] = []
        with torch.inference_mode():
            for start in range(0, len(texts), BATCH):
                batch = self.tokenizer(
                    list(texts[start : start + BATCH]),
                    padding=True,
                    truncation=True,
                    max_length=64,
                    return_tensors="pt",
                )
                shares += self.model(**batch).logits.softmax(dim=1).tolist()
        return shares


def shares_of(predictions: Sequence[dict[str, Any]]) -> Iterator[list[float]]:
    """The probabilities of ptune's predictions as PEFT's loop has them."""
    return (list(prediction["probabilities"].values()) for prediction in predictions)


def furthest(ours: Sequence[list[float]], theirs: Sequence[list[float]]) -> float:
    """The largest difference between two sets of probabilities."""
    return float((torch.tensor(list(ours)) - torch.tensor(list(theirs))).abs().max())
