"""What transformers computes by itself, for every family: the numbers that a pass of ours is held to."""

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ptune.backbone.families import FAMILIES


def hidden_states(model: PreTrainedModel, **given: Tensor) -> Tensor:
    """The last hidden states of a base model, of token ids or of embeddings [B, Q, E]."""
    with torch.inference_mode():
        return _run(model, given).last_hidden_state


def vocabulary_scores(model: PreTrainedModel, **given: Tensor) -> Tensor:
    """The scores of a language model."""
    with torch.inference_mode():
        return _run(model, given).logits


def _run(model: PreTrainedModel, given: dict[str, Tensor]):
    family = FAMILIES[model.config.model_type]
    if not family.types:
        given.pop("token_type_ids", None)
    if family.reads == "decoder":  # classifiers of encoder-decoders give the decoder the input, shifted right
        start = torch.tensor(model.config.decoder_start_token_id)
        if (ids := given.get("input_ids")) is not None:
            given["decoder_input_ids"] = torch.cat([start.expand(len(ids), 1), ids[:, :-1]], dim=1)
        else:
            embeds = given["inputs_embeds"]
            first = model.get_input_embeddings()(start).expand(len(embeds), 1, -1)
            scale = getattr(model.decoder, "embed_scale", 1.0)  # that of embeddings given to the encoder only
            given["decoder_inputs_embeds"] = torch.cat([first, embeds[:, :-1] / scale], dim=1)
        if "attention_mask" in given:
            given["decoder_attention_mask"] = given["attention_mask"]
    return model(**given)
