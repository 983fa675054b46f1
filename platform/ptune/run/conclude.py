"""The end of a search, where a backbone is loaded: the best prompt exported, and scores on the test split."""

from __future__ import annotations

import logging
import statistics
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ptune.artifacts.artifact import (
    Artifact,
    Manifest,
    Provenance,
    Repeats,
    SplitDigest,
    Training,
    describe,
)
from ptune.artifacts.export import write_export
from ptune.artifacts.formats.format import Export
from ptune.artifacts.formats.registry import BY_NAME
from ptune.artifacts.origin import Origin
from ptune.artifacts.predict import Predictor
from ptune.backbone.backbone import Backbone
from ptune.data.class_weights import class_weights
from ptune.data.sources import Splits
from ptune.engine.fused import Failure
from ptune.engine.slots import Plan
from ptune.engine.state import SavedState, read, saved_epochs
from ptune.errors import ArtifactError
from ptune.prompts.learner import Learner
from ptune.record.configurations import Configuration
from ptune.record.dev_part import DEV_EXAMPLES
from ptune.record.events import Header, Metrics
from ptune.record.history import History, TrialRecord
from ptune.record.spread import Spread
from ptune.run.conclusion import ARTIFACT, Conclusion
from ptune.run.load import make_engine, pass_tokens
from ptune.run.prepare import Prepared, versions
from ptune.run.trial_states import TrialStates, state_file
from ptune.run.trials import TrialFactory
from ptune.spec.formats import FormatName
from ptune.spec.trial import TrialSpec

_LOG = logging.getLogger(__name__)


def conclude(backbone: Backbone, prepared: Prepared, history: History, folder: Path) -> Conclusion:
    """Export the best trial's prompt, as it was after its best epoch, into the search's folder; score it on test.

    Of a confirmation, also score every trial on the test split.

    Raises:
        EngineError: a trial's saved states are damaged, and it cannot be trained again.
    """
    best = history.best
    if best is None:
        return Conclusion()
    job, splits = prepared.job, prepared.splits
    artifact = best_artifact(best, backbone, prepared, history, folder)
    test = test_scores(artifact, backbone, splits, pass_tokens(job, backbone))
    if test is not None:
        artifact = artifact.scored("test", _scores(test))
    write_export(BY_NAME["native"], Export(artifact, folder / ARTIFACT))
    conclusion = _with_exports(Conclusion(artifact=folder / ARTIFACT, test=test), artifact, prepared)
    if history.header.confirms is not None:
        conclusion = replace(conclusion, tested=_score_trials(backbone, prepared, history, folder))
    return conclusion


def artifact_of(trial: TrialRecord, backbone: Backbone, prepared: Prepared, history: History, folder: Path) -> Artifact:
    """A trial's prompt as it was after its best epoch, from a saved state; damage to the last two is trained again.

    Args:
        trial: the trial.
        backbone: its backbone.
        prepared: its job and data.
        history: its search.
        folder: the search's folder.

    Raises:
        EngineError: the trial's states are damaged, and it cannot be trained again.
    """
    job = history.job
    saved = _state_of(trial, backbone, prepared, history, folder)
    drawn = _drawn(trial, prepared.splits, history)
    training = _training(trial, drawn, history)
    scores = _scores(trial.best_report)
    origin = Origin.of(backbone, job.backbone.revision).model_copy(update={"dtype": saved.dtype})
    artifact = Artifact(_manifest(trial, origin, drawn, history, training, scores), saved.best)
    return _decided(artifact, backbone, drawn, history) if job.task.decides else artifact


def best_artifact(
    best: TrialRecord, backbone: Backbone, prepared: Prepared, history: History, folder: Path
) -> Artifact:
    """What a search exports: the prompt of its best trial, trained on all folds together if the job says so.

    Raises:
        EngineError: see `artifact_of`.
    """
    make = _refitted if history.job.export.refit else artifact_of
    return make(best, backbone, prepared, history, folder)


