"""`ptune tabulate` and `ptune simulate`: curves are kept, and searches played on them."""

import json
import shutil

import pytest

from support.recorded import recorded_grid

SPACE = """
[parameters.method]
choices = ["v1", "v2"]
[[parameters.length]]
when = { method = "v1" }
low = 2
high = 12
log = true
[[parameters.length]]
when = { method = "v2" }
low = 4
high = 30
log = true
[parameters.depth]
when = { method = "v2" }
low = 1
high = "layers"
[parameters.encoder]
choices = ["embedding", "mlp"]
[parameters.lr]
low = 1e-3
high = 1e-1
log = true
[parameters.batch_size]
value = 16
"""
JOB = """
name = "{name}"
space = "space.toml"
[backbone]
id = "none"
[task]
metric = "accuracy"
[task.data]
source = "builtin:whose_job"
[budget]
trials = 10
epochs = 9
sampler = "{sampler}"
"""


@pytest.fixture
def searches(tmp_path):
    """Two recorded searches in the runs folder, and two jobs that differ in their sampler."""
    for seed in (1, 2):
        folder = tmp_path / "ptune_runs" / f"grid-{seed}"
        folder.mkdir(parents=True)
        recorded_grid(folder / "journal.jsonl", seed=seed)
    (tmp_path / "space.toml").write_text(SPACE)
    for sampler in ("tpe", "random"):
        (tmp_path / f"{sampler}.toml").write_text(JOB.format(name=sampler, sampler=sampler))
    return tmp_path


def test_curves_are_kept_and_jobs_are_compared_on_them(ptune, searches):
    done = ptune("tabulate", "grid-1", "grid-2", "--out", "curves.parquet", "--task", "made up")
    assert done.code == 0, done.err
    assert done.out.startswith("curves.parquet: 66 configurations, 132 runs, 9 epochs each")
    before = sorted(searches.rglob("*"))
    done = ptune("simulate", "tpe.toml", "random.toml", "--table", "curves.parquet", "--seeds", 2)
    assert done.code == 0, done.err
    first, best, levels, heads, *rows = done.out.splitlines()
    assert first == "curves.parquet: 66 configurations x 9 epochs, none on made up"
    assert best.startswith("best of the table: accuracy 0.")
    assert levels == "played as the nearest of: length 3, 4, 9, 10, 25 · lr 0.001, 0.01, 0.1 · depth 1, 6, 12"
    assert heads.split()[:3] == ["job", "trials", "epochs"]
    assert [row.split()[:2] for row in rows] == [["tpe", "10"], ["random", "10"]]
    assert all(" ± " in row for row in rows)
    assert sorted(searches.rglob("*")) == before


def test_a_search_is_a_table_and_programs_read_every_epoch(ptune, searches):
    done = ptune("simulate", "tpe.toml", "--table", "grid-1", "--seeds", 2, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert [search["seed"] for search in told["searches"]] == [0, 1]
    for search in told["searches"]:
        assert len(search["values"]) == search["epochs"]
        assert search["values"][-1] <= told["best_of_table"]["value"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--table", "grid-3"], "no search named 'grid-3'"),
        (["--table", "no.parquet"], "there is no such file"),
        (["--table", "grid-1", "--set", "budget.epochs=4"], "got 4"),
        (["--table", "grid-1", "--set", "space.parameters.encoder=[{choices=['lstm']}]"], "lstm"),
    ],
)
def test_what_cannot_be_played_is_wrong_input(ptune, searches, arguments, message):
    done = ptune("simulate", "tpe.toml", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_a_table_is_a_parquet_file_of_searches_that_are_there(ptune, searches):
    assert ptune("tabulate", "grid-1", "--out", "curves.csv").code == 2
    assert ptune("tabulate", "grid-1", "grid-1", "--out", "curves.parquet").code == 2
    shutil.rmtree(searches / "ptune_runs" / "grid-2")
    assert ptune("tabulate", "grid-1", "grid-2", "--out", "curves.parquet").code == 2
    assert not (searches / "curves.parquet").exists()
