"""PEFT's prefix-tuning format, for the prompts it can express, so that PEFT's own loader gives the same scores.

PEFT (0.21) reads `adapter_config.json` and `adapter_model.safetensors`. `ptune.json` beside them holds what ptune needs
to read the folder back. The module does not import PEFT.

PEFT puts T keys and values before the text in every layer, lets text positions start at T, and scores with the head of
transformers' own sequence-classification model. A prompt that works in any other way is refused.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

from ptune.artifacts.artifact import Artifact, Manifest
from ptune.artifacts.folders import (
    check_holds,
    read_manifest,
    read_tensors,
    replacing_folder,
    write_manifest,
    write_tensors,
)
from ptune.backbone.families import FAMILIES, Family, family_of
from ptune.errors import ArtifactError
from ptune.files import write_json
from ptune.spec.prompt import PromptTuning, PromptV1, PromptV2
from ptune.spec.task import Classification
from ptune.spec.template import plain, written

FORMAT = "ptune-peft-1"
MANIFEST = "ptune.json"
CONFIG = "adapter_config.json"
TENSORS = "adapter_model.safetensors"

_PROMPT = "prompt_embeddings"
_OURS = "prompt.0"
_LOAD = (
    "base = AutoModelForSequenceClassification.from_pretrained("
    "BACKBONE, num_labels=len(id2label), id2label=id2label, dtype=torch.DTYPE); "
    "model = PeftModel.from_pretrained(base, THIS_FOLDER)"
)
_SPACES = ", texts stripped of white space; where a tokenizer puts nothing between two texts, put a space there"
_PADDING = (
    "pad on the right with a token that ends no text, and name it in base.config.pad_token_id: transformers scores "
    "the last token that differs from it"
)


def why_not_peft(manifest: Manifest) -> str | None:
    """Why PEFT cannot express a prompt, and what would make it exportable; None when it can."""
    origin, family = manifest.backbone, _family(manifest)
    if not isinstance(manifest.task, Classification) or manifest.head != "linear" or len(manifest.sets) > 1:
        return "PEFT's format is written for classification of one data set with a trained head"
    data, single = manifest.task.data, manifest.sets[0]
    if manifest.tuned:
        return "the backbone was tuned, and PEFT's prefix tuning keeps it as it was"
    if isinstance(manifest.prompt, PromptV1 | PromptTuning):
        return (
            "PEFT puts every prompt token of the input before the text and reads the head's position without counting "
            "them: it scores a prompt token instead of [CLS], or padding instead of the last token; "
            'a prompt with method = "v2" can be exported'
        )
    if not isinstance(manifest.prompt, PromptV2):
        return 'a head without a prompt is not something PEFT loads; a prompt with method = "v2" can be exported'
    if not family.peft:
        families = ", ".join(sorted(name for name, listed in FAMILIES.items() if listed.peft))
        return f"PEFT's prefix tuning does not work on {origin.model_type} models (it does on {families})"
    if manifest.layers != list(range(origin.layers)):
        return (
            f"PEFT puts a prompt in all {origin.layers} layers, this one is in {len(manifest.layers or [])}, and empty "
            f"keys in the others would still draw attention; leave `depth` out to train one in all layers"
        )
    if manifest.positions != "shifted":
        return 'PEFT lets text positions start after the prompt; train with positions = "shifted"'
    if family.pooler and not origin.pooled:
        return (
            f"{origin.id} comes without a pooler, so transformers would put a random one under the head; "
            f"a backbone saved with its pooler can be exported"
        )
    if origin.window is not None and manifest.prompt.length + data.max_length > origin.window:
        return (
            f"PEFT lets a prompt slide out of the attention window of {origin.window} tokens; "
            f"length + max_length <= {origin.window} must hold, got {manifest.prompt.length} + {data.max_length}"
        )
    if manifest.prompt.lengths is not None:
        return "PEFT gives a prompt the same length in every layer"
    if single.template != written(plain(data.fields)):
        return f"PEFT knows no templates, only the texts themselves; this prompt has {single.template!r}"
    return None


def write(folder: Path, artifact: Artifact) -> None:
    """Write an artifact as a PEFT adapter; one that is there already is replaced in one step.

    Raises:
        ArtifactError: PEFT cannot express the prompt, or the folder holds anything that is not such an artifact's.
    """
    reason = why_not_peft(artifact.manifest)
    if reason is not None:
        raise ArtifactError(f"the prompt cannot be exported to PEFT: {reason}; the native format holds every prompt")
    tensors = {_PROMPT: artifact.tensors[_OURS]}
    names = _head_names(artifact.manifest)
    tensors |= {names[name]: tensor for name, tensor in artifact.tensors.items() if name != _OURS}
    with replacing_folder(folder, (MANIFEST, CONFIG, TENSORS), marker=MANIFEST) as draft:
        write_tensors(draft / TENSORS, tensors)
        write_json(draft / CONFIG, asdict(_adapter_config(artifact.manifest)))
        write_manifest(draft / MANIFEST, FORMAT, artifact.manifest, {"use": _usage(artifact.manifest)})


def read(folder: Path) -> Artifact:
    """Read an artifact that `write` wrote.

    Raises:
        ArtifactError: the folder is missing, damaged, or not such an artifact.
    """
    check_holds(folder, MANIFEST, kind="an artifact that ptune exported to PEFT's format")
    manifest = read_manifest(folder / MANIFEST, FORMAT, further=("use",))
    tensors = read_tensors(folder / TENSORS)
    names = {theirs: ours for ours, theirs in _head_names(manifest).items()} | {_PROMPT: _OURS}
    unknown = sorted(set(tensors) - set(names))
    if unknown:
        raise ArtifactError(f"{folder / TENSORS} holds tensors that ptune did not export: {', '.join(unknown)}")
    return Artifact(manifest, {names[name]: tensor for name, tensor in tensors.items()})


def _head_names(manifest: Manifest) -> dict[str, str]:
    """From the head's tensor names to PEFT's, which are those of transformers' sequence-classification models."""
    family = _family(manifest)
    if family.dense:
        modules = {"dense": "classifier.dense", "out": "classifier.out_proj"}
    else:
        modules = {"out": "classifier" if family.reads == "first" else "score"}
    return {
        f"head.0.{ours}.{kind}": f"base_model.{theirs}.{kind}"
        for ours, theirs in modules.items()
        for kind in ("weight", "bias")
    }


