"""PEFT's format, for the prompts it can express, so that PEFT's own loader gives the same scores.

PEFT (0.21) reads `adapter_config.json` and `adapter_model.safetensors`. `ptune.json` beside them holds what ptune needs
to read the folder back.

A v2 prompt is PEFT's prefix tuning: T keys and values before the text in every layer, and text positions that start at
T. A v1 prompt, or prompt tuning, is PEFT's prompt tuning: virtual tokens before the input. PEFT puts them before the
tokenizer's own first token, and a template may hold words before its prompt; so everything up to the last prompt token
is exported as virtual tokens, with the embeddings that the backbone has for words, and the input goes on behind them.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ptune.artifacts.adapter import CONFIG, FORMAT, MANIFEST, PROMPT, TENSORS, Names
from ptune.artifacts.answers import asking_code, with_imports
from ptune.artifacts.artifact import Manifest
from ptune.artifacts.folders import write_manifest, write_tensors
from ptune.artifacts.formats.format import Export, Usage
from ptune.artifacts.probe import hold
from ptune.artifacts.recipe import Recipe, virtual_tokens
from ptune.artifacts.route import Route, quiet
from ptune.backbone.families import FAMILIES, Family, family_of
from ptune.files import write_json
from ptune.spec.formats import FormatName
from ptune.spec.prompt import PromptTuning, PromptV1, PromptV2
from ptune.spec.template import Anchor, PromptRun, parse

if TYPE_CHECKING:
    from torch import Tensor

    from ptune.prompts.rows import Row


class Peft:
    """The format `peft`."""

    name: FormatName = "peft"
    marker = MANIFEST
    by_place = True
    by_package = False

    def __init__(self, prefix_type: Literal["PREFIX_TUNING", "CARTRIDGE"] = "PREFIX_TUNING") -> None:
        self._prefix_type = prefix_type

    def why_not(self, manifest: Manifest) -> str | None:
        """Why PEFT cannot express a prompt, and what would make it exportable; None when it can."""
        if len(manifest.sets) > 1:
            return (
                f"an adapter of PEFT serves one data set, and this prompt {len(manifest.sets)}; --data-set NAME "
                "exports one of them"
            )
        if manifest.tuned:
            return "the backbone was tuned, and PEFT's prompts keep it as it was; the format hf holds tuned backbones"
        match manifest.prompt:
            case PromptV2():
                return _why_no_prefix(manifest, manifest.prompt)
            case PromptV1() | PromptTuning():
                return _why_no_virtual_tokens(manifest)
            case _:
                return "an adapter of PEFT is a trained prompt, and there is none; the format hf holds heads and words"

    def write(self, export: Export, folder: Path) -> Usage:
        """Write the adapter and, beside it, what ptune needs to read it back."""
        manifest, tensors = export.manifest, export.artifact.tensors
        route = _route(manifest)
        files = export.reference.files
        trained = {name: tensor for name, tensor in tensors.items() if name.startswith("head.")}
        heads, biases = route.head(files, trained)
        prompt, virtual = _prompt(export)
        adapter = {PROMPT: prompt} | {f"base_model.{heads[name]}": tensor for name, tensor in trained.items()}
        adapter |= {f"base_model.{name}": zeros for name, zeros in biases.items()}
        names = Names({name: f"base_model.{theirs}" for name, theirs in heads.items()}, virtual)
        write_tensors(folder / TENSORS, adapter)
        write_json(folder / CONFIG, self._config(export, route, len(prompt)))
        write_manifest(folder / MANIFEST, FORMAT, manifest, {"names": asdict(names)})
        export.reference.embed(folder, route.settings if route.options else {})
        return _usage(export, route, len(virtual))

    def _config(self, export: Export, route: Route, tokens: int) -> dict[str, object]:
        config = asdict(_adapter_config(export, route, tokens, self._prefix_type))
        return config | ({"num_frozen_tokens": min(1, tokens - 1)} if self._prefix_type == "CARTRIDGE" else {})

    def check(self, export: Export, folder: Path) -> str:
        """Load the adapter with PEFT, and hold it to ptune's scores."""
        return hold(export.probes, "PEFT", _scorer(export, folder))


