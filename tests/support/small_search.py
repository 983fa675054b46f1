"""A search small enough for a test: a tiny backbone, a few dozen sentences, epochs of milliseconds. Without torch."""

import random
from contextlib import closing, contextmanager

from ptune.record.events import Resumed
from ptune.record.journal import Journal, read
from ptune.run.prepare import prepare
from ptune.searching.conductor import Conductor
from ptune.spec.job import Job

JOURNAL = "journal.jsonl"
_COLOURS = ["red", "green", "blue"]
_OTHERS = ["cold", "warm", "loud", "quiet", "sweet", "bitter", "plain", "round"]


def _rows(count, seed):
    """Sentences whose label says whether they begin with a colour."""
    rng = random.Random(seed)
    for _ in range(count):
        label = rng.randrange(2)
        words = [rng.choice(_COLOURS if label else _OTHERS), *rng.choices(_OTHERS, k=rng.randint(1, 8))]
        yield f"{' '.join(words)}\t{label}"


def small_job(folder, backbone, *, baseline=(), parameters=None, rows=48, **budget):
    """A job on a tiny backbone; its data is written to `folder`."""
    data = {"train": str(folder / "train.tsv"), "dev": str(folder / "dev.tsv"), "text": ["text"], "max_length": 32}
    for name, count, seed in (("train", rows, 1), ("dev", 30, 2)):
        (folder / f"{name}.tsv").write_text("\n".join(["text\tlabel", *_rows(count, seed)]) + "\n", encoding="utf-8")
    return Job.model_validate(
        {
            "name": "small",
            "seed": 3,
            "backbone": {"id": str(backbone), "dtype": "float32"},
            "task": {"data": data},
            "space": {
                "parameters": parameters
                or {
                    "method": {"choices": ["v1", "v2"]},
                    "length": {"low": 2, "high": 6},
                    "lr": {"low": 1e-3, "high": 1e-1, "log": True},
                    "batch_size": {"value": 8},
                },
                "baseline": list(baseline),
            },
            "budget": {"trials": 4, "epochs": 2, "sampler": "random", "stopping": {"type": "none"}, **budget},
            "resources": {"slots": 3},
        }
    )


@contextmanager
def small_search(folder, job):
    """A job made ready: what its runner is given, with an open journal in `folder`. Opening it again resumes it."""
    prepared = prepare(job)
    with closing(Journal(folder / JOURNAL)) as journal:
        events = read(journal.path)
        journal.append(Resumed({}) if events else prepared.header)
        yield prepared, Conductor(journal, read(journal.path))
