"""The best configurations of earlier searches come first in a new one."""

import shutil
from dataclasses import replace

import pytest

from ptune.errors import JournalError, NotFoundError, SpecError, TrackingError
from ptune.record.history import History
from ptune.record.journal import JOURNAL, read
from ptune.report import leaderboard
from ptune.run.begun import begun
from ptune.run.local import LocalRunner
from ptune.run.prepare import prepare
from ptune.run.search import confirm_search, resume_search, start_search
from ptune.run.with_prior import with_prior
from ptune.searching.best_recorded import recorded_points
from ptune.searching.simulate import simulate
from ptune.spec import published_settings
from ptune.spec.job import Job
from ptune.tracking.location import DATABASE
from ptune.tracking.mlflow_writer import sync
from support.refusals import refused_fields
from support.simulated import curve, make_job, start
from support.small_jobs import SPACE, small_job


@pytest.fixture
def runs(tmp_path):
    """A runs folder with a search that was played."""
    conductor = start(make_job(trials=9, sampler="random"), tmp_path / "runs" / "earlier" / JOURNAL)
    simulate(conductor, curve, slots=2)
    conductor._journal.close()
    return tmp_path / "runs", [each.config for each in conductor.history.configurations()]


@pytest.fixture
def job(tmp_path, tiny_backbone):
    content = small_job(tmp_path / "data", tiny_backbone("bert")).model_dump()
    content |= {"space": SPACE, "tracking": {"type": "none"}, "prior": {"searches": ["earlier"], "best": 2}}
    content["budget"] = {"trials": 4, "epochs": 1, "sampler": "random", "stopping": {"type": "none"}}
    return content


def test_a_search_begins_with_what_lies_in_its_space_and_goes_on_as_it_began(job, runs):
    folder, earlier = runs
    outcome = start_search(Job.model_validate(job), "", folder, LocalRunner())
    history = outcome.history
    own, *points = history.job.space.baseline
    assert own == SPACE["baseline"][0]
    for point, config in zip(points, earlier, strict=False):
        assert point["method"] == config["method"]
        assert point["lr"] == config["lr"] if 1e-3 <= config["lr"] <= 1e-1 else "lr" not in point
        assert ("length" in point) == (2 <= config["length"] <= 6)
        assert "dropout" not in point
    assert len(points) == 2
    for point, trial in zip(points, list(history.trials.values())[1:], strict=False):
        assert {name: trial.config[name] for name in point} == point
    assert begun(Job.model_validate(job), folder).header.id == history.header.id
    with pytest.raises(JournalError, match="another job"):
        begun(Job.model_validate({**job, "prior": {"searches": ["earlier"], "best": 3}}), folder)
    assert resume_search(history.header.name, folder, LocalRunner()).history.trials == history.trials
    confirmed = confirm_search(history.header.name, folder, LocalRunner(), top=1, seeds=2).history
    assert confirmed.job.prior is None
    assert len(confirmed.trials) == 2


