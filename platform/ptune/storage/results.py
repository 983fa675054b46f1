"""The files of a search besides journal, requests and states: its job, result, leaderboard, report and artifacts.

An object beside them holds the hash of each, so that only what differs is sent or brought. A file that has changed here
alone stays; one that has changed in the bucket is brought.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from ptune.errors import SpecError
from ptune.files import content_hash, write_json
from ptune.record.journal import JOURNAL
from ptune.storage.bucket import Bucket
from ptune.storage.requests import REQUESTS
from ptune.storage.segments import TRIALS

_HASHES = "files.json"
_SEEN = ".files.json"
Hashes = dict[str, str]
"""By path in the search's folder, the SHA-256 of a file."""


def send_results(bucket: Bucket, folder: Path) -> None:
    """Send the files of a search that the bucket lacks, or has otherwise."""
    there = _in_bucket(bucket)
    here = {path.relative_to(folder).as_posix(): content_hash(path) for path in _files(folder)}
    changed = {name: found for name, found in here.items() if there.get(name) != found}
    for name in changed:
        bucket.put(name, folder / name)
    if changed:
        bucket.put(_HASHES, json.dumps(there | changed, indent=1).encode())
    write_json(folder / _SEEN, there | changed)


def bring_results(bucket: Bucket, folder: Path) -> None:
    """Bring the files of a search that this machine lacks, or that have changed in the bucket since it last looked."""
    there, seen = _in_bucket(bucket), _seen(folder)
    for name, expected in there.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise SpecError(f"{bucket.url}/{_HASHES} names a file outside of the search: {name!r}")
        if path.is_file() and (seen.get(name) == expected or content_hash(path) == expected):
            continue
        bucket.fetch(name, path)
    if there != seen:
        write_json(folder / _SEEN, there)


def _in_bucket(bucket: Bucket) -> Hashes:
    content = bucket.get(_HASHES)
    hashes: Hashes = {} if content is None else json.loads(content)
    return hashes


def _seen(folder: Path) -> Hashes:
    path = folder / _SEEN
    hashes: Hashes = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return hashes


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        first, hidden = path.relative_to(folder).parts[0], path.name.startswith(".")
        if path.is_file() and not hidden and first not in (TRIALS, REQUESTS) and not first.startswith((".", JOURNAL)):
            yield path
