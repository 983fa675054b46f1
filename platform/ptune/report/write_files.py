"""The files a search leaves for people, in its folder: the leaderboard, the plots and the report."""

from __future__ import annotations

from pathlib import Path

from ptune.files import replacing, write_json, write_text
from ptune.record.history import History
from ptune.report import leaderboard
from ptune.report.findings import Findings, confirmation_of, findings, overrides_of

CURVES = "curves.png"
REPORT, PAGE = "report.json", "report.html"


def publish(folder: Path, history: History, importances: dict[str, float]) -> None:
    """Write `leaderboard.json`, `leaderboard.csv` and the report of a search that has ended or been interrupted."""
    write_text(folder / "leaderboard.json", leaderboard.as_json(history))
    write_text(folder / "leaderboard.csv", leaderboard.as_csv(history))
    confirmed = confirmation_of(folder, history)
    write_report(folder, history, findings(history, importances, overrides_of(folder), history.status, confirmed))


def write_report(folder: Path, history: History, report: Findings) -> None:
    """Write `report.json`, `report.html` and, once a trial has a result, `curves.png`."""
    import pandas as pd  # noqa: F401 - altair would look into a pandas that a tracker's thread has imported by half

    from ptune.report.charts.picture import picture  # charts take half a second to import
    from ptune.report.page import page

    if report.best is not None:
        with replacing(folder / CURVES) as draft:
            draft.write_bytes(picture(history, report.importances))
    write_json(folder / REPORT, report.to_json())
    write_text(folder / PAGE, page(report, history))