def _refitted(trial: TrialRecord, backbone: Backbone, prepared: Prepared, history: History, folder: Path) -> Artifact:
    """A trial's configuration trained on the data of all folds, with the scores that its folds have in the mean.

    Its training is saved beside the trials' own, so that it goes on after a crash.

    Raises:
        EngineError: it cannot be trained.
    """
    configuration = _configuration_of(trial, history)
    epochs = round(statistics.median(fold.best_epoch for fold in configuration.trials))
    plan, learner = _factory(backbone, prepared, history, folder).make(trial.number, trial.config, whole=True)
    plan = replace(plan, state_path=folder / state_file(trial.number).with_stem(f"whole-{epochs}"))
    _train(plan, learner, epochs, backbone, history)
    training = _training(trial, prepared.splits, history)
    seconds = sum(report["seconds"] for report in read(plan.state_path).history)  # a crash may lie between them
    counts = {**training.examples, "dev": training.examples["train"]}
    changes = {"epochs": trial.in_epochs(epochs), "seconds": seconds, "examples": counts, "refit": True}
    origin = Origin.of(backbone, history.job.backbone.revision).model_copy(update={"dtype": plan.dtype})
    described = training.model_copy(update=changes)
    manifest = _manifest(trial, origin, prepared.splits, history, described, _scores(configuration.mean_report))
    return Artifact(manifest, learner.collapsed())


def _manifest(
    trial: TrialRecord,
    origin: Origin,
    splits: Sequence[Splits],
    history: History,
    training: Training,
    scores: dict[str, float],
) -> Manifest:
    return describe(
        TrialSpec.from_config(trial.config),
        history.job.task,
        origin,
        labels=[data.labels for data in splits],
        versions=versions(),
        scores={"dev": scores},
        search=history.job.name,
        trial=trial.number,
        seed=history.job.seed,
        training=training,
        provenance=_provenance(history.header, trial),
    )


def _decided(artifact: Artifact, backbone: Backbone, drawn: Sequence[Splits], history: History) -> Artifact:
    """The artifact with the thresholds that the trial's own dev split decides."""
    budget = pass_tokens(history.job, backbone)
    return artifact.deciding(Predictor(artifact, backbone).decided([data.dev for data in drawn], budget))


def _state_of(trial: TrialRecord, backbone: Backbone, prepared: Prepared, history: History, folder: Path) -> SavedState:
    """The state of a trial that holds the learner of its best epoch."""
    saved, problems = TrialStates(folder).best(trial)
    if saved is None:
        _LOG.warning("ptune: trial %d is trained again: %s", trial.number, problems[0])
        return _train_again(trial, backbone, prepared, history, folder)
    if problems:
        _LOG.warning("ptune: an earlier state of trial %d is taken: %s", trial.number, problems[0])
    return saved


def _train_again(
    trial: TrialRecord, backbone: Backbone, prepared: Prepared, history: History, folder: Path
) -> SavedState:
    """Train a trial as far as the journal knows it, from its last sound state; what it reported at first stays there.

    A state of later reports goes on with the trial when its search does. It stays where it is, and the trial is trained
    beside it, from its start.

    Returns:
        The state that it comes to.

    Raises:
        EngineError: it cannot be trained.
    """
    plan, learner = _factory(backbone, prepared, history, folder).make(trial.number, trial.config)
    if saved_epochs(plan.state_path) > trial.epoch:
        plan = replace(plan, state_path=plan.state_path.with_stem(f"again-{trial.epoch}"))
    _train(plan, learner, trial.epoch, backbone, history)
    return read(plan.state_path)


def _factory(backbone: Backbone, prepared: Prepared, history: History, folder: Path) -> TrialFactory:
    return TrialFactory(history.job, prepared.splits, backbone, folder, prepared.start)


def _train(plan: Plan, learner: Learner, epochs: int, backbone: Backbone, history: History) -> None:
    """Train a learner in place to so many epochs, from its last sound state.

    Raises:
        EngineError: it cannot be trained.
    """
    engine = make_engine(history.job, backbone)
    engine.join(plan, learner)
    engine.advance(plan.trial, epochs)
    while engine.busy:
        for outcome in engine.step():
            if isinstance(outcome, Failure):
                raise outcome.error


def test_scores(
    artifact: Artifact, backbone: Backbone, splits: Sequence[Splits], most_tokens: int
) -> dict[str, float] | None:
    """Metrics on the test split of the artifact as people will load it; None unless all data sets have one."""
    tests = [data.test for data in splits if data.test is not None]
    if len(tests) < len(splits):
        return None
    return Predictor(artifact, backbone).measure(tests, most_tokens)


def _drawn(trial: TrialRecord, splits: Sequence[Splits], history: History) -> list[Splits]:
    """The data sets as a trial saw them."""
    job, number = history.job, TrialSpec.from_config(trial.config).protocol.split
    sets = zip(job.task.sets, splits, strict=True)
    return [of_set.draw(data, job.drawing_seed, number) for data, of_set in sets]


