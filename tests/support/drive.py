"""A search in a process of its own: `python -m support.drive FOLDER [REPORTS SIGNAL]`. Starts it, or goes on with it.

After so many reports, the driver gets the signal: SIGKILL alone, any other with its process group, as from a terminal.
It comes from within, so that the search gets exactly so far, however busy the machine is.
"""

import json
import os
import signal
import sys
from pathlib import Path

from ptune.raytune.runner import RayRunner
from ptune.spec.job import Job
from support.small_search import small_search


def say(what):
    """Print what the search waits for."""
    sys.stdout.write("no wait\n" if what is None else f"waiting for {what}\n")
    sys.stdout.flush()


def signal_at(conductor, reports, number):
    """Let the driver be signalled once it has taken in so many reports."""
    report, left = conductor.report, [reports]

    def counted(*arguments):
        decision = report(*arguments)
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid() if number == signal.SIGKILL else 0, number)
        return decision

    conductor.report = counted


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    job = Job.model_validate(json.loads((folder / "job.json").read_text(encoding="utf-8")))
    with small_search(folder, job) as (prepared, conductor), RayRunner().open(prepared, folder, say) as session:
        if len(sys.argv) > 2:
            signal_at(conductor, int(sys.argv[2]), int(sys.argv[3]))
        try:
            session.train(conductor)
        except KeyboardInterrupt:
            sys.exit(130)
    assert "torch" not in sys.modules
