"""`ptune.search` and the search it returns: the same object while it runs, after an interrupt and at the end."""

import asyncio
import threading

import pandas as pd
import pytest

import ptune
from ptune.api import compose
from ptune.cli.main import run
from ptune.record.journal import JOURNAL, Journal
from ptune.run.folders import runs_folder
from ptune.run.local import LocalRunner
from ptune.searching.conductor import Conductor
from support.small_jobs import small_job

QUICK = {"budget.trials": 3, "budget.epochs": 2, "tracking.type": "none"}


@pytest.fixture(scope="module")
def job(tiny_backbone, tmp_path_factory):
    return small_job(tmp_path_factory.mktemp("data"), tiny_backbone("bert"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def result(job, runs):
    return ptune.search(job, local=True, set=QUICK, runs=runs, progress=False)


def test_a_search_comes_back_complete_and_is_found_again(result, runs):
    assert (result.name, result.status, result.folder) == ("small", "complete", runs / "small")
    for again in (ptune.open("small", runs=runs), ptune.open(runs / "small"), ptune.open(str(runs / "small"))):
        assert (again.status, again.best, len(again.trials())) == ("complete", result.best, 3)


def test_settings_and_a_name_are_those_of_the_command_line(result, job):
    assert result.job.budget.trials == 3
    assert result.job.seed == job.seed
    assert "# --set budget.trials=3\n" in (result.folder / "job.toml").read_text()


def test_the_best_trial_has_the_best_value(result):
    best, frame = result.best, result.trials()
    assert result.history.best.best_value == frame["accuracy"].max()
    assert best.config["lr"] == frame.set_index("number").loc[best.number, "lr"]
    assert best.reports[best.epoch - 1] == best.metrics
    assert result.trial(best.number) == best
    assert (
        set(result.test) == set(best.metrics) - {"seconds", "trainable_parameters", "train_loss", "lr"} or result.test
    )


def test_a_frame_has_a_row_for_each_trial_with_typed_parameters(result):
    frame = result.trials()
    assert list(frame.columns) == [
        "number", "status", "method", "depth", "length", "lr", "encoder",
        "accuracy", "best_epoch", "loss", "trained_epochs", "seconds", "trainable_parameters", "reason",
    ]  # fmt: skip
    assert frame["number"].tolist() == [0, 1, 2]
    types = {name: str(dtype) for name, dtype in frame.dtypes.items()}
    whole = ["number", "depth", "length", "best_epoch", "trained_epochs", "trainable_parameters"]
    assert {types[name] for name in whole} == {"Int64"}
    assert {types[name] for name in ("lr", "accuracy", "loss", "seconds")} == {"Float64"}
    assert isinstance(frame["method"].dtype, pd.StringDtype)
    assert frame.loc[0, ["method", "depth", "length", "lr"]].tolist() == ["v2", 3, 4, 0.01]
    assert frame.loc[frame["method"] == "v1", "depth"].isna().all()
    assert frame["accuracy"].between(0, 1).all()


def test_a_search_shows_itself(result):
    leader = result.best
    assert repr(result).startswith("<ptune search 'small': complete, 3 trials, best accuracy ")
    assert repr(result).endswith(f"(trial {leader.number})>")
    assert str(result).startswith("small complete: 3 of 3 trials on ")
    html = result._repr_html_()
    assert html.startswith('<div class="ptune-search">')
    assert html.count('<tr class="best"') == 1
    assert all(f'data-trial="{number}"' in html for number in range(3))
    assert "data:image/png;base64," in html


def test_the_best_prompt_is_loaded_and_exported(result, tmp_path):
    exported = result.export(tmp_path / "prompt")
    prompt = result.load()
    assert exported == tmp_path / "prompt"
    assert prompt.info.trial == result.best.number
    assert prompt.info.scores["test"] == pytest.approx(result.test)
    assert ptune.load(exported).predict("red green")["label"] == prompt.predict("red green")["label"]


def test_any_trial_can_be_exported_and_the_format_chosen(result, tmp_path):
    number = next(number for number in range(3) if result.trial(number).config["method"] == "v1")
    result.export(str(tmp_path / "v1"), trial=number)
    assert ptune.load(tmp_path / "v1").info.trial == number
    with pytest.raises(ptune.SpecError, match=r"format is one of native, .*, got 'pef'; did you mean 'peft'\?"):
        result.export(tmp_path / "pef", format="pef")
    with pytest.raises(ptune.SpecError, match="trial 9 has no result to export"):
        result.export(tmp_path / "ninth", trial=9)
    with pytest.raises(ptune.JournalError, match=r"small has no trial 9 \(it has 3, from 0\)"):
        result.trial(9)
    assert not (tmp_path / "pef").exists()


def test_a_second_search_of_the_same_name_has_a_folder_of_its_own(result, job, runs):
    again = ptune.search(job, local=True, set={**QUICK, "budget.trials": 1}, runs=runs, progress=False)
    assert (again.name, len(again.trials()), len(result.trials())) == ("small-2", 1, 3)


def test_a_search_runs_inside_a_running_event_loop_and_from_a_thread(job, tmp_path):
    async def inside():
        return ptune.search(job, local=True, set={**QUICK, "budget.trials": 1}, runs=tmp_path, progress=False)

    assert asyncio.run(inside()).status == "complete"
    found = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(inside())))
    thread.start()
    thread.join()
    assert [(result.name, result.status) for result in found] == [("small-2", "complete")]


