"""A search in a process of its own: `python -m support.drive FOLDER`. Starts it, or goes on with it."""

import json
import sys
from pathlib import Path

from ptune.raytune.runner import RayRunner
from ptune.spec.job import Job
from support.small_search import small_search


def say(what):
    """Print what the search waits for."""
    sys.stdout.write("no wait\n" if what is None else f"waiting for {what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    job = Job.model_validate(json.loads((folder / "job.json").read_text(encoding="utf-8")))
    with small_search(folder, job) as (prepared, conductor), RayRunner().open(prepared, folder, say) as session:
        session.train(conductor)
    assert "torch" not in sys.modules
