"""The two forms of the search by hand differ as they say, and both searches of ptune have a counterpart."""

import argparse
from pathlib import Path

import against_peft
import peft_search
import pytest

from ptune.spec.load import load_job

SHORT, LONG = "a fine film", "not one moment of it rings true and none of it is ever funny"


def lengths(form, backbone):
    from transformers import AutoTokenizer

    encoded = AutoTokenizer.from_pretrained(backbone)([SHORT, LONG], **peft_search.tokenizing(form))
    return [len(ids) for ids in encoded["input_ids"]]


def options(**changed):
    given = {"data": Path("/data"), "trials": 8, "epochs": 3, "limit": 2000, "backbone": "packaged:minilm"}
    given |= dict.fromkeys(["engines", "slots", "concurrent", "plain_trials"])
    return argparse.Namespace(**given | changed)


def test_the_plain_form_pads_every_row_and_the_tuned_form_none(minilm):
    assert lengths("plain", minilm) == [peft_search.LONGEST] * 2
    short, long = lengths("tuned", minilm)
    assert short < long < peft_search.LONGEST


def test_the_tuned_form_trains_in_bfloat16_on_rows_of_similar_length(tmp_path):
    from transformers import TrainingArguments

    plain, tuned = (
        TrainingArguments(output_dir=str(tmp_path), **peft_search.training(form, gpu=False, lr=0.01, epochs=3))
        for form in ("plain", "tuned")
    )
    assert (tuned.bf16, tuned.train_sampling_strategy) == (True, "group_by_length")
    assert (plain.bf16, plain.train_sampling_strategy) == (False, "random")


def test_the_forms_differ_in_nothing_else():
    plain, tuned = (peft_search.training(form, gpu=True, lr=0.01, epochs=3) for form in ("plain", "tuned"))
    assert {name for name in tuned if tuned[name] != plain.get(name)} == {"bf16", "train_sampling_strategy"}
    assert plain["per_device_train_batch_size"] == peft_search.BATCH
    assert not plain["use_cpu"]


def test_the_tuned_form_takes_the_faster_attention_of_the_device():
    assert peft_search.loading("plain", gpu=False) == {}
    assert peft_search.loading("tuned", gpu=False) == {"dtype": "bfloat16", "attn_implementation": "eager"}
    assert peft_search.loading("tuned", gpu=True)["attn_implementation"] == "sdpa"


@pytest.mark.parametrize(
    ("machine", "resources"),
    [
        ({"gpus": 0, "cores": 2, "concurrent": 2}, {"cpu": 1}),
        ({"gpus": 0, "cores": 2, "concurrent": 1}, {"cpu": 2}),
        ({"gpus": 1, "cores": 16, "concurrent": 4}, {"cpu": 4, "gpu": 0.25}),
        ({"gpus": 2, "cores": 4, "concurrent": 8}, {"cpu": 1, "gpu": 0.25}),
    ],
)
def test_trials_share_cores_and_gpus(machine, resources):
    given = peft_search.scheduling("tuned", **machine)
    assert given == {"resources": resources, "reuse_actors": True}
    assert not peft_search.scheduling("plain", **machine)["reuse_actors"]


def test_the_searches_of_ptune_differ_in_depth_alone():
    jobs = {run: load_job(against_peft.HERE / file) for run, file in against_peft.JOBS.items()}
    spaces = {run: set(job.space.parameters) for run, job in jobs.items()}
    assert spaces["depth"] - spaces["all-layers"] == {"depth", "positions"}
    assert list(jobs["depth"].space.parameters["depth"][0].choices) == against_peft.depths(6)
    assert {(job.budget.trials, job.budget.epochs, job.seed) for job in jobs.values()} == {(8, 3, 1)}


def test_the_depths_follow_the_backbone():
    assert against_peft.depths(6) == [1, 2, 3]
    assert against_peft.depths(24) == [4, 8, 12]
    assert against_peft.depths(2) == [1]


@pytest.mark.parametrize("run", against_peft.NAMES)
def test_every_run_has_the_same_trials_epochs_and_sentences(run):
    words = " ".join(against_peft.command(run, options(trials=5, epochs=2, limit=64))).replace("=", " ")
    assert all(f"{name} {value} " in f"{words} " for name, value in (("trials", 5), ("epochs", 2)))
    assert " 64" in words
    assert "/data" in words


def test_ptune_is_given_engines_and_slots_only_when_asked():
    assert not [word for word in against_peft.command("depth", options()) if word.startswith("resources")]
    asked = against_peft.command("depth", options(engines=2, slots=8))
    assert {"resources.engines=2", "resources.slots=8"} <= set(asked)


def test_ratios_are_of_the_time_of_a_trial():
    assert against_peft.trials("plain", options(plain_trials=2)) == 2
    assert against_peft.trials("tuned", options(plain_trials=2)) == 8
    measured = {"depth": {"trial_s": 2.0}, "plain": {"trial_s": 9.0}}
    assert against_peft.speedups(measured) == {"depth/plain": 4.5}
