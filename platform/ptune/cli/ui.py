"""`ptune ui`: MLflow's pages on what this machine has tracked."""

from __future__ import annotations

import os
import sys
import webbrowser
from typing import TYPE_CHECKING

import click

from ptune.report.said import say

if TYPE_CHECKING:
    from ptune.run.shown import Shown

_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")
_ELSEWHERE = ("SSH_CONNECTION", "SSH_TTY", "CI")


@click.command(short_help="Browse trials in MLflow.")
@click.argument("name", required=False)
@click.option(
    "--port",
    default=5000,
    show_default=True,
    type=click.IntRange(1, 65535),
    help="Port on this machine. If it is taken, the next free one serves.",
)
@click.option(
    "--browser/--no-browser",
    default=None,
    help="Open the link in a browser, or only print it. By default, a browser opens where this terminal has a display.",
)
def ui(name: str | None, port: int, *, browser: bool | None) -> int:
    """Serve MLflow's pages for the runs folder until Ctrl-C, on this machine only.

    The link that is printed opens the trials of the search NAME, ranked best first. Without NAME, it opens the
    trials of every search of the job that ran last.

    \b
    ptune ui
    ptune ui quickstart
    ptune ui --port 5001 --no-browser
    """
    from ptune.run.folders import runs_folder
    from ptune.run.shown import shown
    from ptune.spec.tracking import without_password

    pages = shown(runs_folder(), name)
    browser = may_open_a_browser() if browser is None else browser
    if pages.artifacts is not None:
        return serve(pages, pages.artifacts, port, browser=browser)
    link = pages.link(without_password(pages.uri))
    say(f"runs are tracked on a server: open {link}")
    open_page(link, wanted=browser)
    return 0


def serve(pages: Shown, artifacts: str, port: int, *, browser: bool) -> int:
    """Serve MLflow's pages until Ctrl-C or SIGTERM; say where they are once they answer."""
    from ptune.run.interrupts import interrupts
    from ptune.tracking.server import PagesServer, free_port

    try:
        with interrupts(), PagesServer(pages.uri, artifacts, free_port(port)) as server:
            say(f"MLflow starts on {server.address} ...")
            server.wait_until_ready()
            link = pages.link(server.address)
            say(f"trials, best first: {link}  (Ctrl-C ends it)")
            open_page(link, wanted=browser)
            server.wait()
    except KeyboardInterrupt:
        return 0


def open_page(link: str, *, wanted: bool) -> None:
    """Open a link in the user's browser; say so where there is none."""
    if wanted and not webbrowser.open(link):
        say("no browser opened; open the link yourself", err=True)


def may_open_a_browser() -> bool:
    """Whether the user sits at this machine: in a terminal with a display, and not on a remote one or in a pipeline.

    Who names a program in BROWSER has said how pages are to be opened, over SSH, too.
    """
    if not sys.stdout.isatty() or "CI" in os.environ:
        return False
    if "BROWSER" in os.environ:
        return True
    displayed = sys.platform in {"darwin", "win32"} or any(name in os.environ for name in _DISPLAYS)
    return displayed and not any(name in os.environ for name in _ELSEWHERE)
