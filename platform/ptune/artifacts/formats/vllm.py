"""Prompt embeddings for vLLM, which serves them with `--enable-prompt-embeds`.

The folder holds the prompt's vectors, the layout of an input as token ids and places for texts, and a client that makes
a request's body of them. vLLM reads `prompt_embeds`, a tensor [tokens, hidden] that torch has saved, in base64.
"""

from __future__ import annotations

import base64
import binascii
import importlib.util
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptune.artifacts.artifact import Manifest
from ptune.artifacts.folders import write_tensors
from ptune.artifacts.formats.format import Export, Usage
from ptune.artifacts.probe import hold
from ptune.artifacts.recipe import Recipe
from ptune.artifacts.route import Route, quiet
from ptune.backbone.families import family_of
from ptune.errors import ArtifactError
from ptune.files import write_json, write_text
from ptune.spec.formats import FormatName

if TYPE_CHECKING:
    from torch import Tensor

    from ptune.prompts.rows import Row

INPUT = "input.json"
TENSORS = "prompt.safetensors"
EXAMPLE = "example.safetensors"
CLIENT = "client.py"

_OLDEST = "0.18"  # earlier ones multiply the embeddings of Gemma and Gemma 2 once more
_ASKED = 'ask("http://127.0.0.1:8000", body)'
_MOST_LOGPROBS = 20  # log-probabilities that vLLM gives by default, at most


class Vllm:
    """The format `vllm`."""

    name: FormatName = "vllm"
    marker = INPUT
    by_place = True
    by_package = False

    def why_not(self, manifest: Manifest) -> str | None:
        """Why vLLM cannot serve a prompt, and what would make it servable; None when it can."""
        family = family_of(manifest.backbone.model_type, manifest.backbone.id)
        if len(manifest.sets) > 1:
            return (
                f"the client lays out the inputs of one data set, and this prompt has {len(manifest.sets)}; --data-set "
                "NAME exports one of them"
            )
        if family.reads != "last":
            return f"vLLM writes with causal models, and {manifest.backbone.model_type} is none"
        if manifest.layers is not None:
            return (
                "vLLM takes embeddings of an input and no keys and values of layers; a prompt of the methods v1 or "
                "prompt_tuning can be served, and the format cartridge holds keys and values"
            )
        if not manifest.language:
            return "vLLM answers with words of the vocabulary, and this prompt's answers come from a trained head"
        if manifest.tuned:
            return "the backbone was tuned, and vLLM would serve the one it was made from; the format hf holds it"
        if Route.of(manifest).answer == "likelihood":
            return "vLLM gives no log-probabilities for the tokens of an input, by which candidates are judged"
        return None

    def write(self, export: Export, folder: Path) -> Usage:
        """Write vectors, layout, client, and the embeddings of one input as an example."""
        import torch

        predictor, reference = export.predictor, export.reference
        recipe = Recipe.prove(predictor, 0, export.probes[0], framed=True)
        width = predictor.backbone.shape.embedding
        vectors = export.artifact.tensors.get("prompt.0", torch.zeros(0, width))
        labels = _label_tokens(export)
        write_tensors(folder / TENSORS, {"prompt": vectors})
        write_json(
            folder / INPUT,
            {
                "model": reference.in_folder,
                "served_model": reference.name,
                "texts": list(recipe.names),
                "max_length": recipe.max_length,
                "pieces": recipe.as_json(),
                "sampling": _sampling(export, labels),
                "labels": labels,
            },
        )
        write_text(folder / CLIENT, Path(__file__).with_name("vllm_client.py").read_text(encoding="utf-8"))
        reference.embed(folder, {})
        row = export.probes[0].rows[0]
        ids = torch.tensor(list(row.ids))
        with quiet():
            embeds = _client(folder).Prompt(reference.loadable(folder)).embeds(list(row.ids))
        write_tensors(
            folder / EXAMPLE, {"prompt_embeds": embeds, "token_ids": ids.clamp(min=0), "is_prompt": (ids < 0).long()}
        )
        texts = ", ".join(repr(f"some {name}") for name in recipe.names)
        code = [
            "from client import Prompt, ask",
            "",
            f"body = Prompt().request({texts})",
            "print({name: str(value)[:60] for name, value in body.items()})",
            f"# print({_ASKED if labels is None else f'Prompt().probabilities({_ASKED})'})",
        ]
        served = f"Serve the backbone with vLLM {_OLDEST} or newer: `{_command(reference.name, labels)}`."
        return Usage("vllm", code, [served, *filter(None, [recipe.note()])])

    def check(self, export: Export, folder: Path) -> str:
        """Hold the client's embeddings, run by transformers, to ptune's scores; and its body to vLLM's schema."""
        import torch

        place = export.reference.loadable(folder)
        with quiet():
            client = _client(folder).Prompt(place)
        route = Route.of(export.manifest)
        model = export.as_trained(route.load(place))
        width = model.get_input_embeddings().embedding_dim

        def scores(row: Row) -> Tensor:
            with torch.inference_mode():
                return route.scores(model(inputs_embeds=client.embeds(list(row.ids))[None]), row)

        texts = [f"some {name}" for name in client.about["texts"]]
        sent = decoded(json.loads(json.dumps(client.request(*texts))))
        if sent.shape != (len(client.token_ids(*texts)), width):
            raise ArtifactError(f"a request holds embeddings of shape {list(sent.shape)}; nothing is written")
        return hold(export.probes, "transformers with these embeddings", scores)


