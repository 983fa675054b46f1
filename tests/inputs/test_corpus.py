"""Some five hundred inputs, right and wrong: each has the exit code and the words that it must have.

The commands run in this process. None of them may raise, hang, or say that something should not happen.
"""

import contextlib
import io
import os
import signal
import sys
import time
from collections import Counter
from types import FrameType

import pytest

from inputs import command_lines, folders, jobs, rows, tables
from ptune.cli.main import run
from support.input_cases import Case

CASES = [*jobs.cases(), *tables.cases(), *rows.cases(), *folders.cases(), *command_lines.cases()]
LONGEST_S = 2
"""The processor time that an answer may take."""
SLOWEST_S = 20
"""What an input may take on a busy machine before it counts as one that hangs."""


def outcome(case: Case, folder) -> str | None:
    """What is wrong with the answer to an input; None if nothing is."""
    for path, content in case.files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    streams = io.StringIO()
    try:
        with contextlib.chdir(folder), contextlib.redirect_stdout(streams), contextlib.redirect_stderr(streams):
            code = run(case.arguments)
    except (Exception, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001 - to name the input that raised it
        return f"raised {type(error).__name__}: {str(error)[:200]}"
    said = streams.getvalue()
    if code != case.code:
        return f"exit code {code} and not {case.code}: {said[:300]}"
    if "should not happen" in said or "Traceback" in said:
        return f"not refused on purpose: {said[:300]}"
    missing = [word for word in case.words if word not in said]
    return f"{missing} not in: {said[:300]}" if missing else None


def hang(signum: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"{SLOWEST_S} s")


@pytest.fixture
def bounded(monkeypatch):
    """No input may take long, and none finds a search or a server of somebody else, or a terminal to ask."""
    for name in ("PTUNE_RUNS", "MLFLOW_TRACKING_URI", "RAY_ADDRESS", "PTUNE_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    before = signal.signal(signal.SIGALRM, hang)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_every_input_is_answered_as_it_should_be(tmp_path, bounded, record_property):
    wrong, times = {}, {}
    run(["validate", "nowhere.toml"])  # imports what every answer needs
    for number, case in enumerate(CASES):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        if case.name.startswith("ptune: "):
            os.mkfifo(folder / "pipe")
            (folder / "circle").symlink_to("circle")
        began = time.process_time()
        signal.alarm(SLOWEST_S)
        if (fault := outcome(case, folder)) is not None:
            wrong[f"{number} {case.name}"] = fault
        signal.alarm(0)
        times[case.name] = time.process_time() - began
    kinds = Counter(case.code for case in CASES)
    slowest = max(times, key=times.get)
    figure = (
        f"{len(CASES)} inputs: {kinds[0]} accepted, {kinds[2]} refused, {len(wrong)} answered wrongly; "
        f"the slowest took {times[slowest]:.2f} s of processor time ({slowest})"
    )
    sys.stdout.write(figure + "\n")
    record_property("inputs", figure)
    slow = {name: seconds for name, seconds in times.items() if seconds > LONGEST_S}
    assert not slow, figure
    assert not wrong, figure + "\n" + "\n".join(f"{name}: {fault}" for name, fault in wrong.items())


def test_inputs_have_names_of_their_own():
    names = Counter(case.name for case in CASES)
    assert not {name: count for name, count in names.items() if count > 1}
    assert len(CASES) >= 500
