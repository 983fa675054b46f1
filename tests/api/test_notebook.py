"""A real notebook in a real kernel: progress below the cell, the frame and the search as HTML."""

import json

import nbformat
import pytest
from nbclient import NotebookClient

from support.small_jobs import small_job

CELLS = """\
import asyncio, json, ptune
asyncio.get_running_loop().is_running()
---
job = json.load(open("job.json"))
settings = {"budget.trials": 3, "budget.epochs": 2, "tracking.type": "none"}
result = ptune.search(job, local=True, set=settings, runs="runs")
---
result
---
result.trials()
---
again = ptune.search(job, local=True, set={**settings, "budget.trials": 1}, runs="runs", progress=False)
---
print(again.name, again.load().predict("red green")["label"] in again.load().labels)
"""


@pytest.fixture(scope="module")
def outputs(tiny_backbone, tmp_path_factory):
    """What each cell has left below it."""
    folder = tmp_path_factory.mktemp("notebook")
    job = small_job(folder / "data", tiny_backbone("bert"))
    (folder / "job.json").write_text(json.dumps(job.model_dump(mode="json")), encoding="utf-8")
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS.split("---\n")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return [[output for output in cell.outputs if output.get("name") != "stderr"] for cell in notebook.cells]


def test_the_kernel_runs_an_event_loop(outputs):
    assert outputs[0][0].data["text/plain"] == "True"


def test_progress_is_one_output_that_ends_as_one_line(outputs):
    (progress,) = outputs[1]
    assert progress.output_type == "display_data"
    assert progress.data["text/plain"].endswith("complete")
    assert "3 of 3 begun" in progress.data["text/plain"]
    assert progress.data["text/plain"] in progress.data["text/html"]


def test_a_search_and_its_frame_are_shown_as_html(outputs):
    (search,), (frame,) = outputs[2], outputs[3]
    assert search.data["text/html"].startswith('<div class="ptune-search">')
    assert "data:image/png;base64," in search.data["text/html"]
    assert search.data["text/plain"].startswith("<ptune search 'small': complete, 3 trials, best accuracy ")
    assert 'class="dataframe"' in frame.data["text/html"]
    assert "trainable_parameters" in frame.data["text/html"]


def test_progress_can_be_silenced_and_a_second_search_runs_in_the_same_kernel(outputs):
    assert outputs[4] == []
    assert outputs[5][0].text == "small-2 True\n"
