"""`ptune ui`: MLflow's pages on what this machine has tracked."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import click

HOST = "127.0.0.1"
_PORTS_TRIED = 20


@click.command(short_help="Browse trials in MLflow.")
@click.argument("name", required=False)
@click.option(
    "--port",
    default=5000,
    show_default=True,
    type=click.IntRange(1, 65535),
    help="Port on this machine. If it is taken, the next free one serves.",
)
def ui(name: str | None, port: int) -> int:
    """Serve MLflow's pages for the runs folder until Ctrl-C, on this machine only.

    The link that is printed opens the trials of the search NAME, ranked best first. Without NAME, it opens the
    trials of every search of the job that ran last.

    \b
    ptune ui
    ptune ui quickstart
    ptune ui --port 5001
    """
    from ptune.errors import TrackingError
    from ptune.run.folders import runs_folder
    from ptune.tracking.location import DATABASE, artifact_location, resolve_uri

    runs = runs_folder()
    uri = resolve_uri(None, runs)
    artifacts = artifact_location(uri, runs)
    if artifacts is None:
        click.echo(f"runs are tracked on a server: open {trials_page(uri, runs, name) or uri}")
        return 0
    if uri.startswith("sqlite") and uri.endswith(DATABASE) and not (runs / DATABASE).exists():
        raise TrackingError(
            f"nothing is tracked in {runs} yet; run a search first: ptune search JOB. "
            'MLflow does not show a search whose job says tracking.type = "none"; `ptune report NAME` does'
        )
    port = free_port(port)
    server = f"http://{HOST}:{port}"
    trials = trials_page(server, runs, name)
    click.echo(f"MLflow on {server} (Ctrl-C ends it)")
    if trials is not None:
        click.echo(f"trials, best first: {trials}")
    return serve(server_command(uri, artifacts, port))


def free_port(port: int) -> int:
    """The first port of this machine, from `port` on, on which nobody listens.

    Raises:
        TrackingError: there is none among the next few.
    """
    from ptune.errors import TrackingError

    last = min(port + _PORTS_TRIED, 65_536)
    for candidate in range(port, last):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that has just ended holds no port
            try:
                probe.bind((HOST, candidate))
            except OSError:
                continue
            return candidate
    raise TrackingError(f"ports {port} to {last - 1} of this machine are taken; name a free one with --port")


def serve(command: list[str]) -> int:
    """Run an MLflow server until it ends, or until Ctrl-C or SIGTERM, which end its workers, too."""
    from ptune.run.interrupts import interrupts

    with interrupts():
        server = subprocess.Popen(command, env=server_environment(), start_new_session=True)
        try:
            return server.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            with contextlib.suppress(ProcessLookupError):  # every process of it has ended
                os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def trials_page(server: str, runs: Path, name: str | None) -> str | None:
    """The address of a search's ranked trials, or (None) of every search of the job that ran last.

    Returns:
        None where no search here has a page in MLflow yet.

    Raises:
        JournalError: there is no search of that name.
        TrackingError: MLflow does not show the search of that name.
    """
    from ptune.errors import TrackingError
    from ptune.record.history import History
    from ptune.record.journal import JOURNAL, read
    from ptune.run.folders import search_folder
    from ptune.run.search import RESULT
    from ptune.tracking.views import every_search, page, view_key

    if name is None:
        latest = sorted(runs.glob(f"*/{RESULT}"), key=lambda path: path.stat().st_mtime, reverse=True)
        experiments = [experiment for path in latest if (experiment := experiment_of(path)) is not None]
        return page(server, experiments[0], every_search()) if experiments else None
    folder = search_folder(runs, name)
    experiment = experiment_of(folder / RESULT)
    if experiment is None:
        raise TrackingError(f"{name} has no page in MLflow: it has not ended yet, or is not tracked; see `ptune list`")
    return page(server, experiment, view_key(History.of(read(folder / JOURNAL)).header.id))


def experiment_of(result: Path) -> str | None:
    """The MLflow experiment that a search's result names; None without one."""
    try:
        tracked = json.loads(result.read_text(encoding="utf-8"))["mlflow"]
        experiment = tracked["experiment_id"]
    except (OSError, ValueError, KeyError, TypeError):  # no result yet, half a file, or a search that is not tracked
        return None
    return experiment if isinstance(experiment, str) else None


def server_command(uri: str, artifacts: str, port: int) -> list[str]:
    """The command line of an MLflow server for this machine alone."""
    stores = ["--backend-store-uri", uri, "--default-artifact-root", artifacts]
    return [sys.executable, "-m", "mlflow", "server", *stores, "--host", HOST, "--port", str(port), "--workers", "1"]


def server_environment() -> dict[str, str]:
    """This process's environment, with MLflow's job runner (232 MB, nothing here needs it) and telemetry off."""
    return {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
