"""Which tracker shows a search, and the law of where MLflow may keep its runs."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator

from ptune.errors import nearest
from ptune.spec.strict import Strict, broken

DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_SERVERS = ("http", "https", "databricks")


def scheme_of(uri: str) -> str:
    """`sqlite` of `sqlite+pysqlite:///file.db`; `databricks` is a URI by itself."""
    return uri if uri == "databricks" else uri.partition(":")[0].partition("+")[0]


def without_password(uri: str) -> str:
    """A URI as it may be shown."""
    return re.sub(r"(?<=://)([^:/?#@]*):[^/?#]*@", r"\1:***@", uri)


def uri_law(uri: str) -> str | None:
    """What the form of a tracking URI breaks: its scheme, its host or its port; None if MLflow can be there."""
    scheme, allowed = scheme_of(uri), (*DATABASES, *_SERVERS)
    got = f"got {without_password(uri)!r}"
    if scheme not in allowed or (scheme == uri and uri != "databricks"):
        return (
            f"must be a server (http://host:port) or a database (sqlite:///file.db), {got}"
            f"{nearest(scheme, allowed)} (schemes: {', '.join(allowed)})"
        )
    if scheme == "databricks":
        return None
    authority = uri.partition("://")[2].partition("?")[0].partition("/")[0].rpartition("@")[2]
    if scheme == "sqlite":
        law = "must have three slashes before a relative file (sqlite:///file.db), four before an absolute one"
        return f"{law}, {got}" if authority or "://" not in uri else None
    try:
        host, _ = urlsplit(f"//{authority}").hostname, urlsplit(f"//{authority}").port
    except ValueError:
        return f"must have a port of 0 to 65535 behind its host ({scheme}://host:port), {got}"
    return f"must name a host ({scheme}://host:port), {got}" if host is None and scheme in _SERVERS else None


def _usable(uri: str) -> str:
    if uri and (law := uri_law(uri)) is not None:
        raise broken(law)
    return uri


class Tracking(Strict):
    """Which tracker shows the search, and where MLflow keeps the runs."""

    type: Literal["mlflow", "none"] = "mlflow"
    """`none` shows the search nowhere else; its folder holds everything."""
    uri: Annotated[str, AfterValidator(_usable)] | None = None
    """Tracking server or database URI; None is SQLite in the runs folder. MLFLOW_TRACKING_URI overrides None.

    In a job file, `sqlite:///runs.db` is relative to it.
    """
    experiment: str | None = None
    """Experiment name; None is the job's name."""
