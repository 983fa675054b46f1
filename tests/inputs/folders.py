"""Folders that say wrong things of themselves: artifacts and backbones, with a value in the place of another."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.input_cases import Case, toml

FINISHED = Path(__file__).parents[1] / "fixtures/finished/artifact"
ARTIFACT = {name: (FINISHED / name).read_bytes() for name in ("artifact.json", "prompt.safetensors")}
SAID: dict[str, tuple[tuple[str | int, ...], Any, list[str]]] = {
    "a format to come": (("format",), "ptune-artifact-9", ["'ptune-artifact-9'", "reads 'ptune-artifact-1'"]),
    "no format": (("format",), None, ["format None"]),
    "a key too many": (("more",), 5, ["more"]),
    "a prompt of no length": (("prompt", "length"), 0, ["prompt.v2.length"]),
    "a prompt of a word's length": (("prompt", "length"), "2", ["prompt.v2.length"]),
    "an unknown method": (("prompt", "method"), "v3", ["prompt"]),
    "no layers": (("layers",), [], ["at least one layer"]),
    "layers beyond the last": (("layers",), [6], ["layers"]),
    "layers twice": (("layers",), [5, 5], ["layers"]),
    "labels twice": (("sets", 0, "labels"), ["done", "done", "a", "b"], ["'done'", "twice"]),
    "labels that are a word": (("sets", 0, "labels"), "done", ["sets.0.labels"]),
    "thresholds of a classifier": (("sets", 0, "thresholds"), [0.5] * 4, ["has thresholds"]),
    "a threshold that is no number": (("sets", 0, "thresholds"), [float("nan")] * 4, ["finite number"]),
    "another layout": (("sets", 0, "template"), "{text} {more}", ["is '{text}' by its prompt"]),
    "no data sets": (("sets",), [], ["sets"]),
    "another kind": (("task", "kind"), "regression", ["task.regression"]),
    "no kind": (("task", "kind"), "regresion", ["task"]),
    "a score that is no number": (("scores",), {"dev": {"accuracy": float("nan")}}, ["finite number"]),
    "a head of no kind": (("head",), "mean", ["head"]),
    "positions of no kind": (("positions",), "sideways", ["positions"]),
    "a backbone of no layers": (("backbone", "layers"), 0, ["layers"]),
    "a backbone of another type": (("backbone", "dtype"), "float8", ["backbone.dtype"]),
    "a trial below nothing": (("trial",), -1, ["trial"]),
}
"""Where something else is said in the description of an artifact, what, and words."""
HEADER = b'{"encoder.layer.0.output.dense.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}'
SOUND: dict[str, Any] = {
    "model_type": "bert",
    "hidden_size": 4,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "vocab_size": 3,
    "max_position_embeddings": 512,
}
TOKENS: dict[str, Any] = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [],
    "normalizer": None,
    "pre_tokenizer": {"type": "Whitespace"},
    "post_processor": None,
    "decoder": None,
    "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "a": 1, "b": 2}, "unk_token": "[UNK]"},
}
BACKBONE = {
    "config.json": json.dumps(SOUND).encode(),
    "model.safetensors": len(HEADER).to_bytes(8, "little") + HEADER + bytes(4),
    "tokenizer.json": json.dumps(TOKENS).encode(),
}
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"
SETTINGS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a width in words": ({"hidden_size": "4"}, ["above 0 for hidden_size, got '4'"]),
    "no width": ({"hidden_size": 0}, ["above 0 for hidden_size, got 0"]),
    "heads below nothing": ({"num_attention_heads": -2}, ["above 0 for num_attention_heads, got -2"]),
    "no words": ({"vocab_size": None}, ["above 0 for vocab_size, got None"]),
    "no positions": ({"max_position_embeddings": 0}, ["above 0 for max_position_embeddings"]),
    "another number of layers": ({"num_hidden_layers": 2}, ["says 2 layers, and its weights hold 1"]),
    "layers in words": ({"num_hidden_layers": "1"}, ["how many layers"]),
    "a family that is none": ({"model_type": "brt"}, ["did you mean 'bert'"]),
    "no family": ({"model_type": None}, ["does not say of which family"]),
    "more dropped than all": ({"hidden_dropout_prob": 2}, ["between 0 and 1 for hidden_dropout_prob"]),
    "quantized weights": ({"quantization_config": {}}, ["are quantized"]),
    "code of its own": ({"auto_map": {"AutoModel": "m.M"}}, ["trust_remote_code"]),
}
"""What is changed in the settings of a backbone, and words."""
HELD: dict[str, tuple[dict[str, bytes | None], list[str]]] = {
    "no settings": ({"config.json": None}, ["no readable config.json"]),
    "settings that are null": ({"config.json": b"null"}, ["not a JSON object"]),
    "settings without an end": ({"config.json": b"[" * 100_000}, ["no readable config.json"]),
    "a pointer for settings": ({"config.json": POINTER}, ["git lfs pull"]),
    "no weights": ({"model.safetensors": None}, ["no *.safetensors weights"]),
    "empty weights": ({"model.safetensors": b""}, ["cannot be read"]),
    "a pointer for weights": ({"model.safetensors": POINTER}, ["git lfs pull"]),
    "weights that are a page": ({"model.safetensors": b"<html></html>" * 9}, ["does not begin as a safetensors"]),
    "weights cut": ({"model.safetensors": BACKBONE["model.safetensors"][:-1]}, ["is damaged", "fetch it again"]),
    "weights of whole numbers": (
        {"model.safetensors": BACKBONE["model.safetensors"].replace(b'"F32"', b'"I32"')},
        ["floating-point"],
    ),
    "no tokenizer": ({"tokenizer.json": None}, ["has no tokenizer"]),
    "an empty tokenizer": ({"tokenizer.json": b"{}"}, ["no readable tokenizer.json"]),
    "a pointer for a tokenizer": ({"tokenizer.json": POINTER}, ["git lfs pull"]),
    "pickled weights": ({"model.safetensors": None, "pytorch_model.bin": b"PK"}, ["ptune convert"]),
}
"""What files are changed in the folder of a backbone, None for one that is missing, and words."""


def cases() -> Iterator[Case]:
    """Every artifact, inspected, and every backbone, named in a job."""
    for name, (path, value, words) in SAID.items():
        content = json.loads(ARTIFACT["artifact.json"])
        *above, last = path
        inner = content
        for key in above:
            inner = inner[key]
        inner[last] = value
        files = {f"made/{file}": held for file, held in ARTIFACT.items()} | {"made/artifact.json": json.dumps(content)}
        yield Case(f"an artifact says: {name}", ("inspect", "made"), 2, tuple(words), files)
    yield _named("as it is", BACKBONE, 0, ["ok j.toml"])
    for name, (changes, words) in SETTINGS.items():
        yield _named(name, BACKBONE | {"config.json": json.dumps(SOUND | changes).encode()}, 2, words)
    for name, (files, words) in HELD.items():
        whole = {file: held for file, held in (BACKBONE | files).items() if held is not None}
        yield _named(name, whole, 2, words)


def _named(name: str, files: dict[str, bytes], code: int, words: list[str]) -> Case:
    job = toml({"backbone.id": '"./bb"'})
    inside = {f"bb/{file}": held for file, held in files.items()} | {"j.toml": job}
    return Case(f"a backbone: {name}", ("validate", "j.toml"), code, tuple(words), inside)
