"""Why MLflow would never take a search as its job stands, asked before the search begins. Imports no MLflow.

A missing driver, a host without an address, a deleted experiment: waiting mends none of these. What may pass is no
refusal. A server that is away or slow is left to the writer, which tries again while the search runs.
"""

from __future__ import annotations

import os
import re
import socket
from http import HTTPStatus
from threading import Thread
from urllib.parse import urlsplit

from ptune.spec.tracking import DATABASES, scheme_of, without_password
from ptune.tracking.failures import USER, deleted_experiment, unknown_user
from ptune.tracking.location import sqlite_file

_PATIENCE_S = 3.0
"""How long a search waits for an answer. MLflow's import alone takes longer, so MLflow is not asked through it."""
_EXTRAS = {"psycopg": "; `pip install 'ptune[postgres]'` brings it"}
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_LASTING = re.compile(
    r"password authentication failed|no pg_hba\.conf entry|role \S+ does not exist|database \S+ does not exist"
    r"|access denied|unknown database|login failed|not a database|unable to open database file|disk image is malformed",
    re.IGNORECASE,
)
"""What databases say of what no waiting mends. Their drivers raise the same error for a database that is away."""


def refusal(uri: str, experiment: str) -> str | None:
    """Why the store at `uri` will not take runs of an experiment; None if it may, or gives no answer within seconds."""
    answers: list[str | None] = []

    def ask() -> None:
        try:
            answers.append(_refusal(uri, experiment))
        except (OSError, ValueError):  # a network that fails, or an odd name, is no refusal; the writer says it
            answers.append(None)

    thread = Thread(target=ask, name="ptune-mlflow-refusal", daemon=True)
    thread.start()
    thread.join(_PATIENCE_S)
    return answers[0] if answers else None


def _refusal(uri: str, experiment: str) -> str | None:
    scheme = scheme_of(uri)
    if scheme in DATABASES:
        return _file_refusal(uri) or _database_refusal(uri, experiment)
    return _server_refusal(uri, experiment) if scheme in {"http", "https"} else None


def _server_refusal(uri: str, experiment: str) -> str | None:
    """What a server says of the experiment, or that no server of MLflow can be there."""
    import requests  # a tenth of a second, which searches without a server need not spend
    from urllib3.exceptions import NameResolutionError

    user, token = os.environ.get(USER), os.environ.get("MLFLOW_TRACKING_TOKEN")
    try:
        answer = requests.get(
            f"{uri.rstrip('/')}/api/2.0/mlflow/experiments/get-by-name",
            {"experiment_name": experiment},
            auth=(user, os.environ.get("MLFLOW_TRACKING_PASSWORD", "")) if user else None,
            headers={"Authorization": f"Bearer {token}"} if token and not user else {},
            timeout=_PATIENCE_S,
            verify=os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
            or os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() not in {"true", "1"},
        )
    except requests.ConnectionError as error:
        reason = getattr(error.args[0], "reason", None) if error.args else None
        if isinstance(reason, NameResolutionError) and isinstance(reason.__cause__, socket.gaierror):
            return _nameless(reason.__cause__, urlsplit(uri).hostname or uri)
        return None
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        return unknown_user(user)
    if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status_code in _PASSING:
        return None
    try:
        content = answer.json()
    except ValueError:
        content = None
    match content:
        case {"experiment": {"lifecycle_stage": "deleted"}}:
            return deleted_experiment(experiment)
        case {"experiment": dict()} | {"error_code": "RESOURCE_DOES_NOT_EXIST"}:
            return None
        case {"error_code": str(code), "message": str(message)}:
            return f"the server says {code}: {message}"
        case _:
            said = " ".join(answer.text.split())[:80]
            return f"what answers there is no MLflow server: HTTP {answer.status_code}{said and f', {said!r}'}"


def _file_refusal(uri: str) -> str | None:
    """Why a missing SQLite file cannot be made; None for any other database."""
    path = sqlite_file(uri)
    if path is None or path.exists():
        return None
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        return f"{folder} is no folder"
    return None if os.access(folder, os.W_OK | os.X_OK) else f"nothing may be written into {folder}"


def _database_refusal(uri: str, experiment: str) -> str | None:
    """What stands between this process and the tables of MLflow, or what they hold of the experiment."""
    from sqlalchemy import NullPool, create_engine, make_url, text
    from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

    url = make_url(uri)
    try:
        engine = create_engine(url, poolclass=NullPool)
    except NoSuchModuleError:
        return f"SQLAlchemy knows no driver {url.drivername!r}"
    except ImportError as error:
        return f"its driver cannot be imported: {error}{_EXTRAS.get(error.name or '', '')}"
    if url.host and not url.host.startswith("/") and "," not in url.host:
        try:
            socket.getaddrinfo(url.host, url.port)
        except socket.gaierror as error:
            return _nameless(error, url.host)
    if (path := sqlite_file(uri)) is not None and not path.exists():
        return None  # to connect would make an empty file
    query = text("SELECT lifecycle_stage FROM experiments WHERE name = :name")
    try:
        with engine.connect() as connection:
            stages = set(connection.execute(query, {"name": experiment}).scalars())
    except SQLAlchemyError as error:  # among others, of tables that MLflow is yet to make
        said = without_password(str(getattr(error, "orig", error)).strip().partition("\n")[0])
        return said if _LASTING.search(said) else None
    return deleted_experiment(experiment) if stages == {"deleted"} else None


def _nameless(error: socket.gaierror, host: str) -> str | None:
    """That a host has no address; None where the name service itself gives no answer."""
    return None if error.errno == socket.EAI_AGAIN else f"no host is named {host!r}"
