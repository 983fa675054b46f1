"""A whole model that plain transformers loads: the backbone, tuned or not, with what was trained merged into it.

A trained head becomes the head of the family's own model. The vectors of a v1 prompt, or of prompt tuning, become words
of the vocabulary, behind those that there are: word V + j is prompt vector j, and an input names it by that id.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptune.artifacts.answers import asking_code, with_imports
from ptune.artifacts.artifact import Manifest
from ptune.artifacts.formats.format import Export, Usage
from ptune.artifacts.probe import hold
from ptune.artifacts.recipe import Recipe
from ptune.artifacts.route import Route, quiet
from ptune.backbone.families import family_of
from ptune.errors import ArtifactError
from ptune.files import following_umask
from ptune.spec.formats import FormatName

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ptune.prompts.rows import Row


class Hf:
    """The format `hf`."""

    name: FormatName = "hf"
    marker = "config.json"
    by_place = False
    by_package = False

    def why_not(self, manifest: Manifest) -> str | None:
        """Why no model holds a prompt, and what would make it one; None when one does."""
        if len(manifest.sets) > 1:
            return (
                f"a model has one head, and this prompt answers for {len(manifest.sets)} data sets; --data-set NAME "
                "exports one of them"
            )
        if manifest.layers is not None:
            return (
                "a model of transformers has no weights for keys and values before the text; a prompt of the methods "
                "v1 or prompt_tuning becomes words of its vocabulary, and the formats peft and cartridge hold v2 in "
                "every layer"
            )
        family, task = family_of(manifest.backbone.model_type, manifest.backbone.id), Route.of(manifest).task
        if task == "SEQ_CLS" and family.reads == "decoder" and family.dense is None:
            return (
                f"transformers' classifier of {manifest.backbone.model_type} has a trained layer and a tanh between "
                "the decoder and the scores, and no weights of that layer give the scores of this prompt's linear head"
            )
        if task == "SEQ_CLS" and family.pooler and not manifest.backbone.pooled:
            return (
                f"{manifest.backbone.id} comes without a pooler, and transformers would put a random one under the head"
            )
        return None

    def write(self, export: Export, folder: Path) -> Usage:
        """Write the model and its tokenizer."""
        route, files = Route.of(export.manifest), export.reference.files
        model = route.load(files)
        _merge_backbone(model, export)
        trained = {name: tensor for name, tensor in export.artifact.tensors.items() if name.startswith("head.")}
        heads, biases = route.head(files, trained)
        merged = {heads[name]: tensor for name, tensor in trained.items()} | biases
        model.load_state_dict(merged, strict=False)
        known = _known(export)
        _merge_prompt(model, export, known)
        for name, value in route.settings.items():
            setattr(model.config, name, value)
        with quiet(), following_umask(folder):
            model.save_pretrained(folder)
            export.predictor.backbone.tokenizer.save_pretrained(folder)
        recipe = Recipe.prove(
            export.predictor,
            0,
            export.probes[0],
            token=lambda token: _word(token, known),
            framed=route.answer == "likelihood",
        )
        code = [
            f"from transformers import {route.model}, AutoTokenizer",
            "",
            f"model = {route.model}.from_pretrained('.').eval()",
            "tokenizer = AutoTokenizer.from_pretrained('.')",
            *asking_code(export.predictor, 0, route, recipe, known if "prompt.0" in export.artifact.tensors else None),
        ]
        notes = ["The code answers one input at a time, so nothing in it is padding."]
        if "prompt.0" in export.artifact.tensors:
            count = len(export.artifact.tensors["prompt.0"])
            notes.append(f"The prompt's vectors are the words {known} to {known + count - 1} of the vocabulary.")
        return Usage("transformers", with_imports(code), [*notes, *filter(None, [recipe.note()])])

    def check(self, export: Export, folder: Path) -> str:
        """Load the model with transformers, and hold it to ptune's scores."""
        import torch
        import transformers

        route, known = Route.of(export.manifest), _known(export)
        with quiet():
            model = (
                getattr(transformers, route.model)
                .from_pretrained(folder, dtype=torch.float32, trust_remote_code=False)
                .eval()
            )
        export.as_trained(model)
        if route.task == "SEQ_CLS" and export.family.reads == "last":
            model.config.pad_token_id = None  # a row comes alone: nothing in it is padding, whatever the tokens are

        def scores(row: Row) -> Tensor:
            ids = torch.tensor([[_word(token, known) for token in row.ids]])
            given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
            if export.family.types:
                types = torch.tensor([row.types])
                given["token_type_ids"] = types.clamp(max=getattr(model.config, "type_vocab_size", 1) - 1)
            if row.decoder:
                given["decoder_input_ids"] = torch.tensor([row.decoder])
            with torch.inference_mode():
                found = route.scores(model(**given), row)
            return found if route.labels else found[:, :known]

        return hold(export.probes, "transformers", scores)


def _known(export: Export) -> int:
    """How many words the backbone's vocabulary has."""
    return int(export.predictor.backbone.model.get_input_embeddings().num_embeddings)  # type: ignore[operator]


def _word(token: int, known: int) -> int:
    """The word that a token is: prompt token j, which is -(j + 1), stands behind the known ones."""
    return token if token >= 0 else known - token - 1


def _merge_backbone(model: Any, export: Export) -> None:
    """Put the weights of a tuned backbone into a model."""
    import torch

    tuned = export.predictor.learner.backbone
    if tuned is None:
        return
    base = model.base_model
    base.load_state_dict(tuned.model.state_dict(), strict=False)
    pooler = getattr(base, "pooler", None)
    if pooler is not None and tuned.pooler is not None:
        with torch.no_grad():
            for theirs, ours in zip(pooler.parameters(), tuned.pooler.parameters(), strict=True):
                theirs.copy_(ours)
    if tuned.language_head is not None:
        model.load_state_dict(tuned.language_head.model.state_dict(), strict=False)


def _merge_prompt(model: Any, export: Export, known: int) -> None:
    """Give a model words for the prompt's vectors, which it never writes."""
    import torch

    vectors = export.artifact.tensors.get("prompt.0")
    if vectors is None:
        return
    with quiet():
        model.resize_token_embeddings(known + len(vectors), mean_resizing=False)
    words: nn.Embedding = model.get_input_embeddings()
    with torch.no_grad():
        # Some families multiply the embeddings that they look up; a word is what gives the vector then.
        probe = words.weight.new_ones(len(vectors), words.embedding_dim)
        words.weight[known:] = probe
        scale = _embedded(export, words, known)
        words.weight[known:] = vectors / scale
    if model.can_generate():
        model.generation_config.suppress_tokens = list(range(known, known + len(vectors)))


def _embedded(export: Export, words: nn.Embedding, known: int) -> float:
    """What a word of ones becomes where prompts enter.

    Raises:
        ArtifactError: it is not the same in every place.
    """
    import torch

    looked_up = words(torch.tensor([known]))[0] * export.predictor.backbone.scale
    if not bool((looked_up == looked_up[0]).all()):
        raise ArtifactError(f"{export.manifest.backbone.model_type} changes the embeddings that it looks up")
    return float(looked_up[0])
