"""`ptune plan`: measured on a real engine, played with the real conductor, and nothing is left behind."""

import json

import pytest
from click.testing import CliRunner

from ptune.cli.plan import plan
from ptune.run.measure_pace import measure_pace
from ptune.run.prepare import prepare
from support.small_search import small_job
from support.tiny_job import write_job


@pytest.fixture(autouse=True)
def no_warming(monkeypatch):
    """What is measured here need not be exact."""
    monkeypatch.setattr("ptune.run.measure_pace._WARM_S", 0.0)


def test_a_plan_is_printed_with_its_price_and_what_early_stopping_would_save(tmp_path):
    job = write_job(tmp_path, 'stopping = { type = "none" }\n')
    before = sorted(tmp_path.iterdir())
    done = CliRunner().invoke(
        plan,
        [
            str(job),
            "--set",
            "budget.trials=9",
            "--set",
            "budget.epochs=9",
            "--engines",
            "2",
            "--engines",
            "1",
            "--rate",
            "2",
        ],
    )
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "tiny: 9 trials, no early stopping, about 81 epochs"
    assert lines[1].startswith("measured: an epoch takes ")
    heads = next(index for index, line in enumerate(lines) if line.split()[:1] == ["engines"])
    assert lines[heads].split() == ["engines", "wall", "engine", "hours", "price"]
    assert [line.split()[0] for line in lines[heads + 1 : heads + 3]] == ["1", "2"]
    assert "With early stopping (leave out budget.stopping), the same trials take about " in lines[-1]
    assert sorted(tmp_path.iterdir()) == before


def test_a_plan_for_programs_holds_what_was_measured(tmp_path):
    done = CliRunner().invoke(plan, [str(write_job(tmp_path)), "--engines", "3", "--json"])
    told = json.loads(done.stdout)
    assert told["pace"]["slots"] == 4
    assert 0 < told["pace"]["alone_s"] <= told["pace"]["together_s"]
    (row,) = told["plans"]
    assert (row["engines"], row["trials"]) == (3, 4)
    assert row["device_hours"] * 3600 == pytest.approx(row["wall_s"] * 3)


def test_a_part_of_large_data_stands_for_all_of_it(tmp_path, tiny_backbone, monkeypatch):
    prepared = prepare(small_job(tmp_path, tiny_backbone("bert"), rows=240))
    said = []
    whole = measure_pace(prepared, said.append)
    monkeypatch.setattr("ptune.run.measure_pace._ROWS", 60)
    part = measure_pace(prepared, said.append)
    assert said[0] == "loading the backbone"
    assert said[-1] == "training 3 trials together"
    assert 0.25 < part.together_s / whole.together_s < 4, "scaled to the whole, not a quarter of it"
