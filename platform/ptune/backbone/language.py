"""A backbone's own language-modelling head: last hidden states become scores over its vocabulary.

Whatever a family's head is made of (a transform before it, biases, soft-capped or scaled scores), it is run by the
family's own code: the language model is kept whole, with an echo of the states in place of its transformer.

Shapes: R states · H hidden width · V vocabulary.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM
from transformers.modeling_outputs import (
    BaseModelOutputWithPastAndCrossAttentions,
    ModelOutput,
    Seq2SeqModelOutput,
)

CLASSES = {"first": AutoModelForMaskedLM, "last": AutoModelForCausalLM, "decoder": AutoModelForSeq2SeqLM}
"""The language model of a family, by where a classifier reads."""


class _Echo(nn.Module):
    """A transformer, or a decoder, that answers its input."""

    def __init__(self, answer: type[ModelOutput] = BaseModelOutputWithPastAndCrossAttentions) -> None:
        super().__init__()
        self.answer = answer

    def forward(
        self, *_ids: None, inputs_embeds: Tensor | None = None, decoder_inputs_embeds: Tensor | None = None, **_: Any
    ) -> ModelOutput:
        states = inputs_embeds if decoder_inputs_embeds is None else decoder_inputs_embeds
        return self.answer(last_hidden_state=states)

    @property
    def decoder(self) -> _Echo:
        """What OPT's language model calls in its transformer."""
        return self


class LanguageHead(nn.Module):
    """The head of a language model whose transformer is an echo."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self._exact: list[Any] = []  # a list, because a module's attribute would count as its part

    def forward(self, states: Tensor) -> Tensor:
        """Return scores [R, V] in float32 of hidden states [R, H].

        The head computes in float32 whatever the transformer's type. Rounded to bfloat16, most of a vocabulary's scores
        would equal others, and ranks among them would mean nothing.
        """
        model = self._in_float32()
        # Each state is a text of one position: the echo hands it to the head as the last hidden state.
        states_R1H = states[:, None].float()
        if model.config.is_encoder_decoder:
            output = model(encoder_outputs=(states_R1H,), decoder_inputs_embeds=states_R1H)
        else:
            output = model(inputs_embeds=states_R1H)
        logits_R1V: Tensor = output.logits
        return logits_R1V[:, 0]

    def _in_float32(self) -> Any:
        if next(self.model.parameters()).dtype == torch.float32:
            return self.model
        if not self._exact:
            self._exact.append(copy.deepcopy(self.model).float())
        return self._exact[0]


def split(model: Any) -> tuple[Any, LanguageHead]:
    """Part a language model into its transformer and its head; weights that they share stay shared."""
    transformer = model.base_model
    if transformer is model:
        return _gather(model), LanguageHead(model)
    echo = _Echo(Seq2SeqModelOutput) if model.config.is_encoder_decoder else _Echo()
    setattr(model, model.base_model_prefix, echo)
    return transformer, LanguageHead(model)


def _gather(model: Any) -> Any:
    """The transformer of a language model that keeps its parts side by side with the head (T5)."""
    with torch.device("meta"):
        transformer = AutoModel.from_config(model.config, attn_implementation="eager")
    for name, _ in transformer.named_children():
        setattr(transformer, name, getattr(model, name))
    model.encoder, model.decoder = _Echo(), _Echo()
    return transformer
