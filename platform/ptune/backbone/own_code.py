"""Python code that a backbone's folder brings along: who may say that it is run, and which files it has.

transformers runs such code where it is asked to. Whoever wrote it then does what this user may do.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ptune.backbone.hashes import read_object
from ptune.errors import BackboneError
from ptune.files import content_hash

_LOG = logging.getLogger(__name__)
_SETTINGS = ("config.json", "tokenizer_config.json")
_ELSEWHERE = "--"
KEY = "backbone.trust_remote_code"


def check_code(folder: Path, backbone_id: str, *, trust: bool | None) -> None:
    """Check that a job has decided about the code that a backbone brings along.

    Args:
        folder: the backbone's files.
        backbone_id: what the user calls it.
        trust: whether it is run; None is not decided.

    Raises:
        BackboneError: there is code, and it is not decided; or it is to run, and lies elsewhere.
    """
    classes = sorted(set(_classes(folder)))
    if not classes or trust is False:
        return
    if trust is None:
        raise BackboneError(
            f"{backbone_id} brings Python code of its own ({', '.join(classes)}), and ptune runs none unless it is "
            f"told to; set {KEY} = true if you have read the code and trust it, or false to load the backbone with "
            "transformers' own classes"
        )
    if elsewhere := [name for name in classes if _ELSEWHERE in name]:
        raise BackboneError(
            f"{backbone_id} names code of another repository ({', '.join(elsewhere)}), which no hash of the backbone "
            f"covers; copy it into the backbone's folder, or set {KEY} = false"
        )


def code_hashes(folder: Path) -> dict[str, str]:
    """The hashes of all Python files of a backbone's folder, by name: any of them may import any other."""
    return {path.name: content_hash(path) for path in sorted(folder.glob("*.py"))}


def tell_code(folder: Path, backbone_id: str) -> None:
    """Say which code runs, before it does."""
    if any(_classes(folder)):
        files = ", ".join(f"{name} (sha256 {digest[:12]})" for name, digest in code_hashes(folder).items())
        _LOG.warning("ptune: %s = true: %s runs code of its own, %s", KEY, backbone_id, files)


def _classes(folder: Path) -> Iterator[str]:
    """The classes that settings map to code, such as `modeling_own.OwnModel`."""
    for name in _SETTINGS:
        if (folder / name).is_file():
            yield from _names(read_object(folder / name).get("auto_map"))


def _names(mapped: Any) -> Iterator[str]:
    match mapped:
        case str():
            yield mapped
        case dict():
            for inner in mapped.values():
                yield from _names(inner)
        case list():
            for inner in mapped:
                yield from _names(inner)
