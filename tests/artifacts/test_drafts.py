"""Folders are the old one or the new one, whenever a process dies, and nothing that it leaves stays."""

import os
import signal
import sys
from pathlib import Path

import pytest

from ptune import files
from ptune.artifacts.drafts import draft_of

TRACED = ("draft_of", "_locked_draft", "_tidy", "_abandoned", "_lock", "exchange", "write")


def write(folder: Path, content: str) -> None:
    """Two files, so that half of a folder can be told from a whole one."""
    with draft_of(folder) as draft:
        (draft / "first").write_text(content)
        (draft / "second").write_text(content)


def content_of(folder: Path) -> str:
    first, second = ((folder / name).read_text() for name in ("first", "second"))
    assert first == second
    return first


def killed_at(moment: int, work) -> bool:
    """Run `work` in a process of its own that is killed at its n-th line; whether it came so far."""
    pid = os.fork()
    if pid == 0:
        lines = 0

        def trace(frame, event, _):
            nonlocal lines
            lines += event == "line" and frame.f_code.co_name in TRACED
            if lines == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        work()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_process_killed_at_any_moment_leaves_a_whole_folder_and_the_next_one_tidies_up(
    exchanges, tmp_path, monkeypatch
):
    """Where the file system exchanges no folders in one step, the old folder may be away until the next process."""
    if not exchanges:
        monkeypatch.setattr(files, "_exchanged", lambda _path, _other: False)
    told, left = [], 0
    for moment in range(1, 1000):
        folder = tmp_path / str(moment) / "prompt"
        write(folder, "old")
        if not killed_at(moment, lambda folder=folder: write(folder, "new")):
            break
        told.append(content_of(folder) if folder.exists() else "away")
        left += len([*folder.parent.iterdir()]) - folder.exists()
        with draft_of(folder) as draft:
            assert content_of(folder) in ("old", "new")
            (draft / "first").touch()
        assert [*folder.parent.iterdir()] == [folder]
    assert left > 0
    expected = ["old", "new"] if exchanges else ["old", "away", "new"]
    assert sorted(set(told), key=told.index) == expected
    assert told == sorted(told, key=expected.index), "once the new one is there, it stays"


def test_a_living_process_keeps_its_draft(tmp_path):
    ready, enter = os.pipe()
    pid = os.fork()
    if pid == 0:
        with draft_of(tmp_path / "prompt"):
            os.write(enter, b"1")
            signal.pause()
    os.read(ready, 1)
    (draft,) = tmp_path.iterdir()
    write(tmp_path / "prompt", "mine")
    assert draft.is_dir()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert draft.is_dir()
    write(tmp_path / "another", "mine")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["another", "prompt"]


def test_processes_that_write_one_folder_at_once_do_not_disturb_each_other(tmp_path):
    pids = []
    for number in range(4):
        pids.append(os.fork())
        if pids[-1] == 0:
            for _ in range(25):
                write(tmp_path / "prompt", str(number))
            os._exit(0)
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 4
    assert content_of(tmp_path / "prompt") in "0123"
    assert [*tmp_path.iterdir()] == [tmp_path / "prompt"]