def decoded(body: dict[str, Any]) -> Tensor:
    """The embeddings of a request to `/v1/completions`, read as vLLM's documentation says.

    Raises:
        ArtifactError: it is no such request.
    """
    import torch

    if not isinstance(body.get("model"), str) or not isinstance(body.get("max_tokens"), int):
        raise ArtifactError("a request names a model and the most tokens of its answer")
    try:
        raw = base64.b64decode(body["prompt_embeds"], validate=True)
        embeds = torch.load(io.BytesIO(raw), weights_only=True, map_location="cpu")
    except (KeyError, binascii.Error, RuntimeError) as error:
        raise ArtifactError(f"a request holds prompt_embeds, a saved tensor in base64: {error}") from None
    if embeds.dim() != 2 or embeds.dtype not in (torch.float32, torch.bfloat16, torch.float16):
        raise ArtifactError(f"prompt_embeds is a tensor [tokens, hidden], got {embeds.dtype} {list(embeds.shape)}")
    return torch.as_tensor(embeds)


def _sampling(export: Export, labels: Mapping[str, Sequence[int]] | None) -> dict[str, Any]:
    """The settings with which vLLM gives ptune's answer."""
    route = Route.of(export.manifest)
    if route.answer == "text":
        return {"max_tokens": route.most_tokens, "temperature": 0}
    if labels is None:
        return {"max_tokens": 1, "temperature": 0, "logprobs": _MOST_LOGPROBS}
    tokens = [token for tokens in labels.values() for token in tokens]
    return {
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": len(tokens),
        "allowed_token_ids": tokens,
        "return_tokens_as_token_ids": True,
    }


def _label_tokens(export: Export) -> dict[str, list[int]] | None:
    """The tokens that stand for each label; None where answers are no labels."""
    from ptune.prompts.heads import Verbalizer

    if Route.of(export.manifest).answer in ("text", "word"):
        return None
    predictor = export.predictor
    spec = predictor.task.kinds[0].head_spec(predictor.layouts[0])
    assert isinstance(spec, Verbalizer), "the language head answers with words"
    if predictor.layouts[0].masks > 1:
        raise ArtifactError("the words that stand for labels are several tokens each, and vLLM scores one at a time")
    words_of = zip(predictor.labels(), spec.words, strict=True)
    return {label: [word[0] for word in words] for label, words in words_of}


def _command(backbone: str, labels: Mapping[str, Sequence[int]] | None) -> str:
    """How the backbone is served; label words are scored among themselves, which is not what vLLM does unasked."""
    command = f"vllm serve {backbone} --enable-prompt-embeds"
    if labels is None:
        return command
    scored = sum(map(len, labels.values()))
    most = f" --max-logprobs {scored}" if scored > _MOST_LOGPROBS else ""
    return f"{command} --logprobs-mode processed_logprobs{most}"


def _client(folder: Path) -> Any:
    """The client of a folder, as its users import it."""
    spec = importlib.util.spec_from_file_location("ptune_exported_client", folder / CLIENT)
    assert spec is not None, "a file of Python has a spec"
    assert spec.loader is not None, "and a loader"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
