"""The files a finished search leaves for people: the leaderboard and the plots, in the search's folder."""

from __future__ import annotations

from pathlib import Path

from ptune.files import write_text
from ptune.history import History
from ptune.report import leaderboard

CURVES = "curves.png"


def publish(folder: Path, history: History, importances: dict[str, float]) -> None:
    """Write `leaderboard.json`, `leaderboard.csv` and, once a trial has reported, `curves.png`."""
    write_text(folder / "leaderboard.json", leaderboard.as_json(history))
    write_text(folder / "leaderboard.csv", leaderboard.as_csv(history))
    if any(trial.reports for trial in history.trials.values()):
        from ptune.report.plots import draw  # matplotlib takes a second to import

        draw(history, importances, folder / CURVES)
