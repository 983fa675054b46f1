"""A job that takes a second to train, with its data."""

from pathlib import Path

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


def write_job(folder: Path, more: str = "") -> Path:
    """Write the job file, with `more` at its end, and the data it names."""
    for split in ("train", "dev"):
        rows = [f"{'good' if n % 2 else 'bad'} thing number {n}\t{n % 2}" for n in range(12)]
        (folder / f"{split}.tsv").write_text("\n".join(["text\tlabel", *rows]) + "\n")
    (folder / "tiny.toml").write_text(JOB + more)
    return folder / "tiny.toml"
