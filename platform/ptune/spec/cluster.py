"""What a job needs of a cluster that is not this machine: libraries, variables, folders that all nodes share."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from ptune.spec.problem import Problem
from ptune.spec.strict import Strict, broken, refusal
from ptune.spec.tracking import without_password

MOST_UPLOAD_MB = 90.0
"""The dashboard of a cluster takes at most 100 MiB, compressed, at once."""
_SECRET = re.compile(r"TOKEN|PASSWORD|PASSWD|SECRET|CREDENTIAL|(^|_)KEY($|_)")


def is_secret(name: str) -> bool:
    """Whether a variable of this name holds a secret, as HF_TOKEN and AWS_SECRET_ACCESS_KEY do."""
    return _SECRET.search(name.upper()) is not None


def _requirement(text: str) -> str:
    if without_password(text) != text:
        raise broken(f"must hold no password, which the cluster would show, got {without_password(text)!r}")
    return text


def _absolute(folder: str) -> str:
    if not folder.startswith("/"):
        raise broken(f"must be an absolute path, the same on every node, got {folder!r}")
    return folder


Requirement = Annotated[str, StringConstraints(min_length=1), AfterValidator(_requirement)]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Cluster(Strict):
    """What a cluster has to give or to be given. Searches on one machine do not read it."""

    pip: list[Requirement] = Field(default_factory=list)
    """Requirements that each node installs with pip before the job starts, such as `torch==2.13.0`. ptune itself is
    sent along and does not belong here."""
    uv: list[Requirement] = Field(default_factory=list)
    """The same, installed with uv."""
    env: list[Variable] = Field(default_factory=list)
    """Names of further variables that are sent with the job. Those that begin with HF_, MLFLOW_ and PTUNE_ are sent
    anyway."""
    secrets: list[Variable] = Field(default_factory=list)
    """Names of variables that the nodes must have, such as `HF_TOKEN`. They are never sent, because Ray shows the
    variables of a job. A job without one of them is refused on the cluster before it begins."""
    shared: list[Annotated[str, AfterValidator(_absolute)]] = Field(default_factory=list)
    """Folders that every node has at the same path. Files in them are not uploaded."""
    upload_mb: float = Field(32.0, ge=0.0, le=MOST_UPLOAD_MB)
    """Most megabytes (2^20 bytes) of data files that are uploaded with the job."""

    @model_validator(mode="after")
    def _laws(self) -> Self:
        problems = []
        if self.pip and self.uv:
            problems.append(
                Problem(("uv",), f"state pip or uv, not both, got {len(self.pip)} and {len(self.uv)} of them")
            )
        problems += [
            Problem(("env", index), f"would be shown by Ray; name it in secrets, got {name!r}")
            for index, name in enumerate(self.env)
            if is_secret(name) or name in self.secrets
        ]
        if problems:
            raise refusal(type(self), problems)
        return self