def _scorer(export: Export, folder: Path) -> Any:
    """What gives the scores of a row with an adapter that PEFT loads."""
    import torch
    from peft import PeftModel

    route = _route(export.manifest)
    with quiet(), _without_warnings():
        model = export.as_trained(route.load(export.reference.loadable(folder)))
        model = PeftModel.from_pretrained(model, str(folder)).eval()
    prefixed = isinstance(export.manifest.prompt, PromptV2)
    lead = 0 if prefixed else len(virtual_tokens(export.predictor, 0))
    config = model.get_base_model().config
    if route.task == "SEQ_CLS" and export.family.reads == "last":
        config.pad_token_id = None  # a row comes alone: nothing in it is padding, whatever the tokens are

    def scores(row: Row) -> Tensor:
        ids = torch.tensor([row.ids[lead:]])
        given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if export.family.types and route.task != "FEATURE_EXTRACTION":
            given["token_type_ids"] = torch.tensor([row.types[lead:]])
        if row.decoder:
            given["decoder_input_ids"] = torch.tensor([row.decoder])
        with torch.inference_mode(), _without_warnings():
            return route.scores(model(**given), row)

    return scores


def _prompt(export: Export) -> tuple[Tensor, list[int]]:
    """The tensor that PEFT calls the prompt, and, of virtual tokens, the tokens that they stand for."""
    import torch

    prompt = export.artifact.tensors["prompt.0"]
    if isinstance(export.manifest.prompt, PromptV2):
        return prompt, []
    virtual = virtual_tokens(export.predictor, 0)
    backbone = export.predictor.backbone
    with torch.no_grad():
        words = backbone.embed(torch.tensor([[max(token, 0) for token in virtual]]))[0].float().clone()
    for place, token in enumerate(virtual):
        if token < 0:
            words[place] = prompt[-token - 1]
    return words, virtual


def _why_no_prefix(manifest: Manifest, prompt: PromptV2) -> str | None:
    """Why a v2 prompt is no prefix tuning of PEFT."""
    origin, family = manifest.backbone, _family(manifest)
    if not family.peft:
        families = ", ".join(sorted(name for name, listed in FAMILIES.items() if listed.peft))
        return f"PEFT's prefix tuning does not work on {origin.model_type} models (it does on {families})"
    if manifest.layers != list(range(origin.layers)):
        return (
            f"PEFT puts a prompt in all {origin.layers} layers, this one is in {len(manifest.layers or [])}. In the "
            "others a key would need an attention of exactly zero, which no finite key has for every query; "
            "leave `depth` out to train a prompt in all layers"
        )
    if manifest.positions != "shifted":
        return 'PEFT lets text positions start after the prompt; train with positions = "shifted"'
    if prompt.lengths is not None:
        return "PEFT gives a prompt the same length in every layer"
    if origin.window is not None and prompt.length + manifest.task.sets[0].max_length > origin.window:
        return (
            f"PEFT lets a prompt slide out of the attention window of {origin.window} tokens; "
            f"length + max_length <= {origin.window} must hold, got {prompt.length} + "
            f"{manifest.task.sets[0].max_length}"
        )
    return _why_no_pooler(manifest)


def _why_no_virtual_tokens(manifest: Manifest) -> str | None:
    """Why a prompt among the input's tokens is no prompt tuning of PEFT."""
    data, single = manifest.task.sets[0], manifest.sets[0]
    parts = parse(single.template, list(data.fields))
    last = max((index for index, part in enumerate(parts) if isinstance(part, PromptRun)), default=0)
    if not all(isinstance(part, PromptRun | Anchor) for part in parts[:last]):
        return (
            "PEFT puts all virtual tokens before the input, and this prompt has a token behind a text: "
            f"{single.template!r}; one whose template begins with its prompt can be exported, or the format hf"
        )
    family = _family(manifest)
    if family.reads == "decoder" and not manifest.language:
        return (
            "PEFT gives an encoder-decoder's decoder the input without the virtual tokens, and its classifier reads "
            "them there; the format hf holds the prompt as words of the vocabulary"
        )
    return _why_no_pooler(manifest)


