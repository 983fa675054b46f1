import random
import statistics

import pytest

from ptune.record.events import DataSource
from ptune.record.standard_error import standard_error
from ptune.spec.job import Job
from support.made_headers import header_of


def header(rows, metric="accuracy", kind="classification", more=None, **data):
    task = {"kind": kind, "metric": metric, "data": {"source": "builtin:none", **data}}
    task |= {} if more is None else {"more": more}
    job = {
        "name": "made",
        "backbone": {"id": "none"},
        "task": task,
        "space": {"parameters": {"lr": {"value": 0.01}}},
        "budget": {"trials": 4, "epochs": 3},
    }
    sources = {name: DataSource("builtin:none", "b" * 64, count) for name, count in rows.items()}
    return header_of(Job.model_validate(job), data=sources)


def test_it_is_how_far_the_score_of_a_drawn_split_varies():
    rng = random.Random(0)
    drawn = [sum(rng.random() < 0.8 for _ in range(164)) / 164 for _ in range(4000)]
    stated = standard_error(header({"dev": 164}), {"accuracy": 0.8})
    assert stated == pytest.approx(statistics.stdev(drawn), rel=0.05)
    assert stated == pytest.approx(0.031, abs=0.0005)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_perfect_score_of_few_examples_is_not_certain(share):
    assert standard_error(header({"dev": 20}), {"accuracy": share}) > 0.04


def test_each_split_has_its_own():
    both = header({"dev": 50, "test": 5000})
    assert standard_error(both, {"accuracy": 0.7}, "test") < standard_error(both, {"accuracy": 0.7}) / 9
    assert standard_error(header({"dev": 50}), {"accuracy": 0.7}, "test") is None


def test_a_mean_over_data_sets_has_that_of_independent_shares():
    joint = header({"dev.a": 100, "dev.b": 100}, name="a", more=[{"source": "builtin:none", "name": "b"}])
    alone = standard_error(header({"dev": 100}), {"accuracy": 0.6})
    assert standard_error(joint, {"accuracy": 0.6, "accuracy.a": 0.6, "accuracy.b": 0.6}) == pytest.approx(
        alone / 2**0.5
    )
    assert standard_error(joint, {"accuracy": 0.6, "accuracy.a": 0.6}) is None


@pytest.mark.parametrize("metric", ["macro_f1", "matthews", "loss", "accuracy+macro_f1"])
def test_nothing_is_said_of_what_is_no_share_of_examples(metric):
    assert standard_error(header({"dev": 100}, metric=metric), {metric: 0.6}) is None


def test_nothing_is_said_where_examples_come_in_groups():
    assert standard_error(header({"dev": 100}, group="question"), {"accuracy": 0.6}) is None


def test_facts_that_were_left_out_do_not_count():
    asked, fewer = (
        header({"dev": rows}, "p_at_1", "cloze", template="{text} [MASK]", text=["text"]) for rows in (100, 40)
    )
    left = standard_error(fewer, {"p_at_1": 0.3, "dropped": 0.0})
    assert standard_error(asked, {"p_at_1": 0.3, "dropped": 60.0}) == left
