"""MLflow's pages as people meet them: a real server, a real browser, and the link that `ptune ui` prints."""

import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from types import SimpleNamespace

import pytest

from ptune.record.events import Ended, Origin, Tracked
from ptune.record.history import History
from ptune.record.journal import JOURNAL, Journal, read
from ptune.report.write_files import publish
from ptune.tracking.metrics import shown
from ptune.tracking.mlflow_writer import sync
from ptune.tracking.server import free_port
from support.browser import browser
from support.played import make_job, play
from support.waiting import PATIENCE_S

pytestmark = pytest.mark.slow

COMMAND = "ptune search jobs/played.toml"
SEARCHED = ["method", "length", "encoder", "depth", "lr"]


@pytest.fixture(scope="module")
def search(tmp_path_factory, blank_database):
    """A search over v1 and v2 that has ended, with all that it leaves, in a store of its own."""
    folder = tmp_path_factory.mktemp("runs") / "played"
    folder.mkdir()
    uri = f"sqlite:///{shutil.copy(blank_database, folder.parent / 'mlflow.db')}"
    with pytest.MonkeyPatch.context() as patch:
        history = play(folder / JOURNAL, patch, make_job(), origin=Origin("ana", COMMAND, None))
    journal = Journal(folder / JOURNAL)
    journal.append(Ended("complete", history.best_result, {"accuracy": 0.83}))
    publish(folder, History.of(read(folder / JOURNAL)), {})
    sync(folder, uri, "played", lambda trial, run_id: journal.append(Tracked(trial, run_id)))
    journal.close()
    return SimpleNamespace(runs=folder.parent, history=History.of(read(folder / JOURNAL)))


@pytest.fixture(scope="module")
def link(search):
    """What `ptune ui NAME` prints, while its server answers."""
    port = free_port(5800)
    command = [sys.executable, "-m", "ptune", "ui", "played", "--no-browser", "--port", str(port)]
    environment = {**os.environ, "PTUNE_RUNS": str(search.runs)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)
    told = [server.stdout.readline(), server.stdout.readline()]
    yield next(word for word in told[1].split() if "#/experiments" in word)
    server.send_signal(signal.SIGTERM)
    assert server.wait(PATIENCE_S) == 0
    server.stdout.close()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2)


@pytest.fixture(scope="module")
def window():
    with browser(1920, 1000) as window:
        yield window


@pytest.fixture
def page(window, link):
    """The page behind the printed link."""
    window.open("about:blank")
    window.open(link)
    return window


def texts(page, selector):
    """The texts of all elements that a CSS selector finds, once one has a text."""
    return listed(page, "[...document.querySelectorAll(arguments[0])].map(cell => cell.textContent.trim())", selector)


def listed(page, expression, *values):
    """The texts that an expression lists, once one is not empty: asked once, since a page may draw itself anew."""
    return page.wait_until(f"[{expression}].find(texts => texts.some(text => text))", *values)


def follow(page, text, selector="a"):
    """Open the link that carries a text, once it is there; MLflow opens those of a description in another tab."""
    links = "[...document.querySelectorAll(arguments[0])]"
    page.open(page.wait_until(f"{links}.find(link => link.textContent.trim() === arguments[1])?.href", selector, text))


def across(page, selector, attribute):
    """The texts of elements of the table of runs, in the order of their row or column."""
    placed = "[...document.querySelectorAll(arguments[0])].map(cell => [cell, cell.closest(`[${arguments[1]}]`)])"
    placed += ".filter(([_, holder]) => holder)"
    placed += ".map(([cell, holder]) => [+holder.getAttribute(arguments[1]), cell.textContent.trim()])"
    return listed(page, f"{placed}.sort((a, b) => a[0] - b[0]).map(([_, text]) => text)", selector, attribute)


def column(page, name):
    """What a column of the table of runs shows, from the first row on."""
    return across(page, f'.ag-center-cols-container [col-id="{name}"]', "aria-rowindex")


def test_the_link_opens_on_the_trials_ranked_with_what_was_searched(page, search):
    best = column(page, "metrics.`best_accuracy`")
    ranked = search.history.ranked()
    assert best == [f"{shown(trial.best_value):g}" for trial in ranked][: len(best)]
    assert texts(page, ".ag-pinned-left-cols-container [row-index='0'] a")[0].startswith(f"#{ranked[0].number} v2 · ")
    assert column(page, "metrics.`test_accuracy`")[0] == "0.83"
    assert column(page, "params.`depth`")[0] == str(ranked[0].config["depth"])
    heads = across(page, ".ag-header-viewport .ag-header-cell", "aria-colindex")
    assert heads[:7] == ["best_accuracy", "test_accuracy", *SEARCHED]
    assert page.evaluate("localStorage.getItem('mlflow.assistant.panelOpen_v1')") is None  # it would cover the table


def test_the_prepared_views_stand_in_mlflows_menu(page):
    page.wait_for("[data-testid=saved-views-trigger]").click()
    views = [text for text in texts(page, "[role=menuitem]") if " · " in text]
    titles = ["Leaderboard", "Compare the best", "Curves"]
    assert views == [f"{of} · {title}" for of in ("All searches", "played") for title in titles]


def test_comparing_the_best_draws_what_was_searched_against_the_metric(page):
    follow(page, "Compare the best")
    assert texts(page, ".parcoords .label")[:5] == ["method", "length", "encoder", "lr", "best_accuracy"]
    assert page.wait_until("document.body.textContent.includes('Trials of method v2')")


def test_the_curves_of_all_trials_are_drawn(page, search):
    follow(page, "Curves")
    trials = len(search.history.trials)
    assert page.wait_until("document.querySelectorAll('.js-plotly-plot .trace').length >= arguments[0]", trials)


def test_runs_compared_by_hand_begin_with_searched_parameters_and_the_metric(page):
    texts(page, ".ag-center-cols-container [role=row]")
    for row in range(4):
        page.wait_for(f".ag-pinned-left-cols-container [row-index='{row}'] input[type=checkbox]").click()
    compare = "[...document.querySelectorAll('button')].find(button => button.textContent.trim() === 'Compare')"
    page.wait_until(f"{compare} !== undefined")
    page.evaluate(f"{compare}.click()")
    axes = texts(page, ".parcoords .y-axis .axis-title")
    assert axes[-1] == "best_accuracy"
    assert set(axes[:-1]) < set(SEARCHED)


def test_the_search_shows_its_note_and_its_report(page, search):
    assert search.history.best is not None
    follow(page, texts(page, ".ag-pinned-left-cols-container [row-index='0'] a")[0])
    follow(page, "played", "a[href*='/runs/']")  # its parent run
    first = "document.querySelector('table tbody tr')?.textContent.trim()"
    # The trial's page, whose tables hold no trials, may still stand there.
    row = page.wait_until(f"[{first}].find(text => text?.startsWith('#'))")
    assert row.split()[0] == f"#{search.history.best.number}"
    assert page.wait_until("document.body.textContent.includes(arguments[0])", COMMAND)
    follow(page, "Report")
    frame = page.wait_for("iframe.mlflow-html-iframe")
    page.driver.switch_to.frame(frame)
    assert "played" in page.wait_for("h1").text
    page.driver.switch_to.default_content()


def test_mlflows_own_list_of_experiments_leads_to_the_trials(page, link):
    page.open(link.partition("#")[0] + "#/experiments")
    follow(page, "played", "[role=row] a")
    assert page.wait_until("document.querySelector('h2')?.textContent.trim() === 'Runs'")
    follow(page, "Leaderboard")
    assert column(page, "metrics.`best_accuracy`")
