"""Which URLs a runs folder may have, and where its copy lies."""

import importlib.util
import stat

import pytest

from ptune.errors import SpecError
from ptune.run.folders import runs_folder
from ptune.storage.local_copy import address_of, folder_at, url_of
from ptune.storage.location import checked_url


@pytest.mark.parametrize(
    ("named", "url"),
    [
        ("s3://team/runs/", "s3://team/runs"),
        ("s3a://team", "s3://team"),
        ("file:///shared/runs", "file:///shared/runs"),
    ],
)
def test_a_url_is_kept_as_it_is(named, url):
    assert checked_url(named) == url


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("s3n://team/runs", "did you mean 's3'"),
        ("https://team/runs", "begins with s3:// or gs://"),
        ("s3:///runs", "names no bucket"),
        ("s3://team/runs?endpoint_override=http://minio", "AWS_ENDPOINT_URL"),
    ],
)
def test_what_is_no_place_for_runs_is_refused(named, told):
    with pytest.raises(SpecError, match=told):
        checked_url(named)


def test_a_password_in_a_url_is_refused_and_not_repeated():
    with pytest.raises(SpecError, match="password") as caught:
        checked_url("s3://key:hidden@team/runs")
    assert "hidden" not in str(caught.value)


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SpecError, match=r"gcsfs, which is not installed: pip install .*\[gs\]"):
        checked_url("gs://team/runs")


def test_the_copy_of_a_bucket_is_private_and_knows_its_url(monkeypatch, tmp_path):
    monkeypatch.setenv("PTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PTUNE_RUNS", "s3://team/runs")
    runs = runs_folder()
    assert runs.is_relative_to(tmp_path / "cache")
    assert stat.S_IMODE(runs.stat().st_mode) == 0o700
    assert (url_of(runs), url_of(runs / "first")) == ("s3://team/runs", "s3://team/runs/first")
    assert folder_at(address_of(runs / "first")) == runs / "first"


def test_a_path_is_no_copy(tmp_path):
    assert url_of(tmp_path) is None
    assert folder_at(address_of(tmp_path / "first")) == tmp_path / "first"
