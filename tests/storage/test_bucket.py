"""What a bucket promises, whatever keeps it."""

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from ptune.errors import BucketError
from ptune.storage.bucket import Bucket
from ptune.storage.waiting import Patience


@pytest.fixture(params=["file", "memory"])
def bucket(request, tmp_path):
    return Bucket(f"{request.param}://{tmp_path}/runs")


def test_objects_are_written_read_listed_and_removed(bucket, tmp_path):
    (tmp_path / "some").write_bytes(b"file")
    bucket.put("a/one", b"1")
    bucket.put("a/b/two", tmp_path / "some")
    assert bucket.get("a/b/two") == b"file"
    assert bucket.get("a/nothing") is None
    assert bucket.sizes("a") == {"one": 1, "b/two": 4}
    assert bucket.sizes("nothing") == {}
    assert bucket.folders() == ["a"]
    assert bucket.folder("a").folders() == ["b"]
    assert bucket.fetch("a/one", tmp_path / "here" / "one")
    assert (tmp_path / "here" / "one").read_bytes() == b"1"
    assert not bucket.fetch("a/nothing", tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
    bucket.remove(["a/one", "a/nothing"])
    assert bucket.sizes("a") == {"b/two": 4}


def test_of_two_writers_of_one_object_the_first_stays(bucket):
    assert bucket.create("x", b"first")
    assert not bucket.create("x", b"second")
    assert bucket.create("x", b"first"), "an answer that got lost is no defeat"
    assert bucket.get("x") == b"first"
    assert bucket.check()
    assert list(bucket.sizes("")) == ["x"]


class Failing(MemoryFileSystem):
    """Storage on a line that fails a few times."""

    cachable = False

    def __init__(self, failures):
        super().__init__()
        self.left = failures

    def cat_file(self, _path):
        self.left -= 1
        if self.left >= 0:
            raise OSError("the line is cut")
        return b"content"


def test_an_outage_is_waited_for_and_told(monkeypatch, caplog):
    monkeypatch.setattr("ptune.storage.waiting.FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr("ptune.storage.waiting._TOLD_AFTER_S", 0.0)
    bucket = Bucket("memory://runs")
    bucket._files = Failing(3)
    assert bucket.get("x") == b"content"
    (told,) = caplog.messages
    assert "waiting for memory://runs" in told
    assert "the line is cut" in told


def test_an_outage_that_lasts_is_an_error_with_its_reason():
    bucket = Bucket("memory://runs", Patience(0.0))
    bucket._files = Failing(9)
    with pytest.raises(BucketError, match="memory://runs: the line is cut"):
        bucket.get("x")
