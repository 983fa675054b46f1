"""An engine's memory, estimated before it is there: it grows with what takes memory, and holds what is measured."""

import pytest
import torch

from ptune.backbone import budget
from ptune.backbone.load import load_backbone
from ptune.backbone.profile import read_profile
from ptune.checks.memory import engine_bytes
from support.small_jobs import small_job


def changed(job, **tables):
    """A job with other values in some of its tables."""
    return type(job).model_validate(
        {**job.model_dump(), **{name: {**job.model_dump()[name], **values} for name, values in tables.items()}}
    )


@pytest.mark.parametrize(
    "more",
    [
        {"resources": {"slots": 40}},
        {"resources": {"token_budget": 10**6}},
        {"space": {"parameters": {"method": [{"value": "head"}], "backbone_lr": [{"value": 1e-4}]}, "baseline": []}},
    ],
    ids=["slots", "token budget", "tuned backbones"],
)
def test_what_takes_memory_counts(more, tiny_backbone, tmp_path):
    job = small_job(tmp_path, tiny_backbone("bert"))
    if "space" in more:
        job = changed(job, space={"parameters": {"method": [{"value": "head"}]}, "baseline": []})
        more = {"space": {"baseline": [], **more["space"]}}
    profile = read_profile(tiny_backbone("bert"))
    assert engine_bytes(changed(job, **more), profile) > engine_bytes(job, profile)


def test_a_layers_saved_states_are_estimated_well(minilm, tmp_path):
    backbone = load_backbone(str(minilm), dtype="float32")
    pass_bytes = {}
    for tokens in (10**5, 2 * 10**5):
        job = changed(small_job(tmp_path / str(tokens), minilm), resources={"token_budget": tokens})
        pass_bytes[tokens] = engine_bytes(job, read_profile(minilm))
    estimated = (pass_bytes[2 * 10**5] - pass_bytes[10**5]) / 10**5
    assert 0.5 < estimated / budget._saved_per_token(backbone) < 2
    assert backbone.dtype == torch.float32
