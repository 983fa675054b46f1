"""Pickled weights become safetensors, in a process that makes tensors and nothing else; or nothing is written."""

import json
import os
import subprocess
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig

from ptune.backbone import convert as converting
from ptune.backbone.convert import convert
from ptune.backbone.hashes import weight_files
from ptune.backbone.language import CLASSES
from ptune.backbone.load import load_backbone
from ptune.backbone.unpickle import answer, unpickle
from ptune.cli.main import run
from ptune.errors import BackboneError
from ptune.files import write_json
from support.families import FAMILIES, make_backbone


class Harm:
    """What a pickle calls when it is loaded without care."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def pickled(folder, *shares, **how):
    """A tiny BERT whose weights lie in pickles, a share of them in each; returns what they hold."""
    make_backbone("bert", folder)
    (weights,) = weight_files(folder)
    tensors = load_file(weights)
    weights.unlink()
    names = sorted(tensors)
    cuts = [0, *shares, len(names)]
    files = [f"pytorch_model-{number:05}-of-{len(shares) + 1:05}.bin" for number in range(1, len(cuts))]
    places = {}
    for file, first, end in zip(files, cuts, cuts[1:], strict=False):
        torch.save(OrderedDict((name, tensors[name]) for name in names[first:end]), folder / file, **how)
        places |= dict.fromkeys(names[first:end], file)
    if shares:
        write_json(folder / "pytorch_model.bin.index.json", {"metadata": {}, "weight_map": places})
    else:
        (folder / files[0]).rename(folder / "pytorch_model.bin")
    return tensors


def test_an_old_folder_of_sentence_transformers_in_parts_becomes_a_backbone(tmp_path, capsys):
    inside, target = tmp_path / "old" / "0_Transformer", tmp_path / "new"
    tensors = pickled(inside, 7, 20)
    modules = [{"idx": 0, "name": "0", "path": inside.name, "type": "sentence_transformers.models.Transformer"}]
    write_json(tmp_path / "old" / "modules.json", modules)
    with pytest.raises(BackboneError, match=r"`ptune convert .*/old DIR` writes a copy that loads"):
        load_backbone(str(tmp_path / "old"))
    assert run(["convert", str(tmp_path / "old"), str(target)]) == 0
    first, copied, last = capsys.readouterr().out.splitlines()
    assert first.startswith("converted  pytorch_model-00001-of-00003.bin, pytorch_model-00002-of-00003.bin, ")
    assert "-> model-00001-of-00003.safetensors, model-00002-of-00003.safetensors, " in first
    assert f": {len(tensors)} tensors, " in first
    assert copied.split(maxsplit=1)[1] == "config.json, tokenizer.json, tokenizer_config.json"
    assert last == f'{target} is a bert with 3 layers; jobs name it: id = "{target}"'
    written = {name: tensor for path in weight_files(target) for name, tensor in load_file(path).items()}
    assert written.keys() == tensors.keys()
    assert all(torch.equal(written[name], tensor) for name, tensor in tensors.items())
    assert load_backbone(str(target)).shape.layers == 3
    assert run(["convert", str(tmp_path / "old"), str(target)]) == 2
    assert "exists, and is not replaced" in capsys.readouterr().err


@pytest.fixture
def handed(monkeypatch):
    """The variables that the process which reads pickles is handed; it runs in this one."""
    variables = {}

    def run_here(command, env, **_how):
        variables.update(env)
        return subprocess.CompletedProcess(command, 0, json.dumps(answer(*command[3:])), "")

    monkeypatch.setattr(converting.subprocess, "run", run_here)
    return variables


def test_a_pickle_that_asks_for_more_is_refused_and_nothing_is_left_behind(tmp_path, monkeypatch, capsys, handed):
    monkeypatch.setenv("HF_TOKEN", "hf_confided")
    pickled(tmp_path / "evil", 20)
    last = tmp_path / "evil" / "pytorch_model-00002-of-00002.bin"
    torch.save({"weight": torch.ones(2), "more": Harm(tmp_path / "harm")}, last)
    assert run(["convert", str(tmp_path / "evil"), str(tmp_path / "new")]) == 2
    assert f"{last} is refused: it asks for posix.mkdir, and not for tensors alone" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["evil"]
    assert "PATH" in handed
    assert "HF_TOKEN" not in handed


@pytest.mark.parametrize("family", ["bert", "gpt2", "t5"])
def test_weights_that_are_tied_are_left_out_as_transformers_leaves_them_out(family, tmp_path):
    folder, target = make_backbone(family, tmp_path / "given", lm=True), tmp_path / "new"
    model = CLASSES[FAMILIES[family].reads].from_pretrained(folder)
    target.mkdir()
    torch.save(model.state_dict(), folder / "pytorch_model.bin", _use_new_zipfile_serialization=family != "bert")
    expected, written = load_file(weight_files(folder)[0]), unpickle(folder, target, ["pytorch_model.bin"])
    converted = load_file(target / "model.safetensors")
    assert converted.keys() == expected.keys()
    assert all(torch.equal(converted[name], tensor) for name, tensor in expected.items())
    assert written.tied.keys() == model.state_dict().keys() - expected.keys() != set()
    config = AutoConfig.from_pretrained(folder)
    config.architectures = ["SomebodysModel"]
    config.save_pretrained(folder)
    assert not unpickle(folder, target, ["pytorch_model.bin"]).tied, "no class says what it ties: each is written"
    assert load_file(target / "model.safetensors").keys() == model.state_dict().keys()


WEIGHT = torch.ones(2)
REFUSED = {
    "a list": ([WEIGHT], "holds no state dict: tensors by their names are wanted, and it is a list"),
    "a tensor": (WEIGHT, "it is a tensor"),
    "nothing": ({}, "it is an empty dict"),
    "a checkpoint of a training": ({"state_dict": {"w": WEIGHT}, "epoch": 3}, "under 'state_dict' is a dict"),
    "numbers as names": ({1: WEIGHT}, "under 1 is a tensor"),
    "sparse weights": ({"w": WEIGHT.to_sparse()}, "under 'w' is a sparse or quantized tensor"),
    "a model": (torch.nn.Linear(2, 2), r"asks for torch\.nn\.modules\.linear\.Linear, .*save the model's state_dict"),
    "a text": (b"a pickle", "is no pickle of tensors, or is damaged"),
    "a file of no bytes": (b"", "is no pickle of tensors, or is damaged$"),
    "half an archive": (b"PK\3\4" + b"\0" * 40, "is no pickle of tensors, or is damaged"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS.*`git lfs pull`"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_holds_no_named_tensors_is_refused_by_what_it_is(case, tmp_path):
    content, reason = REFUSED[case]
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(BackboneError, match=reason):
        unpickle(tmp_path, tmp_path, [path.name])
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_without_pickles_is_refused_by_what_it_holds(tmp_path, tiny_backbone):
    folder, target = tmp_path / "given", tmp_path / "new"
    target.mkdir()
    pickled(folder)
    weights, index = folder / "pytorch_model.bin", folder / "pytorch_model.bin.index.json"

    def refusal(source=folder):
        with pytest.raises(BackboneError) as error:
            convert(str(source), target)
        assert not list(target.iterdir())
        return str(error.value)

    assert "needs no conversion" in refusal(tiny_backbone("bert"))
    assert "needs no conversion" in refusal("packaged:minilm")
    weights.rename(folder / "tf_model.h5")
    assert "holds no file pytorch_model.bin; tf_model.h5 is of another library" in refusal()
    for parts, reason in (({"w": "../x.bin"}, "'../x.bin'"), ({"w": "a.bin"}, "no file a.bin"), ([], "does not say")):
        write_json(index, {"weight_map": parts})
        assert reason in refusal()
    index.unlink()
    os.mkfifo(weights)
    assert "holds no file pytorch_model.bin" in refusal()
    (folder / "tokenizer.json").unlink()
    (folder / "tf_model.h5").replace(weights)
    assert "has no tokenizer" in refusal()
