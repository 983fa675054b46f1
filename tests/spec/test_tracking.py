"""Where MLflow may keep the runs: the form of a tracking URI."""

import pytest
from pydantic import ValidationError

from ptune.spec.tracking import RECORDED, Tracking, filled_in, uri_law, without_password


@pytest.mark.parametrize(
    "uri",
    [
        "http://mlflow:5000",
        "https://me:secret@mlflow.example/prefix?x=1",
        "http://[::1]:5000",
        "postgresql+psycopg://me:p%40ss@host:5432/db",
        "postgresql:///db?host=/var/run/postgresql",
        "mssql+pyodbc:///?odbc_connect=DRIVER",
        "databricks",
        "databricks://profile",
        "databricks://scope:prefix",
        "sqlite:///runs.db",
        "sqlite:////tmp/runs.db",
        "sqlite:///:memory:",
        "sqlite://",
    ],
)
def test_places_where_mlflow_can_be(uri):
    assert uri_law(uri) is None
    assert Tracking.model_validate({"uri": uri}, context=RECORDED).uri == uri


@pytest.mark.parametrize(
    ("uri", "law"),
    [
        ("./mlruns", "must be a server"),
        ("file:///tmp/mlruns", "must be a server"),
        ("http", "must be a server"),
        ("htp://server:5000", "did you mean 'http'?"),
        ("http://", "must name a host"),
        ("https://:5000", "must name a host"),
        ("http:server", "must name a host"),
        ("http://server:50o0", "must have a port of 0 to 65535"),
        ("http://server:70000", "must have a port of 0 to 65535"),
        ("postgresql://me@host:port/db", "must have a port of 0 to 65535"),
        ("sqlite://runs.db", "must have three slashes"),
        ("sqlite:runs.db", "must have three slashes"),
    ],
)
def test_places_where_it_cannot(uri, law):
    assert law in uri_law(uri)
    with pytest.raises(ValidationError, match="got"):
        Tracking(uri=uri)


def test_passwords_are_not_shown():
    assert without_password("postgresql://me:secret@host:5432/db") == "postgresql://me:***@host:5432/db"
    assert without_password("sqlite:////runs/mlflow.db") == "sqlite:////runs/mlflow.db"
    assert without_password("postgresql:///db?user=me&password=secret") == "postgresql:///db?user=me&password=***"
    assert without_password("no http://me:secret@host/api (retried)") == "no http://me:***@host/api (retried)"
    assert "secret" not in uri_law("http://me:secret@host:port")
    for uri in (
        'uri = "postgresql://me:se/c?secret@host/db"',
        "mysql://me:sec@secret@host",
        "https://host/api?Token=secret&page=2",
        "postgresql://me@host/db?sslmode=require&SSLPassword=secret",
    ):
        assert "secret" not in without_password(uri)
    for plain in ("http://host:5000/a@b", "http://host:5000 and me@host", "s3://bucket/a:b/c", "https://host/?q=token"):
        assert without_password(plain) == plain


@pytest.mark.parametrize(
    ("uri", "instead"),
    [
        ("https://me:secret@mlflow.example", "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
        ("postgresql+psycopg://me:p%40ss@host:5432/db", "MLFLOW_TRACKING_URI"),
    ],
)
def test_a_job_holds_no_password(uri, instead):
    with pytest.raises(ValidationError, match="must hold no password") as refused:
        Tracking(uri=uri)
    assert instead in str(refused.value)
    assert "secret" not in refused.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("${PLACE}", "postgresql://me:s3cret@host/db"),
        ("postgresql://me:${PASS_HERE}@${HOST_HERE}:5432/db?password=${PASS_HERE}", "postgresql://me:s3cret@db:5432"),
    ],
)
def test_a_job_names_variables_and_keeps_their_names(uri, place, monkeypatch):
    values = {"PLACE": "postgresql://me:s3cret@host/db", "PASS_HERE": "s3cret", "HOST_HERE": "db"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    kept = Tracking(uri=uri).model_dump_json()
    assert "s3cret" not in kept
    assert filled_in(Tracking.model_validate_json(kept).uri, values).startswith(place)


@pytest.mark.parametrize(
    ("uri", "law"),
    [
        ("${NOT_SET_HERE}", "names the variable NOT_SET_HERE, which is not set"),
        ("http://${HOST_HERE}:${NOT_SET_HERE}", "names the variable NOT_SET_HERE, which is not set"),
        ("http://${EMPTY_HERE}", "names the variable EMPTY_HERE, which is not set"),
        ("http://${HOST_HERE", "must name a variable as ${NAME}"),
        ("${}", "must name a variable as ${NAME}"),
        ("${PASS_HERE}", "must be a server"),
        ("postgresql://me:s3cret${HOST_HERE}@host/db", "must hold no password"),
    ],
)
def test_variables_that_say_no_place_are_refused_by_name_and_not_shown(uri, law, monkeypatch):
    for name, value in {"HOST_HERE": "db", "EMPTY_HERE": "", "PASS_HERE": "s3cret"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as refused:
        Tracking(uri=uri)
    (problem,) = refused.value.errors()
    assert law in problem["msg"]
    assert "s3cret" not in problem["msg"]
    assert Tracking.model_validate({"uri": uri}, context=RECORDED).uri == uri
