"""A prompt finds entities that a linear head alone misses: WNUT17 on the packaged backbone."""

import pytest

from ptune.engine.fused import Engine
from ptune.run.load import load_job_backbone
from ptune.run.prepare import prepare
from ptune.run.trials import TrialFactory
from ptune.spec.job import Job
from support.worlds import finish

EPOCHS = 2
PROMPT = {"method": "v2", "length": 16, "depth": 3, "lr": 2e-2, "batch_size": 8}
HEAD = {"method": "head", "lr": 3e-2, "batch_size": 8}  # at 1e-2 it learns less


@pytest.mark.slow
def test_a_prompt_finds_entities_that_a_linear_head_misses(shared_data, minilm, tmp_path):
    folder = shared_data / "wnut17"
    data = {"train": str(folder / "wnut17train.conll"), "dev": str(folder / "emerging.dev.conll")}
    job = Job.model_validate(
        {
            "name": "wnut17",
            "seed": 3,
            "backbone": {"id": str(minilm), "dtype": "float32"},
            "task": {"kind": "tokens", "data": {**data, "limit_train": 400, "limit_dev": 200, "max_length": 64}},
            "space": {"parameters": {"method": {"choices": ["v2", "head"]}}},
            "budget": {"trials": 2, "epochs": EPOCHS},
            "resources": {"device": "cpu"},
        }
    )
    backbone = load_job_backbone(job)
    factory = TrialFactory(job, prepare(job).splits, backbone, tmp_path)
    best = []
    for number, config in enumerate([PROMPT, HEAD]):
        engine = Engine(backbone, token_budget=8_192)
        engine.join(*factory.make(number, config))
        engine.advance(number, EPOCHS)
        reports = finish(engine)  # each by itself: beside a prompt, the head's rows would share its backward pass
        best.append(max(report.metrics["f1"] for report in reports))
        assert reports[-1].metrics["majority_baseline"] == 0.0
    assert best[0] > 0.28
    assert best[0] > 1.2 * best[1]
