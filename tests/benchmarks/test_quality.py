"""The benchmark of quality: who leads a search and what that scores, when a level is reached, and what ratios say."""

import json
import time
from itertools import pairwise
from pathlib import Path

import peft_fastest
import peft_scores
import peft_search
import pytest
import quality
import torch
from leaders import Moment, OwnLeaders, TheirLeaders, reached

from ptune.run.local import LocalRunner
from ptune.spec.job import Job
from support.small_jobs import small_job
from support.small_search import small_search


def moment(seconds, test=None, dev=0.5):
    return Moment(seconds, 0, 1, dev, {}, Path("state"), test)


def ran(search, seconds, *moments, seed=1):
    return quality.Ran("sst2", seed, search, seconds, [moment(*one) for one in moments])


def test_a_level_is_reached_when_a_leader_first_scores_it():
    moments = [moment(1.0, 0.5), moment(2.0, 0.8), moment(3.0, 0.7)]
    assert reached(moments, 0.7) == 2.0
    assert reached(moments, 0.9) is None


def test_each_leader_of_a_search_scores_what_its_own_epoch_learned(tmp_path, tiny_backbone):
    job = small_job(tmp_path / "data", tiny_backbone("bert"), trials=3)
    heard = []
    with small_search(tmp_path, job) as (prepared, conductor):
        leaders = OwnLeaders(tmp_path, tmp_path / "kept", time.time(), heard.append)
        report = conductor.report

        def watched(*arguments):
            decision = report(*arguments)
            leaders.look()
            return decision

        conductor.report = watched
        with LocalRunner().open(prepared, tmp_path) as session:
            session.train(conductor)
            own = session.conclude(conductor.history).test
    scored = leaders.score()
    best = conductor.history.best
    assert [one.dev for one in scored] == [one.dev for one in heard]
    assert (scored[-1].trial, scored[-1].epoch) == (best.number, best.best_epoch)
    assert scored[-1].test == own["accuracy"]
    assert all(later.seconds > one.seconds for one, later in pairwise(scored))


def test_only_a_better_epoch_leads_the_search_by_hand(tmp_path):
    leaders = TheirLeaders(began=100.0, heard=lambda _: None)
    for number, value in enumerate((0.5, 0.7, 0.7, 0.6, 0.8)):
        line = {
            "reported": number,
            "epoch": 1,
            "accuracy": value,
            "state": f"{number}.pt",
            "config": {"length": number},
        }
        leaders.take(line | {"time": 101.0 + number})
    leaders.take({"trial": 4, "accuracy": 0.9, "seconds": 1.0})
    scored = leaders.score(lambda config, _state: config["length"] / 10)
    assert [(one.trial, one.seconds, one.test) for one in scored] == [(0, 1.0, 0.0), (1, 2.0, 0.1), (4, 5.0, 0.4)]


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory, tiny_backbone):
    """A configuration of the search by hand, and data of which two thirds say no."""
    folder = tmp_path_factory.mktemp("data")
    rows = [f"{word}\t{'no' if number % 3 else 'yes'}" for number, word in enumerate(["red", "green", "blue"] * 16)]
    files = {split: str(folder / f"{split}.tsv") for split in ("train", "dev")}
    for file in files.values():
        Path(file).write_text("\n".join(["text\tlabel", *rows]) + "\n", encoding="utf-8")
    backbone = str(tiny_backbone("bert"))
    config = {"form": "tuned", "backbone": backbone, "gpu": False, "threads": 1, "seed": 1, "length": 4, "lr": 0.05}
    config |= {"batch": 8, "epochs": 1, "dtype": "float32", "attention": "eager"}
    return config, peft_search.tokenised("tuned", files, "text", backbone, 40)


def test_an_epoch_of_the_search_by_hand_scores_with_what_it_has_trained(tmp_path, by_hand):
    config, sets = by_hand
    model = peft_search.prompted(config, 2)
    bias = next(one for name, one in model.named_parameters() if name.endswith("default.bias"))
    for number, share in ((0, 2 / 3), (1, 1 / 3)):
        bias.data = 100.0 * torch.eye(2)[number]
        peft_search.keep(model, tmp_path / "state.pt")
        assert peft_scores.accuracy(config, sets, tmp_path / "state.pt", "dev") == pytest.approx(share)


def test_the_search_by_hand_takes_what_a_few_batches_take_least_time_with(by_hand):
    fastest, took = peft_fastest.fastest(*by_hand)
    assert len(took) == len(peft_fastest.CHOICES)
    assert took[f"{fastest['dtype']}, {fastest['attention']}"] == min(took.values())


def test_a_search_that_never_gets_there_counts_with_all_its_time():
    whole = ran(quality.WHOLE, 9.0, (2.0, 0.6), (4.0, 0.8))
    assert quality.ratio(ran(quality.RIVAL, 30.0, (8.0, 0.8)), whole, 0.8) == (2.0, True)
    assert quality.ratio(ran("ptune without engine", 12.0, (8.0, 0.7)), whole, 0.8) == (3.0, False)


def test_ratios_are_the_mean_of_seeds_and_say_where_one_never_gets_there(tmp_path):
    runs = []
    for seed, seconds, lesser in ((1, 2.0, 0.8), (2, 8.0, 0.7)):
        runs += [ran(quality.RIVAL, 30.0, (16.0, 0.8), seed=seed), ran(quality.WHOLE, 9.0, (seconds, 0.8), seed=seed)]
        runs.append(ran("ptune without sampler", 8.0, (1.0, lesser), seed=seed))
    lines = quality.conclusions(runs)
    assert lines[0] == "sst2: ptune is 4.00x as fast as PEFT, Ray Tune"
    assert lines[1] == "sst2: the whole of PEFT, Ray Tune takes 7.50x as long as ptune to its level"
    assert lines[2].endswith("both reach the level in 1 of 2 seeds")
    assert len(quality.table(runs)) == 1 + len(runs)
    options = quality._options(["--out", str(tmp_path / "quality.json")])
    content = json.loads(quality.record(runs, options).read_text(encoding="utf-8"))
    assert content["speedups"]["sst2: PEFT, Ray Tune"] == pytest.approx(4.0)
    assert (tmp_path / "quality-sst2.png").stat().st_size > 10_000


def test_both_searches_read_the_same_rows(tmp_path):
    task = quality._limited(quality.tasks(tmp_path)["whose_job"], 100, 2, tmp_path)
    whole = quality.tasks(tmp_path)["whose_job"].files["train"].read_text(encoding="utf-8").splitlines()
    head, *rows = task.files["train"].read_text(encoding="utf-8").splitlines()
    assert (head, len(rows), len(set(rows) - set(whole))) == (whole[0], 100, 0)


def test_init_is_left_out_only_where_a_job_starts_at_something_else(tmp_path, tiny_backbone):
    content = small_job(tmp_path, tiny_backbone("bert")).model_dump(mode="json")
    assert quality.starts_at_random(Job.model_validate(content))
    content["space"] = {"parameters": {"init": {"choices": ["normal", "text"]}, "lr": {"value": 0.01}}}
    assert not quality.starts_at_random(Job.model_validate(content))
    content["space"] = {"parameters": {"method": {"value": "prompt_tuning"}, "lr": {"value": 0.01}}}
    assert not quality.starts_at_random(Job.model_validate(content))
