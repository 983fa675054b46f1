"""The benchmark of start-up: what a journal and processes tell of it."""

import json
import subprocess
import sys
import time

import startup


def test_the_first_pass_begins_the_seconds_of_an_epoch_before_its_report():
    events = [("search", 10.0), ("loaded", 14.0), ("suggested", 14.5), ("reported", 17.0), ("reported", 18.0)]
    lines = [json.dumps({"event": kind, "time": at, "metrics": {"seconds": 2.0}}) for kind, at in events]
    moments = startup.moments("\n".join(lines) + "\n")
    assert list(moments) == ["imports, job, data, weights checked", "engine ready", startup.FIRST, "first report"]
    assert moments[startup.FIRST] == 15.0


def test_what_a_process_and_its_children_compute_is_counted_even_after_their_end():
    work = "import time\nwhile time.process_time() < 0.3: pass\n"
    code = f"import subprocess, sys, time\nsubprocess.run([sys.executable, '-c', {work + 'time.sleep(0.5)'!r}])"
    process = subprocess.Popen([sys.executable, "-c", code])
    spent, before = startup.Spent(process.pid), time.time()
    while process.poll() is None:
        spent.look()
        time.sleep(0.05)
    assert spent.until(before) == 0.0
    assert spent.until(time.time()) >= 0.25


def test_the_least_of_each_step_counts():
    rounds = [{"first pass": {"wall_s": wall, "processor_s": 9.0 - wall}} for wall in (4.0, 3.0)]
    assert startup.least(rounds) == {"first pass": {"wall_s": 3.0, "processor_s": 5.0}}