def _why_no_pooler(manifest: Manifest) -> str | None:
    if Route.of(manifest).task == "SEQ_CLS" and _family(manifest).pooler and not manifest.backbone.pooled:
        return (
            f"{manifest.backbone.id} comes without a pooler, so transformers would put a random one under the head; "
            f"a backbone saved with its pooler can be exported"
        )
    return None


@dataclass(frozen=True)
class _AdapterConfig:
    """PEFT's `adapter_config.json`; the keys are PEFT's."""

    peft_type: str
    task_type: str
    inference_mode: bool
    base_model_name_or_path: str
    revision: str | None
    num_virtual_tokens: int
    token_dim: int
    """Width of a virtual token, or of a key or value over all heads."""
    num_layers: int
    num_attention_heads: int
    num_transformer_submodules: int


def _adapter_config(export: Export, route: Route, tokens: int, kind: str) -> _AdapterConfig:
    origin = export.manifest.backbone
    prefix = isinstance(export.manifest.prompt, PromptV2)
    width = origin.kv_heads * origin.head_width if prefix else export.predictor.backbone.shape.embedding
    return _AdapterConfig(
        peft_type=kind if prefix else "PROMPT_TUNING",
        task_type=route.task,
        inference_mode=True,
        base_model_name_or_path=export.reference.name,
        revision=export.reference.revision,
        num_virtual_tokens=tokens,
        token_dim=width,
        num_layers=origin.layers,
        num_attention_heads=origin.kv_heads,
        num_transformer_submodules=1,
    )


def _usage(export: Export, route: Route, lead: int) -> Usage:
    """The code of the model card."""
    reference = export.reference
    framed = route.answer == "likelihood"
    recipe = Recipe.prove(export.predictor, 0, export.probes[0], lead=lead, framed=framed)
    options = "" if not route.options or reference.embedded else f", num_labels={len(route.labels)}"
    place = repr(reference.in_folder)
    if route.task == "FEATURE_EXTRACTION":  # which PEFT has no auto class for
        loading = [
            "from peft import PeftModel",
            f"from transformers import {route.model}, AutoTokenizer",
            "",
            f"model = PeftModel.from_pretrained({route.model}.from_pretrained({place}), '.').eval()",
        ]
    else:
        auto = route.model.replace("AutoModel", "AutoPeftModel")
        loading = [
            f"from peft import {auto}",
            "from transformers import AutoTokenizer",
            "",
            f"model = {auto}.from_pretrained('.'{options}).eval()",
        ]
    tokenizer = f"tokenizer = AutoTokenizer.from_pretrained({place})"
    code = with_imports([*loading, tokenizer, *asking_code(export.predictor, 0, route, recipe)])
    notes = ["The code answers one input at a time, so nothing in it is padding.", *filter(None, [recipe.note(lead)])]
    return Usage("peft", code, notes)


def _route(manifest: Manifest) -> Route:
    """The model that PEFT wraps.

    PEFT's question answering drops token types. Its token classification does not, and scores the start and the end of
    an answer at every token just the same.
    """
    route, family = Route.of(manifest), _family(manifest)
    if route.task == "QUESTION_ANS" and family.types and family.positions != "roberta":  # RoBERTa has a single type
        return replace(route, model="AutoModelForTokenClassification", task="TOKEN_CLS")
    return route


def _family(manifest: Manifest) -> Family:
    return family_of(manifest.backbone.model_type, manifest.backbone.id)


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Without PEFT's warnings about arguments that it leaves out; what that changes, the check finds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
