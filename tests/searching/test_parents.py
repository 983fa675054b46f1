"""Trials that inherit: from the best one at rest whose prompt fits, by the journal, and marked wherever it is shown."""

import io
import json

import pytest
from rich.console import Console

from ptune.errors import EngineError
from ptune.record.events import Suggested
from ptune.record.history import History
from ptune.record.journal import Journal, read
from ptune.record.requests import Clone, Request
from ptune.report import leaderboard
from ptune.report.findings import findings
from ptune.report.tables import trial_table
from ptune.searching.conductor import Conductor
from ptune.searching.simulate import simulate
from ptune.spec.inherited import Inherited
from ptune.tracking.projection import Projection
from support.made_headers import header_of
from support.refusals import refused_fields
from support.simulated import LAYERS, curve, make_job, start

SMALL = {"method": "v2", "length": 8, "encoder": "embedding", "depth": 6, "dropout": 0.0, "lr": 0.02}
POINTS = [SMALL, {**SMALL, "lr": 0.01}, {**SMALL, "length": 4, "depth": 8}, {**SMALL, "length": 16, "depth": 12}]


def job_of(points=POINTS, *, inherit=True, **options):
    space = {**make_job().space.model_dump(), "baseline": points}
    options = {"epochs": 2, "stopping": {"type": "none"}, **options}
    return make_job(trials=len(points), space=space, limits={"inherit": inherit}, **options)


def finish(conductor, *values):
    """Train the next trial to its end."""
    turn = conductor.next_turn()
    for epoch, value in enumerate(values, 1):
        conductor.report(turn.trial, epoch, {"accuracy": value, "loss": 0.5}, "state")
    return conductor.history.trials[turn.trial].inherited


def test_a_trial_begins_from_the_best_at_rest_that_fits(path):
    conductor = start(job_of(), path)
    inherited = [finish(conductor, 0.6, 0.5), finish(conductor, 0.6, 0.8), finish(conductor, 0.9, 0.9)]
    assert inherited == [None, Inherited(0, 1, 1), None]  # the third is deeper and shorter than those before
    assert finish(conductor, 0.7, 0.7) == Inherited(2, 1, 1)
    assert read(path)[-4].trial == 3


def test_epochs_of_a_whole_line_of_parents_count(path):
    conductor = start(job_of([SMALL, {**SMALL, "lr": 0.01}, {**SMALL, "length": 9}]), path)
    finish(conductor, 0.5, 0.6)
    finish(conductor, 0.6, 0.7)
    assert finish(conductor, 0.7, 0.7) == Inherited(1, 2, 4)


def test_what_a_warm_clone_had_learned_before_counts(path):
    conductor = start(job_of([SMALL, {**SMALL, "length": 9}, {**SMALL, "length": 10}]), path)
    finish(conductor, 0.5, 0.6)
    conductor.answer(Request.to(Clone(0, {"lr": 0.01}, warm=True)))
    conductor.answer(Request.to(Clone(0, {"lr": 0.005})))
    assert finish(conductor, 0.7, 0.6) is None
    assert [finish(conductor, 0.1, 0.1), finish(conductor, 0.9, 0.6)] == [None, Inherited(1, 1, 3)]
    assert finish(conductor, 0.1, 0.1) == Inherited(3, 1, 4)
    assert History.of(read(path)).trials[1].learned_epochs == 3


def test_parts_of_epochs_add_up_to_what_people_read(path):
    space = {**make_job().space.model_dump(), "baseline": [{**SMALL, "length": length} for length in (8, 9, 10)]}
    limits = {"inherit": True, "report_every": "0.1 epochs"}
    conductor = start(make_job(trials=3, epochs=1, stopping={"type": "none"}, space=space, limits=limits), path)
    finish(conductor, 0.6, *[0.5] * 9)
    finish(conductor, 0.5, 0.9, *[0.5] * 8)
    assert finish(conductor, 0.5) == Inherited(1, 0.2, 0.3)


