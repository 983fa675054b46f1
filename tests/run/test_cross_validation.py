"""Cross-validation in a real search: folds of each configuration, the best mean, and one prompt of all data."""

import io
import shutil

import pytest
import torch

from ptune.api.export import of_search
from ptune.engine.state import read as saved_state
from ptune.report.leaderboard import as_json
from ptune.report.summary import print_summary
from ptune.run.local import LocalRunner
from ptune.run.search import resume_search, start_search
from ptune.spec.job import Job
from support.small_jobs import small_job


@pytest.fixture
def job(tiny_backbone, tmp_path):
    content = small_job(tmp_path / "data", tiny_backbone("bert")).model_dump()
    content["task"]["data"] |= {"folds": 3, "dev": "dev"}
    content["budget"] = {"trials": 2, "epochs": 2, "stopping": {"type": "none"}}
    content["export"] = {"refit": True}
    content["tracking"] = {"type": "none"}
    return content


def printed(outcome) -> str:
    stream = io.StringIO()
    print_summary(stream, outcome, [])
    return stream.getvalue()


def test_every_configuration_is_trained_on_every_fold_and_the_best_on_all(job, runs):
    outcome = start_search(Job.model_validate(job), "", runs, LocalRunner())
    history = outcome.history
    assert [trial.config["split"] for trial in history.trials.values()] == [0, 1, 2] * 2
    best = history.leading
    assert f"{best.spread.mean:.4f} ± {best.spread.sd:.4f} over 3 folds" in printed(outcome)
    numbers = ", ".join(str(trial.number) for trial in best.trials)
    assert f"· trials {numbers}: " in printed(outcome)
    assert "split 0" not in printed(outcome).split("\n\n", 1)[0], "the headline is of all folds"
    assert '"sd"' in as_json(history)

    exported = of_search(outcome.folder, history, None).artifact
    manifest = exported.manifest
    assert manifest.training.refit
    assert manifest.training.examples == {"train": 40, "dev": 40, "test": 30}
    assert manifest.scores["dev"]["accuracy"] == pytest.approx(best.spread.mean)
    assert manifest.training.repeats["dev"].n == 3
    assert "test" in manifest.scores
    card = (outcome.folder / "artifact" / "README.md").read_text()
    assert "trained on all folds together" in card
    assert "Over 3 trials, each without one fold" in card

    whole = outcome.folder / "trials" / f"{history.best.number:04d}" / f"whole-{manifest.training.epochs}.safetensors"
    took = sum(report["seconds"] for report in saved_state(whole).history)
    assert manifest.training.seconds == pytest.approx(took)

    other = next(trial.number for trial in history.trials.values() if trial.number != history.best.number)
    fold = of_search(outcome.folder, history, other).artifact.manifest
    assert not fold.training.refit
    assert fold.training.examples["train"] in (26, 27)

    journal = outcome.folder / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    begun = next(number for number, line in enumerate(lines) if '"suggested"' in line and '"split": 1' in line)
    journal.write_text("".join(lines[: begun + 1]))
    for folder in ("trials", "artifact"):
        shutil.rmtree(outcome.folder / folder)
    resumed = resume_search(outcome.name, runs, LocalRunner())
    assert [trial.config for trial in resumed.history.trials.values()] == [
        trial.config for trial in history.trials.values()
    ]
    again = of_search(resumed.folder, resumed.history, None).artifact
    assert again.manifest.training.refit
    shutil.rmtree(outcome.folder / "artifact")
    refitted = of_search(resumed.folder, resumed.history, None).artifact.manifest.training
    assert refitted.seconds == again.manifest.training.seconds, "what was trained before counts, too"
    for name, tensor in exported.tensors.items():
        torch.testing.assert_close(again.tensors[name], tensor, rtol=1e-3, atol=1e-4)
