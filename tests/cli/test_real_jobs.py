"""Jobs on real data and a real causal language model, through the command that users type."""

import json
import shutil

import pytest

from ptune.artifacts.predict import Predictor
from ptune.tracking.location import DATABASE

SPACE = """
[space.parameters]
method = { choices = ["v1", "v2"] }
length = { low = 2, high = 6 }
lr = { low = 3e-3, high = 3e-2, log = true }
batch_size = { value = 16 }

[[space.baseline]]
method = "v2"
[[space.baseline]]
method = "v1"

[budget]
trials = 2
epochs = 1
"""


@pytest.fixture
def runs(tmp_path, blank_database):
    """The runs folder, with a database for MLflow."""
    folder = tmp_path / "ptune_runs"
    folder.mkdir()
    shutil.copy(blank_database, folder / DATABASE)
    return folder


def search(ptune, path, text):
    path.write_text(text + SPACE, encoding="utf-8")
    done = ptune("search", path, "--local", "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_a_causal_model_with_grouped_heads(ptune, runs, tmp_path, shared_data):
    sst2 = shared_data / "sst2"
    job = f"""
name = "stories"
[backbone]
id = "{shared_data / "stories260K"}"
[task.data]
train = "{sst2 / "train_full.tsv"}"
dev = "{sst2 / "dev.tsv"}"
text = ["sentence"]
limit_train = 96
limit_dev = 48
"""
    result = search(ptune, tmp_path / "stories.toml", job)
    assert result["statuses"] == {"complete": 2}
    predictor = Predictor.load(runs / "stories" / "artifact")
    assert predictor.artifact.manifest.backbone.kv_heads == 4
    (answer,) = predictor.predict([("a warm and moving film",)])
    assert sum(answer["probabilities"].values()) == pytest.approx(1.0)


@pytest.mark.usefixtures("runs")
def test_korean_pairs_from_two_data_sets(ptune, tmp_path, shared_data):
    job = f"""
name = "nli"
[backbone]
id = "{korean_bert(tmp_path / "bert", shared_data)}"
[task.data]
train = "{shared_data / "kornli" / "xnli.dev.ko.tsv"}"
dev = "{shared_data / "klue" / "klue-nli-v1.1_dev.json"}"
text = ["sentence1", "sentence2"]
rename = {{ premise = "sentence1", hypothesis = "sentence2" }}
label = "gold_label"
max_length = 64
limit_train = 96
limit_dev = 48
"""
    result = search(ptune, tmp_path / "nli.toml", job)
    assert result["statuses"] == {"complete": 2}
    pair = ("흡연자분들은 발코니가 있는 방이면 발코니에서 흡연이 가능합니다.", "어떤 방에서도 흡연은 금지됩니다.")
    predict = ptune("predict", result["artifact"], "--text", pair[0], "--text2", pair[1])
    assert predict.code == 0, predict.err
    assert json.loads(predict.out)["label"] in {"entailment", "neutral", "contradiction"}


def korean_bert(folder, shared_data):
    """A tiny random BERT whose WordPiece vocabulary is learned from Korean sentences."""
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir()
    trained = BertWordPieceTokenizer(strip_accents=False)
    trained.train(str(shared_data / "kornli" / "xnli.dev.ko.tsv"), vocab_size=1500, show_progress=False)
    trained.save_model(str(folder))
    BertTokenizerFast.from_pretrained(folder, strip_accents=False).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    config = BertConfig(vocab_size=trained.get_vocab_size(), max_position_embeddings=128, **sizes)
    BertModel(config).save_pretrained(folder)
    return folder