def _training(trial: TrialRecord, drawn: Sequence[Splits], history: History) -> Training:
    """What a trial cost, and how much its scores rest on, with the data that it saw."""
    job, best, spec = history.job, trial.best_report, TrialSpec.from_config(trial.config)
    weights = {
        name: class_weights(data, of_set.train, of_set.labels)
        for name, data, of_set in zip(job.task.set_names, job.task.sets, drawn, strict=True)
    }
    counts = {
        "train": sum(len(data.train) for data in drawn),
        "dev": trial.dev_examples or sum(len(data.dev) for data in drawn),
        "test": sum(len(data.test) for data in drawn if data.test is not None),
    }
    return Training(
        epochs=trial.trained_epochs,
        seconds=sum(report.get("seconds", 0.0) for report in trial.reports),
        parameters=int(best.get("trainable_parameters", 0)),
        trials=len(history.configurations() if history.job.task.folds > 1 else history.ranked()),
        examples={split: count for split, count in counts.items() if count},
        label_smoothing=spec.recipe.label_smoothing,
        class_weights={name: of_set for name, of_set in weights.items() if of_set},
        repeats=_repeats(trial, history),
    )


def _provenance(header: Header, trial: TrialRecord) -> Provenance:
    """What everybody may know of the search who is given its prompt."""
    return Provenance(
        search_id=header.id,
        begun=datetime.fromtimestamp(header.time, UTC),
        commit=header.origin.commit if header.origin else None,
        data={name: SplitDigest(digest=split.digest, rows=split.rows) for name, split in header.data.items()},
        start=header.start,
        inherited=trial.inherited,
    )


def _repeats(trial: TrialRecord, history: History) -> dict[str, Repeats]:
    """The scores of all folds, or of all repetitions of a confirmation's configuration; none of other searches."""
    if history.header.confirms is None and history.job.task.folds == 1:
        return {}
    configuration = _configuration_of(trial, history)
    metric = history.objective.metric
    tested = [repeat.test[metric] for repeat in configuration.trials if repeat.test and metric in repeat.test]
    spreads = {"dev": configuration.spread} | ({"test": Spread.of(tested)} if tested else {})
    return {split: Repeats(mean=found.mean, sd=found.sd, n=found.n) for split, found in spreads.items()}


def _configuration_of(trial: TrialRecord, history: History) -> Configuration:
    return next(found for found in history.configurations() if trial in found.trials)


def _with_exports(conclusion: Conclusion, artifact: Artifact, prepared: Prepared) -> Conclusion:
    """Write the further formats too. A refusal is no error: only here, at the end, is it known which prompt is best."""
    native = conclusion.artifact
    assert native is not None, "the native format is written first"
    exports: dict[FormatName, Path] = {}
    refused: dict[FormatName, str] = {}
    dev = [data.dev for data in prepared.splits]
    for name in prepared.job.export.formats:
        if name == "native":
            continue
        target = native.with_name(f"{ARTIFACT}-{name}")
        try:
            exports[name] = write_export(BY_NAME[name], Export(artifact, target, dev=lambda: dev)).folder
        except ArtifactError as error:
            refused[name] = str(error)
    return replace(conclusion, exports=exports, refused=refused)


def _score_trials(
    backbone: Backbone, prepared: Prepared, history: History, folder: Path
) -> dict[int, dict[str, float]]:
    """Test scores of the trials that have none yet; empty without a test split."""
    job, splits = prepared.job, prepared.splits
    scored: dict[int, dict[str, float]] = {}
    budget = pass_tokens(job, backbone)
    for trial in sorted(history.ranked(), key=lambda trial: trial.number):
        if trial.test is None:
            artifact = artifact_of(trial, backbone, prepared, history, folder)
            scores = test_scores(artifact, backbone, splits, budget)
            if scores is None:  # the job names no test split
                return {}
            scored[trial.number] = scores
    return scored


_NO_SCORES = {
    DEV_EXAMPLES,
    "train_loss",
    "lr",
    "seconds",
    "own_seconds",
    "training_memory_mb",
    "peak_memory_mb",
    "trainable_parameters",
    "backbone_share",
    "prompt_moved",
}


def _scores(metrics: Metrics) -> dict[str, float]:
    """The metrics that say how good a prompt is, without those of the training and of how much of dev they are of."""
    return {name: value for name, value in metrics.items() if name not in _NO_SCORES}
