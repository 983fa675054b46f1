"""A search in a process of its own that is asked for changes, and killed: `python -m support.asked JOB RUNS`.

The requests are left at a report, and the process kills itself when it has decided to answer the third one.
"""

import os
import signal
import sys
from pathlib import Path

from ptune.record.requests import Add, Clone, End, Extend, Stop
from ptune.run import inbox
from ptune.run.local import LocalRunner
from ptune.run.search import start_search
from ptune.searching.conductor import Conductor
from ptune.spec.job import Job
from ptune.storage.requests import leave

CHANGES = [Add({"method": "v2", "lr": 0.5}), Clone(0, {"lr": 0.02}, warm=True), Stop(2), Extend(1), End()]


def ask_for_changes(folder):
    """Leave requests when the second trial has reported, and die in the midst of the answers."""
    report, answer, answered = Conductor.report, Conductor.answer, []

    def report_and_ask(conductor, trial, *rest):
        decision = report(conductor, trial, *rest)
        if trial == 1 and not (folder / "requests").exists():
            for change in CHANGES:
                leave(folder, change)
        return decision

    def answer_or_die(conductor, request):
        answered.append(request)
        if len(answered) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        answer(conductor, request)

    Conductor.report, Conductor.answer = report_and_ask, answer_or_die


if __name__ == "__main__":
    job = Job.model_validate_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
    ask_for_changes(Path(sys.argv[2]) / job.name)
    inbox.LOOK_EVERY_S = 0  # the answers come before another trial does, however fast this machine is
    start_search(job, "", Path(sys.argv[2]), LocalRunner())
