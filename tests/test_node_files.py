"""Files that processes share: made once, held while in use, never beyond the budget."""

import multiprocessing
import os
import time

import pytest

from ptune.errors import StorageError
from ptune.node_files import NodeFiles, check_cache
from support.waiting import PATIENCE_S


def make(files, size=1):
    """Makes a file of so many bytes, if they fit."""

    def act(path):
        if not files.make_room(size):
            return False
        path.write_bytes(b"x" * size)
        return True

    return act


def hold(files, name, size=1):
    return files.hold(name, lambda path: path.exists() and path.stat().st_size == size, make(files, size))


def test_a_file_is_made_once(tmp_path):
    files, later = NodeFiles(tmp_path, 10), NodeFiles(tmp_path, 10)
    first = hold(files, "one").stat()
    assert hold(later, "one").stat().st_ino == first.st_ino


def test_a_released_file_gives_way_and_a_held_one_stays(tmp_path):
    files = NodeFiles(tmp_path, 10)
    held, released = hold(files, "held", 4), hold(files, "released", 4)
    files.release("released")
    os.utime(held, (1, 1))
    assert hold(files, "new", 5) is not None
    assert (held.exists(), released.exists()) == (True, False)
    assert hold(NodeFiles(tmp_path, 10), "too much", 2) is None
    assert held.exists()


def test_what_another_process_is_writing_counts(tmp_path):
    (tmp_path / ".other.1.2.tmp").write_bytes(b"x" * 900)
    assert not NodeFiles(tmp_path, 1_000).make_room(200)
    os.utime(tmp_path / ".other.1.2.tmp", (1, 1))
    assert NodeFiles(tmp_path, 1_000).make_room(200), "who wrote it has died"


def test_nothing_is_made_beyond_the_budget(tmp_path):
    assert hold(NodeFiles(tmp_path, 10), "large", 11) is None


def _fight(folder, seed, found):
    """Hold and release many files under a budget for two of them; what is held must be there."""
    missing = 0
    for turn in range(150):
        files, name = NodeFiles(folder, 20), str((seed * 7 + turn * (seed + 1)) % 5)
        path = hold(files, name, 10)
        if path is not None:
            time.sleep(0.001)
            missing += not path.exists()
            files.release(name)
    found.put(missing)


@pytest.mark.parametrize("processes", [4])
def test_processes_that_fight_for_room_lose_nothing_they_hold(tmp_path, processes):
    context, found = multiprocessing.get_context("fork"), multiprocessing.get_context("fork").Queue()
    fighters = [context.Process(target=_fight, args=(tmp_path, seed, found)) for seed in range(processes)]
    for one in fighters:
        one.start()
    assert [found.get(timeout=PATIENCE_S) for _ in fighters] == [0] * processes
    for one in fighters:
        one.join()


def test_nobody_waits_for_a_file_that_is_gone_while_another_holds_it(tmp_path, monkeypatch):
    monkeypatch.setattr("ptune.node_files._AGAIN_SECONDS", 0.0)
    holder = NodeFiles(tmp_path, 10)
    hold(holder, "one").unlink()
    assert hold(NodeFiles(tmp_path, 10), "one") is None
    holder.release("one")
    assert hold(NodeFiles(tmp_path, 10), "one") is not None


def test_a_file_that_is_not_whole_takes_no_room(tmp_path):
    (tmp_path / "one").write_bytes(b"x" * 8)
    assert hold(NodeFiles(tmp_path, 10), "one", 6) is not None


def test_folders_of_caches_are_private_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        hold(NodeFiles(tmp_path / "cache" / "states", 10), "one")
    finally:
        os.umask(before)
    made = [tmp_path / "cache", tmp_path / "cache" / "states"]
    assert [path.stat().st_mode & 0o777 for path in made] == [0o700, 0o700]


@pytest.mark.parametrize("unsafe", ["written by all", "of somebody else"])
def test_a_cache_that_others_may_write_is_neither_read_nor_written(tmp_path, monkeypatch, unsafe):
    folder = tmp_path / "cache"
    files = NodeFiles(folder, 10)
    hold(files, "one")
    assert files.is_sealed("one")
    if unsafe == "written by all":
        folder.chmod(0o777)
    else:
        monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    assert not files.is_sealed("one")
    monkeypatch.setenv("PTUNE_CACHE", str(folder))
    for use in (check_cache, lambda: hold(NodeFiles(folder, 10), "two")):
        with pytest.raises(StorageError, match="PTUNE_CACHE to a folder of your own") as refused:
            use()
        assert str(folder) in str(refused.value)


def test_a_machine_without_room_for_caches_does_without(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PTUNE_CACHE", str(tmp_path / "file" / "cache"))
    check_cache()
    assert "nothing is cached" in caplog.text
