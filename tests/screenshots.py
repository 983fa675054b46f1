"""Take the README's pictures of MLflow and of a report: `make screenshots`.

    python tests/screenshots.py                      # runs the quickstart first
    python tests/screenshots.py RUNS_FOLDER NAME     # of a search that has ended

Chromium takes them, light and 1280 pixels wide.
"""

import io
import os
import sys
import tempfile
from pathlib import Path

from PIL import Image

import ptune
from ptune.report.write_files import PAGE
from ptune.run.shown import shown
from ptune.tracking.server import PagesServer, free_port
from support.browser import Browser, browser

REPOSITORY = Path(__file__).resolve().parents[1]
PICTURES = REPOSITORY / "platform"
WIDTH = 1280
MOST_BYTES = 250_000


def main(arguments: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="screenshots-") as folder:
        runs, name = (Path(arguments[0]), arguments[1]) if arguments else (Path(folder), searched(Path(folder)))
        with browser(WIDTH, 640) as page:
            take_mlflow(page, runs, name)
            take_report(page, runs / name / PAGE)


def searched(runs: Path) -> str:
    """The name of a quickstart that has just ended."""
    os.environ["PTUNE_RUNS"] = str(runs)
    return ptune.search(REPOSITORY / "jobs" / "quickstart.toml", local=True).name


def take_mlflow(page: Browser, runs: Path, name: str) -> None:
    """The trials of a search as the link of `ptune ui` shows them."""
    where = shown(runs, name)
    assert where.artifacts is not None, "the search is tracked in a database"
    with PagesServer(where.uri, where.artifacts, free_port(5900)) as server:
        server.wait_until_ready()
        page.open(where.link(server.address))
        page.wait_for(".ag-center-cols-container [col-id='metrics.`best_accuracy`']")
        page.wait_for("button[aria-label='Hide banner']").click()  # it says that this is a saved view
        page.wait_until("document.querySelectorAll('.ag-center-cols-container [role=row]').length > 4")
        save(page, PICTURES / "mlflow.png")


def take_report(page: Browser, report: Path) -> None:
    """The beginning of a search's report."""
    page.show(WIDTH, 880)
    page.open(report)
    page.wait_for("h1")
    save(page, PICTURES / "report.png")


def save(page: Browser, path: Path) -> None:
    """Write what the window shows, with as few colours as keep it small."""
    picture = Image.open(io.BytesIO(page.driver.get_screenshot_as_png())).convert("RGB")
    picture.quantize(128).save(path, optimize=True)
    assert path.stat().st_size < MOST_BYTES, f"{path} has {path.stat().st_size} bytes"


if __name__ == "__main__":
    main(sys.argv[1:])
