import pytest

from ptune.errors import DataError, SpecError
from ptune.record.curve_table import read_table, table_of, write_table
from support.recorded import GRID, recorded_grid
from support.simulated import curve


def test_a_table_holds_every_curve_and_reads_as_it_was_written(tmp_path):
    history = recorded_grid(tmp_path / "journal.jsonl")
    table = table_of([history], "made up")
    assert len(table.curves) == len(history.trials) == 2 * 2 * 3 + 3 * 3 * 2 * 3
    assert table.told == ["method", "length", "encoder", "lr", "depth"]
    for run, trial in zip(table.runs, history.trials.values(), strict=True):
        assert [report["accuracy"] for report in run.reports] == [report["accuracy"] for report in trial.reports]
        assert {**run.config, "repeat": 0}.items() <= trial.config.items()
    write_table(table, tmp_path / "table.parquet")
    assert read_table(tmp_path / "table.parquet") == table
    assert table.recorded.task == "made up"


def test_what_the_machine_decides_is_left_out(tmp_path):
    def timed(config, epoch):
        accuracy = curve(config, epoch)
        return {"accuracy": accuracy, "loss": 1 - accuracy, "lr": 0.1, "seconds": 3.0, "peak_memory_mb": 700.0}

    table = table_of([recorded_grid(tmp_path / "journal.jsonl", curve=timed)])
    assert table.metrics == ["accuracy", "loss"]


def test_a_configuration_of_several_seeds_has_a_run_of_each(tmp_path):
    histories = [recorded_grid(tmp_path / f"{seed}.jsonl", seed=seed) for seed in (2, 1)]
    table = table_of(histories)
    assert len(table.runs) == 2 * len(table.curves)
    assert all([run.seed for run in runs] == [1, 2] for _, runs in table.curves)


def test_trials_that_stopped_early_are_left_out(tmp_path):
    history = recorded_grid(tmp_path / "journal.jsonl", stopping={"type": "asha"})
    table = table_of([history])
    assert 0 < len(table.runs) < len(history.trials)
    assert {len(run.reports) for run in table.runs} == {9}


def test_trials_that_began_from_another_one_are_left_out(tmp_path):
    alone = recorded_grid(tmp_path / "alone.jsonl")
    history = recorded_grid(tmp_path / "inherit.jsonl", limits={"inherit": True})
    afresh = [trial for trial in history.trials.values() if trial.inherited is None]
    assert len(table_of([history]).runs) == len(afresh) < len(history.trials)
    alone.trials[0].warm = True
    assert len(table_of([alone]).runs) == len(alone.trials) - 1


def test_searches_that_trained_something_else_are_refused(tmp_path):
    histories = [recorded_grid(tmp_path / f"{epochs}.jsonl", epochs=epochs) for epochs in (9, 8)]
    with pytest.raises(SpecError, match="must agree on epochs: 9, got 8"):
        table_of(histories)


def test_searches_of_other_settings_are_refused(tmp_path):
    histories = [recorded_grid(tmp_path / f"{length}.jsonl", max_length=length) for length in (64, 32)]
    with pytest.raises(SpecError, match=r"must agree on settings: .*'max_length': 64.*, got .*'max_length': 32"):
        table_of(histories)


def test_repetitions_are_runs_of_their_own(tmp_path):
    parameters = GRID["parameters"] | {"repeat": {"choices": [0, 1]}}
    histories = [
        recorded_grid(tmp_path / f"{seed}.jsonl", space={"parameters": parameters}, seed=seed) for seed in (0, 1)
    ]
    table = table_of(histories)
    assert all([(run.seed, run.repeat) for run in runs] == [(0, 0), (0, 1), (1, 0), (1, 1)] for _, runs in table.curves)
    write_table(table, tmp_path / "table.parquet")
    assert read_table(tmp_path / "table.parquet") == table


def test_a_search_without_a_whole_curve_makes_no_table(tmp_path):
    def failing(_config, _epoch):
        return float("nan")

    with pytest.raises(SpecError, match="no trial has trained to the horizon from the start"):
        table_of([recorded_grid(tmp_path / "journal.jsonl", curve=failing)])


@pytest.mark.parametrize("damage", ["cut", "text", "other", "empty"])
def test_a_file_that_is_no_table_is_refused(tmp_path, damage):
    import pyarrow as pa
    from pyarrow import parquet

    path = tmp_path / "table.parquet"
    write_table(table_of([recorded_grid(tmp_path / "journal.jsonl")]), path)
    match damage:
        case "cut":
            path.write_bytes(path.read_bytes()[:-100])
        case "text":
            path.write_text("no parquet")
        case "other":
            parquet.write_table(pa.table({"text": ["a"]}), path)
        case "empty":
            whole = parquet.read_table(path)
            parquet.write_table(whole.slice(0, 0), path)
    with pytest.raises(DataError, match=r"table\.parquet: "):
        read_table(path)


def test_rows_that_are_lost_are_noticed(tmp_path):
    from pyarrow import parquet

    path = tmp_path / "table.parquet"
    write_table(table_of([recorded_grid(tmp_path / "journal.jsonl")]), path)
    parquet.write_table(parquet.read_table(path).slice(1), path)
    with pytest.raises(DataError, match="epochs 1 to 9 must follow each other"):
        read_table(path)