def test_an_interrupt_is_raised_and_the_search_goes_on_later(job, tmp_path, monkeypatch):
    report = Conductor.report
    with monkeypatch.context() as patched:

        def interrupted(conductor, *arguments):
            report(conductor, *arguments)
            raise KeyboardInterrupt

        patched.setattr(Conductor, "report", interrupted)
        with pytest.raises(KeyboardInterrupt, match=r"ptune.open\('small'\).resume\(\) continues it"):
            ptune.search(job, local=True, set=QUICK, runs=tmp_path, progress=False)
    result = ptune.open("small", runs=tmp_path)
    assert (result.status, len(result.best.reports)) == ("interrupted", 1)
    assert "interrupted" in result._repr_html_()
    resumed = result.resume(local=True, progress=False)
    assert (resumed.status, result.status, len(result.trials())) == ("complete", "complete", 3)


def test_a_search_that_runs_elsewhere_is_followed(result, runs, tmp_path):
    folder = tmp_path / "live"
    folder.mkdir()
    lines = (result.folder / JOURNAL).read_bytes().splitlines(keepends=True)
    first = next(index for index, text in enumerate(lines) if b'"reported"' in text)
    (folder / JOURNAL).write_bytes(b"".join(lines[:first]))
    live = ptune.open(folder)
    assert live.status == "interrupted"
    journal = Journal(folder / JOURNAL)
    try:
        assert live.status == "running"
        assert live.trials()["accuracy"].isna().all()
        assert str(live.trials()["lr"].dtype) == "Float64"
        with pytest.raises(ptune.JournalError, match="live: no trial has a result yet"):
            _ = live.best
        assert "no trial has a result yet" in " ".join(str(live).split())
        assert "<img" not in live._repr_html_()
        with (folder / JOURNAL).open("ab") as stream:
            stream.write(b"".join(lines[first:]))
        assert live.best == result.best
    finally:
        journal.close()
    assert live.status == "complete"


def test_every_problem_of_a_job_is_raised_at_once_and_leaves_nothing(job, tmp_path):
    tables = {**job.model_dump(mode="json"), "sede": 1, "budget": {"trials": 0, "epochs": 1}}
    with pytest.raises(ptune.SpecError) as caught:
        ptune.search(tables, local=True, runs=tmp_path / "runs")
    assert len(str(caught.value).splitlines()) == 2
    assert not (tmp_path / "runs").exists()


def test_an_unknown_search_is_refused_with_the_nearest_name(result, runs):
    with pytest.raises(ptune.JournalError, match=r"no search named 'smal' in .*; did you mean 'small'\?"):
        ptune.open("smal", runs=runs)


def test_progress_goes_to_standard_error(job, tmp_path, capsys):
    ptune.search(job, local=True, set={**QUICK, "budget.trials": 1}, runs=tmp_path)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "1 of 1 begun" in captured.err


def test_a_confirmation_is_a_search_like_any_other(result):
    confirmed = result.confirm(top=1, seeds=2, local=True, progress=False)
    assert (confirmed.name, confirmed.status, len(confirmed.trials())) == ("small-confirm", "complete", 2)
    assert all(confirmed.trial(number).test for number in range(2))
    assert "Confirmed on fresh seeds" in result._repr_html_()


def test_the_command_line_and_python_put_a_run_together_alike(monkeypatch, tmp_path):
    starts = []

    def start(*arguments, **_):
        starts.append(arguments)
        raise ptune.SpecError("enough is known")

    monkeypatch.setattr(compose, "start", start)
    job = tmp_path / "job.toml"
    with pytest.raises(ptune.SpecError, match="enough"):
        ptune.search(job, local=True, set={"seed": 3}, name="other")
    run(["search", str(job), "--local", "--set", "seed=3", "--name", "other"])
    in_python, typed = [(source, set(overrides), runs, type(runner)) for source, overrides, runs, runner, _ in starts]
    assert in_python == typed == (job, {"seed=3", 'name="other"'}, runs_folder(), LocalRunner)
