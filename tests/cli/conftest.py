"""The command as people type it: arguments in, exit code and both streams out."""

from types import SimpleNamespace

import pytest

from ptune.cli.main import run


@pytest.fixture
def ptune(capsys, monkeypatch, tmp_path):
    """Call `ptune` in a folder of its own; return code, out and err."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PTUNE_RUNS", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delenv("PTUNE_DEBUG", raising=False)

    def call(*arguments):
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        streams = capsys.readouterr()
        return SimpleNamespace(code=code, out=streams.out, err=streams.err)

    return call


JOB = """
name = "tiny"

[backbone]
id = "packaged:minilm"

[task.data]
train = "train.tsv"
dev = "dev.tsv"
max_length = 32

[space.parameters]
method = { choices = ["v1", "v2"] }
depth = { low = 1, high = "layers", when = { method = "v2" } }
length = { low = 2, high = 8 }
lr = { low = 1e-4, high = 1e-1, log = true }

[budget]
trials = 4
epochs = 2
"""


@pytest.fixture
def job(tmp_path):
    """A job that is right, with its data."""
    for split in ("train", "dev"):
        rows = [f"{'good' if n % 2 else 'bad'} thing number {n}\t{n % 2}" for n in range(12)]
        (tmp_path / f"{split}.tsv").write_text("\n".join(["text\tlabel", *rows]) + "\n")
    path = tmp_path / "tiny.toml"
    path.write_text(JOB)
    return path
