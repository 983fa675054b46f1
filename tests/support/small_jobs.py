"""Small jobs on tiny backbones and made sentences: seconds from start to end."""

from pathlib import Path

from ptune.data.sources import Split
from ptune.spec.job import Job
from support.worlds import sentences

SPACE = {
    "parameters": {
        "method": {"choices": ["v1", "v2"]},
        "depth": {"low": 1, "high": "layers", "when": {"method": "v2"}},
        "length": {"low": 2, "high": 6},
        "lr": {"low": 1e-3, "high": 1e-1, "log": True},
        "batch_size": {"value": 8},
    },
    "baseline": [{"method": "v2", "length": 4, "depth": 3, "lr": 0.01}],
}


def write_split(path: Path, split: Split) -> str:
    """Write a split as TSV and return its path."""
    lines = [f"{text}\t{('no', 'yes')[label]}" for (text,), label in zip(split.texts, split.labels, strict=True)]
    path.write_text("\n".join(["text\tlabel", *lines]) + "\n", encoding="utf-8")
    return str(path)


def changed(job: Job, **tables: dict[str, object]) -> Job:
    """A job with other values in some of its tables; they are taken as they are."""
    copies = {name: getattr(job, name).model_copy(update=values) for name, values in tables.items()}
    return job.model_copy(update=copies)


def small_job(folder: Path, backbone: Path, **budget: object) -> Job:
    """A job of six v1 and v2 trials under ASHA, on data written into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    data = {
        name: write_split(folder / f"{name}.tsv", sentences(count, seed))
        for name, count, seed in (("train", 40, 1), ("dev", 30, 2), ("test", 30, 3))
    }
    return Job.model_validate(
        {
            "name": "small",
            "seed": 5,
            "backbone": {"id": str(backbone), "dtype": "float32"},
            "task": {"data": {**data, "max_length": 32}},
            "space": SPACE,
            "budget": {"trials": 6, "epochs": 4, **budget},
            "resources": {"slots": 3},
        }
    )
