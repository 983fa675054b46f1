"""Where a Ray job enters ptune: `python -m ptune.cli.entry`, with the words of the `ptune` command.

It looks for what a node may lack and names it, before an import fails somewhere. It needs Python's own library alone.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys

SECRETS = "PTUNE_SECRETS"
_OLDEST = (3, 11)


def lacking() -> list[str]:
    """What this Python lacks for a search, each with the remedy."""
    lacks = []
    if sys.version_info < _OLDEST:
        lacks.append(f"Python {sys.version.split()[0]} runs here, and ptune needs 3.11 or newer; use an image with it")
    missing = [name for name in _required() if not _is_installed(name)]
    if missing:
        lacks.append(
            f"the cluster's Python ({sys.executable}) lacks {', '.join(missing)}; name them in cluster.pip or "
            "cluster.uv of the job, or install them on every node"
        )
    unset = [name for name in os.environ.get(SECRETS, "").split(",") if name and not os.environ.get(name)]
    if unset:
        lacks.append(
            f"cluster.secrets names {', '.join(unset)}, which is not set on this node; set it where the nodes' Ray is "
            "started, such as from a Secret of Kubernetes"
        )
    return lacks


def _required() -> list[str]:
    """The names of the libraries that ptune requires, without those of its extras."""
    requirements = importlib.metadata.requires("ptune") or []
    return [re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0] for text in requirements if "extra ==" not in text]


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    if problems := lacking():
        sys.stderr.writelines(f"ptune: {problem}\n" for problem in problems)
        sys.exit(2)
    from ptune.cli.main import main

    main()