@dataclass(frozen=True)
class _AdapterConfig:
    """PEFT's `adapter_config.json` for prefix tuning; the keys are PEFT's."""

    peft_type: str
    task_type: str
    inference_mode: bool
    base_model_name_or_path: str
    revision: str | None
    num_virtual_tokens: int
    token_dim: int
    """Width of a key or value over all heads."""
    num_layers: int
    num_attention_heads: int
    num_transformer_submodules: int
    encoder_hidden_size: int
    prefix_projection: bool


class _Usage(TypedDict):
    """How to use the adapter without ptune: what PEFT's files cannot say themselves."""

    id2label: dict[str, str]
    load: str
    """Python that loads the adapter."""
    input: str
    """Python that turns texts into the model's input."""
    padding: NotRequired[str]
    """Only for a backbone whose last token is read."""


def _adapter_config(manifest: Manifest) -> _AdapterConfig:
    origin = manifest.backbone
    width = origin.kv_heads * origin.head_width
    return _AdapterConfig(
        peft_type="PREFIX_TUNING",
        task_type="SEQ_CLS",
        inference_mode=True,
        base_model_name_or_path=origin.id,
        revision=origin.revision,
        num_virtual_tokens=manifest.prompt.length if isinstance(manifest.prompt, PromptV2) else 0,
        token_dim=width,
        num_layers=origin.layers,
        num_attention_heads=origin.kv_heads,
        num_transformer_submodules=1,
        encoder_hidden_size=width,
        prefix_projection=False,
    )


def _usage(manifest: Manifest) -> _Usage:
    data = manifest.task.data
    names = ", ".join(data.fields)
    usage = _Usage(
        id2label={str(index): label for index, label in enumerate(manifest.sets[0].labels)},
        load=_LOAD.replace("DTYPE", manifest.backbone.dtype),
        input=f"tokenizer({names}, truncation='longest_first', max_length={data.max_length}){_SPACES}",
    )
    if _family(manifest).reads == "last":
        usage["padding"] = _PADDING
    return usage


def _family(manifest: Manifest) -> Family:
    return family_of(manifest.backbone.model_type, manifest.backbone.id)
