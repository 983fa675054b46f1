"""MLflow's own pages as `ptune ui` serves them: they begin in the mode for training.

MLflow's pages begin in a mode for language models, where an experiment opens on an empty list of traces, and on this
machine they open a chat beside it. The page that every address loads gets a script that sets the other mode, and keeps
the chat closed, until people choose for themselves. MLflow loads this module for `mlflow server --app-name ptune`
(entry point `mlflow.app`).
"""

from __future__ import annotations

import json
from pathlib import Path

from flask import Response
from mlflow.server import app as _pages
from mlflow.server.fastapi_app import app

__all__ = ["app"]

_CHOICES = {
    "mlflow.workflowType_v1": json.dumps("machine_learning"),
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": json.dumps(True),
}
"""What MLflow's pages keep in the browser's local storage (MLflow 3.17)."""
_SCRIPT = (
    f"<script>for (const [key, choice] of Object.entries({json.dumps(_CHOICES)}))"
    " if (localStorage.getItem(key) === null) localStorage.setItem(key, choice)</script>"
)


def _first_page() -> Response:
    assert _pages.static_folder is not None, "MLflow's wheel brings its pages"
    page = (Path(_pages.static_folder) / "index.html").read_text(encoding="utf-8")
    return Response(page.replace("<head>", f"<head>{_SCRIPT}", 1), mimetype="text/html")


_pages.view_functions["serve"] = _first_page
