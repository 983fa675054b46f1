"""The files a search leaves for people, in its folder: the leaderboard, the plots and the report."""

from __future__ import annotations

from pathlib import Path

from ptune.files import write_json, write_text
from ptune.record.history import History
from ptune.report import leaderboard
from ptune.report.findings import Findings, confirmation_of, findings, overrides_of
from ptune.report.page import page

CURVES = "curves.png"
REPORT, PAGE = "report.json", "report.html"


def publish(folder: Path, history: History, importances: dict[str, float]) -> None:
    """Write `leaderboard.json`, `leaderboard.csv` and the report of a search that has ended or been interrupted."""
    write_text(folder / "leaderboard.json", leaderboard.as_json(history))
    write_text(folder / "leaderboard.csv", leaderboard.as_csv(history))
    confirmed = confirmation_of(folder, history)
    write_report(folder, history, findings(history, importances, overrides_of(folder), history.status, confirmed))


def write_report(folder: Path, history: History, report: Findings) -> None:
    """Write `report.json`, `report.html` and, once a trial has reported, `curves.png`, which the page embeds."""
    picture = None
    if any(trial.reports for trial in history.trials.values()):
        from ptune.report.plots import draw  # matplotlib takes a second to import

        draw(history, report.importances, folder / CURVES)
        picture = (folder / CURVES).read_bytes()
    write_json(folder / REPORT, report.to_json())
    write_text(folder / PAGE, page(report, picture))
