import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from ptune.run.cores import share_cores
assert "torch" not in sys.modules
from ptune.api.compose import runner_for
runner_for(local=True, address=None)
assert "torch" in sys.modules
print(os.environ["GOMP_SPINCOUNT"])
"""


@pytest.mark.parametrize(("own", "spins"), [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7")])
def test_a_search_in_this_process_lets_idle_threads_sleep_unless_the_user_says_otherwise(own, spins):
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"} | own
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == spins
