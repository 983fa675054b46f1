"""`ptune ui`: MLflow's pages on what this machine has tracked."""

from __future__ import annotations

import os
import subprocess
import sys

import click

HOST = "127.0.0.1"


@click.command(short_help="Browse trials in MLflow.")
@click.option("--port", default=5000, show_default=True, type=click.IntRange(1, 65535), help="Port on this machine.")
def ui(port: int) -> int:
    """Serve MLflow's pages for the runs folder until Ctrl-C, on this machine only.

    \b
    ptune ui
    ptune ui --port 5001
    """
    from ptune.errors import TrackingError
    from ptune.run.folders import runs_folder
    from ptune.tracking.location import DATABASE, artifact_location, resolve_uri

    runs = runs_folder()
    uri = resolve_uri(None, runs)
    artifacts = artifact_location(uri, runs)
    if artifacts is None:
        click.echo(f"runs are tracked on a server: open {uri}")
        return 0
    if uri.startswith("sqlite") and uri.endswith(DATABASE) and not (runs / DATABASE).exists():
        raise TrackingError(
            f"nothing is tracked in {runs} yet; run a search first: ptune search JOB. "
            'MLflow does not show a search whose job says tracking.type = "none"; `ptune report NAME` does'
        )
    click.echo(f"MLflow on http://{HOST}:{port} (Ctrl-C ends it)")
    try:
        return subprocess.run(server_command(uri, artifacts, port), env=server_environment(), check=False).returncode
    except KeyboardInterrupt:
        return 0


def server_command(uri: str, artifacts: str, port: int) -> list[str]:
    """The command line of an MLflow server for this machine alone."""
    stores = ["--backend-store-uri", uri, "--default-artifact-root", artifacts]
    return [sys.executable, "-m", "mlflow", "server", *stores, "--host", HOST, "--port", str(port), "--workers", "1"]


def server_environment() -> dict[str, str]:
    """This process's environment, with MLflow's job runner (232 MB, nothing here needs it) and telemetry off."""
    return {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
