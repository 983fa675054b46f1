"""How a process that searches shares its cores, and what it leaves unimported."""

import os
import subprocess
import sys

from ptune.run.cores import share_cores
from support.small_jobs import changed

PROGRAM = """
import os, sys
from pathlib import Path
from ptune.run.search import start_search
from ptune.spec.job import Job
assert "torch" not in sys.modules
from ptune.api.compose import runner_for
runner = runner_for(local=True, address=None)
assert "torch" in sys.modules
print(os.environ["GOMP_SPINCOUNT"])
start_search(Job.model_validate_json(sys.argv[1]), "", Path(sys.argv[2]), runner)
print("mlflow" in sys.modules)
"""


def test_a_search_in_this_process_lets_idle_threads_sleep_and_without_tracking_imports_no_mlflow(job, tmp_path):
    untracked = changed(job, tracking={"type": "none"})
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    command = [sys.executable, "-c", PROGRAM, untracked.model_dump_json(), str(tmp_path / "runs")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["1000", "False"], done.stderr


def test_a_users_own_setting_of_threads_wins(monkeypatch):
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    share_cores()
    assert os.environ["GOMP_SPINCOUNT"] == "7"