def test_a_trial_that_trains_is_no_parent(path):
    conductor = start(job_of(), path)
    first, second = conductor.next_turn(), conductor.next_turn()
    conductor.report(first.trial, 1, {"accuracy": 0.6, "loss": 0.5}, "state")
    assert conductor.history.trials[second.trial].inherited is None
    conductor.next_turn()
    assert conductor.history.trials[2].inherited is None


def test_nothing_is_inherited_unless_the_job_says_so(path):
    conductor = start(job_of(inherit=False), path)
    assert [finish(conductor, 0.6, 0.5) for _ in POINTS] == [None] * 4
    assert b"inherits" not in path.read_bytes()


def test_what_users_ask_for_is_theirs(path):
    conductor = start(job_of(POINTS[:1]), path)
    finish(conductor, 0.6, 0.5)
    conductor.answer(Request.to(Clone(0, {"lr": 0.01})))
    assert finish(conductor, 0.6, 0.5) is None


def test_a_damaged_parent_is_passed_over(path):
    def keep(parent, trial):
        kept.append((parent.number, trial))
        if parent.number == 1:
            raise EngineError("damaged")

    kept = []
    writer = Journal(path)
    conductor = Conductor(writer, [writer.append(header_of(job_of(), LAYERS))], keep)
    finish(conductor, 0.6, 0.5)
    finish(conductor, 0.6, 0.8)
    finish(conductor, 0.4, 0.4)
    assert finish(conductor, 0.7, 0.7) == Inherited(0, 1, 1)
    assert kept == [(0, 1), (1, 3), (0, 3)]


def test_a_resumed_search_inherits_as_one_that_was_never_interrupted(path):
    job = make_job(trials=12, limits={"inherit": True}, sampler="random", seed=3)
    whole = start(job, path)
    simulate(whole, curve, slots=1)
    events = read(path)
    assert any(event.inherits for event in events if isinstance(event, Suggested))
    for cut in range(1, len(events), 9):
        again = path.with_name(f"{cut}.jsonl")
        writer = Journal(again)
        conductor = Conductor(writer, [writer.append(event) for event in events[:cut]])
        simulate(conductor, curve, slots=1)
        found = [History.of(read(part)).trials for part in (path, again)]
        assert [trial.inherited for trial in found[0].values()] == [trial.inherited for trial in found[1].values()]
        writer.close()


def test_it_is_marked_wherever_it_is_shown(path):
    conductor = start(job_of(), path)
    for value in (0.6, 0.7, 0.5, 0.8):
        finish(conductor, value, value)
    history = conductor.history
    content = {row["trial"]: row for row in json.loads(leaderboard.as_json(history))["trials"]}
    assert (content[3]["inherits"], content[3]["inherited_epochs"]) == (1, 2)
    assert "inherits" not in content[0]
    assert "inherits,inherited_epochs" in leaderboard.as_csv(history).splitlines()[0]
    for width, mark in ((200, "trial 1"), (60, "inherits trial 1")):
        console = Console(file=io.StringIO(), width=width)
        console.print(leaderboard.table(history, width))
        assert mark in console.file.getvalue()
    report = findings(history, {}, [], "interrupted")
    assert report.inherited == Inherited(1, 1, 2)
    assert "inherits" in trial_table(report)
    assert any(note.startswith("2 of 4 trials began with the prompt of another") for note in report.notes)
    projection = Projection()
    for event in read(path):
        projection.apply(event)
    tags = projection.runs[3].tags
    assert (tags["ptune.inherits"], tags["ptune.inherited_epochs"]) == ("1", "2")
    assert projection.runs[3].name.endswith("inherits trial 1")
    assert "ptune.inherits" not in projection.runs[0].tags


def test_folds_do_not_inherit():
    [(place, law)] = refused_fields(job_of, [SMALL], folds=2).items()
    assert place == "budget.inherit"
    assert law.startswith("with folds, a prompt that is inherited")


@pytest.mark.parametrize("inherited", [Inherited(0, 1, 1), Inherited(0, 2, 3)])
def test_its_words_count_epochs(inherited):
    epochs = "1 epoch" if inherited.epochs == 1 else "3 epochs"
    assert inherited.told == f"the prompt of trial 0, trained for {epochs}"
