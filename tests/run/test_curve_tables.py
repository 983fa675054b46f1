"""The tables of curves that ship with ptune hold what their card says, and cover the job that is played on them."""

import re

import numpy as np
import pytest

from ptune.errors import NotFoundError
from ptune.record.shipped_tables import names
from ptune.run.curve_tables import load_table
from ptune.searching.nearest_curve import NearestCurve
from ptune.searching.on_table import table_problems
from ptune.spec.configuration import complete
from ptune.spec.load import load_job
from support.repository import PACKAGE, ROOT
from support.surfaces import drawn_from

JOB = ROOT / "jobs" / "curves" / "search.toml"
CARD = PACKAGE / "record" / "tables" / "README.md"


@pytest.fixture(scope="module", params=names())
def table(request, tmp_path_factory):
    """Each table, by its name."""
    return load_table(request.param, tmp_path_factory.mktemp("runs"))


def test_a_table_covers_the_job_that_is_played_on_it(table):
    job = load_job(JOB)
    assert table_problems(job, table) == []
    layers, nearest = table.recorded.layers, NearestCurve(table)
    space, draws = job.space.resolved(layers), np.random.default_rng(0)
    for _ in range(200):
        config = complete(drawn_from(space, draws), job, layers)
        assert {run.config["method"] for run in nearest(config)} == {config["method"]}


def test_a_table_holds_what_its_card_says(table):
    card = CARD.read_text(encoding="utf-8")
    for method in ("v1", "v2"):
        recorded = sum(config["method"] == method for config, _ in table.curves)
        assert re.search(rf"^\| {method} \|.* {recorded} of \d+ \|$", card, re.MULTILINE)
    runs, repeated = (int(number) for number in re.search(r"There are (\d+) runs of (\d+) of them", card).groups())
    counts = [len(some) for _, some in table.curves]
    assert (max(counts), counts.count(runs), min(counts)) == (runs, repeated, 1)
    assert len(counts) == repeated + counts.count(1)
    told = set(re.findall("`([a-z0-9_]+)`", card.partition("## Columns")[2].partition("## ")[0]))
    assert {*table.metrics, *table.told, "seed", "repeat", "epoch"} <= told
    assert len(table.runs[0].reports) == table.recorded.epochs == 9


def test_a_table_tells_prompts_apart(table):
    """Curves rise: the best configurations are far above chance, and others stay there."""
    last = [run.reports[-1]["accuracy"] for run in table.runs]
    chance = table.runs[0].reports[0]["majority_baseline"]
    assert max(last) > chance + 0.2
    assert min(last) < chance + 0.08


def test_the_nearest_name_is_named(tmp_path):
    with pytest.raises(NotFoundError, match="did you mean 'whose_job'"):
        load_table("whose-job", tmp_path)
