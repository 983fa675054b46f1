"""Small tasks whose answers are words: facts of two relations, and candidates, on tiny language models."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from ptune.backbone.backbone import Backbone
from ptune.data.sources import Split, Splits
from ptune.engine.slots import Plan
from ptune.prompts.learner import Learner
from ptune.run.trials import TrialFactory
from ptune.spec.job import Job
from support.families import WORDS

FACT = "{sub_label} is [MASK]"
STORY = "{premise} so {choice}"


def facts(count: int, seed: int) -> Split:
    """Subjects of one to three words, and objects among five."""
    rng = np.random.default_rng(seed)
    texts = [(" ".join(rng.choice(WORDS, rng.integers(1, 4))),) for _ in range(count)]
    return Split(texts, rng.choice(WORDS[:5], count).tolist(), f"facts:{seed}", str(seed))


def stories(count: int, seed: int) -> Split:
    """A premise and two candidates of one to four words."""
    rng = np.random.default_rng(seed)
    texts = [tuple(" ".join(rng.choice(WORDS, rng.integers(1, 5))) for _ in range(3)) for _ in range(count)]
    return Split(texts, rng.integers(0, 2, count).tolist(), f"stories:{seed}", str(seed))


def made_trial(
    task: dict[str, Any], splits: list[Splits], backbone: Backbone, folder: Path, number: int, config: dict[str, Any]
) -> tuple[Plan, Learner]:
    """A trial on data that no file holds."""
    job = Job.model_validate(
        {
            "name": "words",
            "seed": 7,
            "backbone": {"id": backbone.id},
            "task": task,
            "space": {"parameters": {"method": {"value": "v2"}}},
            "budget": {"trials": 1, "epochs": 3},
        }
    )
    return TrialFactory(job, splits, backbone, folder).make(number, config)


def cloze_trial(
    backbone: Backbone, folder: Path, number: int = 0, base: str = FACT, **config: Any
) -> tuple[Plan, Learner]:
    """A trial on two relations of unequal size."""
    files = {"train": "{relation}.jsonl", "dev": "{relation}.jsonl"}
    data = {**files, "relations": ["home", "food"], "template": base, "max_length": 24}
    splits = [Splits(facts(n, n), facts(n - 5, n + 1), None, WORDS[:8]) for n in (14, 11)]
    return made_trial({"kind": "cloze", "data": data}, splits, backbone, folder, number, config)


def choice_trial(
    backbone: Backbone, folder: Path, number: int = 0, base: str = STORY, task: dict | None = None, **config: Any
) -> tuple[Plan, Learner]:
    """A trial on premises with two candidates each."""
    data = {"train": "a.jsonl", "dev": "a.jsonl", "text": ["premise"], "template": base, "max_length": 32}
    splits = [Splits(stories(12, 1), stories(9, 2), None, ["choice1", "choice2"])]
    return made_trial({"kind": "choice", "data": data, **(task or {})}, splits, backbone, folder, number, config)


BERT_PIECES = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
BERT_FRAME = ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1")


def word_tokenizer(
    words: Iterable[str], specials: dict[str, str] = BERT_PIECES, frame: tuple[str, str] | None = BERT_FRAME
) -> PreTrainedTokenizerFast:
    """A tokenizer for which every word is one token."""
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys([*specials.values(), *words]))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=specials["unk"]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if frame is not None:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=frame[0], pair=frame[1], special_tokens=[(token, vocabulary[token]) for token in specials.values()]
        )
    named = {f"{role}_token": token for role, token in specials.items()}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named)


def make_word_model(folder: Path, words: Iterable[str]) -> Path:
    """Write a tiny random masked language model whose tokens are words."""
    tokenizer = word_tokenizer(words)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
    config = BertConfig(vocab_size=len(tokenizer), max_position_embeddings=96, initializer_range=0.2, **sizes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertForMaskedLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
