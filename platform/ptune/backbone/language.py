"""A backbone's own language-modelling head: last hidden states become scores over its vocabulary.

Whatever a family's head is made of (a transform before it, biases, soft-capped or scaled scores), it is run by the
family's own code: the language model is kept whole, with an echo of the states in place of its transformer.

Shapes: R states · H hidden width · V vocabulary.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

CLASSES = {"first": AutoModelForMaskedLM, "last": AutoModelForCausalLM}
"""The language model of a family, by the position a classifier reads."""


class _Echo(nn.Module):
    """A transformer that answers its input."""

    def forward(self, *_ids: None, inputs_embeds: Tensor, **_: Any) -> BaseModelOutputWithPastAndCrossAttentions:
        return BaseModelOutputWithPastAndCrossAttentions(last_hidden_state=inputs_embeds)

    @property
    def decoder(self) -> _Echo:
        """What OPT's language model calls in its transformer."""
        return self


class LanguageHead(nn.Module):
    """The head of a language model whose transformer is an echo."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, states: Tensor) -> Tensor:
        """Return scores [R, V] in float32 of hidden states [R, H]."""
        dtype = next(self.model.parameters()).dtype
        scores: Tensor = self.model(inputs_embeds=states[:, None].to(dtype)).logits[:, 0]
        return scores.float()


def split(model: Any) -> tuple[Any, LanguageHead]:
    """Part a language model into its transformer and its head; weights that they share stay shared."""
    transformer = model.base_model
    setattr(model, model.base_model_prefix, _Echo())
    return transformer, LanguageHead(model)
