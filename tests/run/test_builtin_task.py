"""The built-in task discriminates: on the packaged backbone a prompt learns what a head alone cannot."""

from dataclasses import replace

import pytest

from ptune.backbone.cache import StateCache
from ptune.backbone.load import load_backbone
from ptune.engine.fused import Engine
from ptune.run.load import pass_tokens
from ptune.run.trials import TrialFactory
from ptune.spec.job import Job

JOB = {
    "name": "builtin",
    "seed": 7,
    "backbone": {"id": "packaged:minilm"},
    "task": {"data": {"source": "builtin:whose_job", "max_length": 64}},
    "space": {"parameters": {"method": {"value": "v2"}}},
    "budget": {"trials": 1, "epochs": 4},
}
PROMPT = {"method": "v2", "length": 10, "lr": 0.05, "batch_size": 16, "warmup": 0.06}
HEADS = [{"method": "head", "lr": lr, "batch_size": 16} for lr in (0.003, 0.03)]


@pytest.mark.slow
def test_a_prompt_is_ten_points_above_a_head_and_does_not_saturate(tmp_path):
    from ptune.data.sources import load_splits

    job = Job.model_validate(JOB)
    backbone = replace(load_backbone(job.backbone.id), cache=StateCache(tmp_path / "states", 10**9))
    factory = TrialFactory(job, [load_splits(job.task.data, job.seed)], backbone, tmp_path)
    engine = Engine(backbone, pass_tokens(job, backbone))
    for number, config in enumerate([PROMPT, *HEADS]):
        engine.join(*factory.make(number, config))
        engine.advance(number, job.budget.epochs)
    best = {}
    while engine.busy:
        for report in engine.step():
            best[report.trial] = max(best.get(report.trial, 0.0), report.metrics["accuracy"])
    assert best[0] >= max(best[1], best[2]) + 0.10
    assert best[0] < 0.95