@pytest.fixture
def in_mlflow(runs, blank_database, monkeypatch):
    """The same search in MLflow's database in the runs folder: the run of each trial, and of the search, None."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder, _ = runs
    shutil.copy(blank_database, folder / DATABASE)
    (folder / "earlier" / "leaderboard.json").write_text(
        leaderboard.as_json(History.of(read(folder / "earlier" / JOURNAL)))
    )
    found: dict[int | None, str] = {}
    sync(folder / "earlier", f"sqlite:///{folder / DATABASE}", "earlier", found.__setitem__)
    return found


def test_a_search_in_mlflow_gives_what_it_gives_on_disk(job, runs, in_mlflow, tmp_path, monkeypatch):
    folder, _ = runs
    on_disk = with_prior(prepare(Job.model_validate(job)), folder).job.space.baseline
    shutil.rmtree(folder / "earlier")
    elsewhere = Job.model_validate({**job, "prior": {"searches": [f"runs:/{in_mlflow[None]}"], "best": 2}})
    assert with_prior(prepare(elsewhere), folder).job.space.baseline == on_disk
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / DATABASE}")
    assert with_prior(prepare(elsewhere), tmp_path).job.space.baseline == on_disk


def test_what_is_no_search_in_mlflow_is_refused_by_name(job, runs, in_mlflow):
    folder, _ = runs
    for name, problem in {
        f"runs:/{in_mlflow[2]}": f"is not the run of a search; that of its search is runs:/{in_mlflow[None]}",
        "runs:/" + "0" * 32: "cannot be fetched from sqlite",
    }.items():
        with pytest.raises(TrackingError, match=f"{name} {problem}"):
            start_search(Job.model_validate({**job, "prior": {"searches": [name]}}), "", folder, LocalRunner())
    for name in ("runs:/", "runs:/a/b", "models:/triage@best", "../earlier"):
        law = refused_fields(Job.model_validate, {**job, "prior": {"searches": [name]}})["prior.searches.0"]
        assert law.endswith(f"or runs:/RUN_ID, the run of a search in MLflow, got {name!r}")


def test_what_says_nothing_of_a_space_or_is_not_there_is_refused_before_a_search_begins(job, runs):
    folder, _ = runs
    strange = {"parameters": {"method": {"value": "v2"}, "weight_decay": {"low": 0.5, "high": 0.6}}}
    with pytest.raises(SpecError, match="no configuration of earlier has a value inside this job's space"):
        with_prior(prepare(Job.model_validate({**job, "space": strange})), folder)
    with pytest.raises(NotFoundError, match="earlyer"):
        start_search(Job.model_validate({**job, "prior": {"searches": ["earlyer"]}}), "", folder, LocalRunner())
    assert [path.name for path in folder.iterdir()] == ["earlier"]


def test_published_settings_follow_earlier_searches_and_stand_in_the_journal(job, runs, monkeypatch):
    folder, _ = runs
    job["budget"]["trials"] = 6
    asked = Job.model_validate({**job, "prior": {"searches": ["earlier"], "best": 2, "published": True}})
    with pytest.raises(SpecError, match="no published setting fits kind = 'classification' on bert with 3 layers"):
        start_search(asked, "", folder, LocalRunner())
    assert [path.name for path in folder.iterdir()] == ["earlier"]
    tiny = prepare(asked).model
    known = [replace(each, model=tiny) for each in published_settings.PUBLISHED_SETTINGS if each.data == "CoNLL 2003"]
    with monkeypatch.context() as patch:
        patch.setattr(
            published_settings, "PUBLISHED_SETTINGS", [replace(each, kind="classification") for each in known]
        )
        history = start_search(asked, "", folder, LocalRunner()).history
    assert history.job.space.baseline[3:] == [{"method": "v2", "lr": 3e-2}]
    assert history.trials[3].config.items() >= {"method": "v2", "lr": 3e-2}.items()
    assert resume_search(history.header.name, folder, LocalRunner()).history.trials == history.trials
    assert begun(asked, folder).header.id == history.header.id


def test_recorded_configurations_come_last_and_stand_in_the_journal(job, runs):
    folder, _ = runs
    prior = {"searches": ["earlier"], "best": 2, "recorded": ["whose_job"]}
    job["space"] = {"parameters": {"method": {"value": "v2"}, "lr": {"low": 1e-3, "high": 1e-1, "log": True}}}
    job["space"]["parameters"]["length"] = {"low": 2, "high": 10}
    asked = Job.model_validate({**job, "prior": prior})
    history = start_search(asked, "", folder, LocalRunner()).history
    recorded = [best.point for best in recorded_points(["whose_job"], history.job.space, 3, best=2)]
    assert len(recorded) == 2
    assert history.job.space.baseline[-2:] == recorded
    for number, point in enumerate(recorded, 2):
        assert history.trials[number].config.items() >= point.items()
    assert begun(asked, folder).header.id == history.header.id
    assert resume_search(history.header.name, folder, LocalRunner()).history.trials == history.trials


def test_recorded_curves_that_do_not_fit_are_refused_before_a_search_begins(job, runs):
    folder, _ = runs
    for changes, law in {
        "table": ({"prior": {"recorded": ["whose-job"]}}, "did you mean 'whose_job'"),
        "space": (
            {"prior": {"recorded": True}, "space": {"parameters": {"length": {"value": 5}}}},
            "prior.recorded: this space has none of the better configurations recorded in sst2, whose_job",
        ),
    }.values():
        with pytest.raises((SpecError, NotFoundError), match=law):
            start_search(Job.model_validate({**job, **changes}), "", folder, LocalRunner())
    assert [path.name for path in folder.iterdir()] == ["earlier"]


def test_a_prior_names_something(job):
    for prior in ({}, {"searches": []}, {"best": 2}, {"published": False}, {"recorded": False}, {"recorded": []}):
        assert "must name searches" in refused_fields(Job.model_validate, {**job, "prior": prior})["prior"]


def test_a_grid_has_no_first_configurations(job):
    grid = {"parameters": {"method": {"choices": ["v1", "v2"]}}}
    content = {**job, "space": grid, "budget": {"sampler": "grid", "epochs": 1}}
    assert "tries every combination" in refused_fields(Job.model_validate, content)["prior"]
