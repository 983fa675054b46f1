"""Which tracker shows a search, and the law of where MLflow may keep its runs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, ValidationInfo

from ptune.errors import nearest
from ptune.spec.strict import RECORDED, Strict, broken
from ptune.spec.texts import path_law

DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_LONGEST_HOST = 253
_SERVERS = ("http", "https", "databricks")
_USER_AND_PASSWORD = re.compile(
    r"""(?<=://)([^:/?#@\s]*):"""
    r"""(?:[^/?#\s"']*|(?!\d*[/?#])[^\s"']*)@"""  # databases take a password with a slash; a port has digits alone
)
_QUERY = re.compile(
    r"""([?&](?:password|passwd|pwd|sslpassword|access_token|auth_token|token|api_key|apikey|secret)=)[^&#\s"']*""",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"\$\{([^{}]*)\}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
RUNS, MODELS = "runs:/", "models:/"
"""How the name of a prompt in MLflow begins: a run, or a model."""


def scheme_of(uri: str) -> str:
    """`sqlite` of `sqlite+pysqlite:///file.db`; `databricks` is a URI by itself."""
    return uri if uri == "databricks" else uri.partition(":")[0].partition("+")[0]


def without_password(text: str) -> str:
    """A text as it may be shown: without the passwords of the URIs in it."""
    return _QUERY.sub(r"\1***", _USER_AND_PASSWORD.sub(r"\1:***@", text))


def filled_in(uri: str, environment: Mapping[str, str]) -> str:
    """A URI with the values of the variables that it names as `${NAME}`; what is not set stays as it stands."""
    return _REFERENCE.sub(lambda match: environment.get(match[1]) or match[0], uri)


def reference_law(uri: str, environment: Mapping[str, str]) -> str | None:
    """What is wrong with the variables that a URI names; None if all are set."""
    names, around = _REFERENCE.findall(uri), _REFERENCE.sub("", uri)
    if "${" in around or not all(map(_VARIABLE.fullmatch, names)):
        return f"must name a variable as ${{NAME}}, got {without_password(uri)!r}"
    unset = next((name for name in names if not environment.get(name)), None)
    return None if unset is None else f"names the variable {unset}, which is not set, got {without_password(uri)!r}"


def uri_law(uri: str, shown: str | None = None) -> str | None:
    """What the form of a tracking URI breaks: its scheme, its host or its port; None if MLflow can be there.

    Args:
        uri: the URI, with its variables filled in.
        shown: how a message shows it; None is without its password.
    """
    scheme, allowed = scheme_of(uri), (*DATABASES, *_SERVERS)
    got = f"got {without_password(uri) if shown is None else shown!r}"
    if scheme not in allowed or (scheme == uri and uri != "databricks"):
        return (
            f"must be a server (http://host:port) or a database (sqlite:///file.db), {got}"
            f"{nearest(scheme, allowed)} (schemes: {', '.join(allowed)})"
        )
    if re.search(r"[\s\x00-\x1f\x7f]", uri):
        return f"must hold no space and no control character, {got}"
    if scheme == "databricks":
        return None
    authority = uri.partition("://")[2].partition("?")[0].partition("/")[0].rpartition("@")[2]
    if scheme == "sqlite":
        law = "must have three slashes before a relative file (sqlite:///file.db), four before an absolute one"
        return f"{law}, {got}" if authority or "://" not in uri else path_law(uri.partition("://")[2].partition("?")[0])
    try:
        host, _ = urlsplit(f"//{authority}").hostname, urlsplit(f"//{authority}").port
    except ValueError:
        return f"must have a port of 0 to 65535 behind its host ({scheme}://host:port), {got}"
    if host is not None and len(host) > _LONGEST_HOST:
        return f"must name a host of at most {_LONGEST_HOST} characters, got {len(host)}"
    return f"must name a host ({scheme}://host:port), {got}" if host is None and scheme in _SERVERS else None


def place_law(uri: str, environment: Mapping[str, str]) -> str | None:
    """What keeps MLflow from being where a job says, with the variables that it names; None if it can be there."""
    if "${" not in uri:
        return uri_law(uri)
    return reference_law(uri, environment) or uri_law(filled_in(uri, environment), uri)


def secret_law(uri: str) -> str | None:
    """What is wrong with a URI that holds a password, and so would show it wherever the job is kept; None without."""
    written = re.sub(rf"[:=]?{_REFERENCE.pattern}", "", uri)  # what a variable holds, no copy of the job shows
    if without_password(written) == written:
        return None
    shown = without_password(uri)
    server = scheme_of(uri) in _SERVERS
    instead = (
        "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" if server else "the whole URI in MLFLOW_TRACKING_URI"
    )
    return f"must hold no password, which every copy of the job would show; set {instead}, got {shown!r}"


def is_in_mlflow(source: str) -> bool:
    """Whether a source of a prompt is a run or a model of MLflow: a URI, or the id of a run alone."""
    return source.startswith((RUNS, MODELS)) or re.fullmatch("[0-9a-f]{32}", source) is not None


def model_name_law(name: str) -> str | None:
    """What is wrong with the name of a registered model; None if MLflow takes it."""
    bad = [sign for sign in "/:@" if sign in name]
    if name.strip() and not bad:
        return None
    return f"must be the name of a registered model, without '/', ':' and '@', got {name!r}"


def _registrable(name: str) -> str:
    if (law := model_name_law(name)) is not None:
        raise broken(law)
    return name


def _usable(uri: str, info: ValidationInfo) -> str:
    named = "${" in uri
    if info.context == RECORDED:  # earlier versions let a job hold a password, and variables may be unset by now
        law = None if named or not uri else uri_law(uri)
    else:
        law = secret_law(uri) or (place_law(uri, os.environ) if uri else None)
    if law is not None:
        raise broken(law)
    return uri


class Tracking(Strict):
    """Which tracker shows the search, and where MLflow keeps the runs."""

    type: Literal["mlflow", "none"] = "mlflow"
    """`none` shows the search nowhere else; its folder holds everything."""
    uri: Annotated[str, AfterValidator(_usable)] | None = None
    """Tracking server or database URI; None is SQLite in the runs folder. MLFLOW_TRACKING_URI overrides None.

    In a job file, `sqlite:///runs.db` is relative to it. `${NAME}` stands for a variable of the environment.
    """
    experiment: str | None = None
    """Experiment name; None is the job's name."""
    register_as: Annotated[str, AfterValidator(_registrable)] | None = None
    """Registered model of which the best prompt becomes a version; None registers nothing."""
