"""Searches that really train, with learning rates at which training cannot work."""

import pytest

from ptune.diagnosis.diagnose import diagnose
from ptune.run.local import LocalRunner
from support.small_search import small_job, small_search


def diagnoses(folder, backbone, method, low, high):
    """What is said of a search over one method and some learning rates, by kind."""
    lr = {"low": low, "high": high, "log": True}
    parameters = {"method": {"value": method}, "length": {"low": 2, "high": 6}, "batch_size": {"value": 8}, "lr": lr}
    folder.mkdir(exist_ok=True)
    job = small_job(folder, backbone, parameters=parameters, trials=2, epochs=1)
    with small_search(folder, job) as (prepared, conductor), LocalRunner().open(prepared, folder) as session:
        session.train(conductor)
    return {diagnosis.kind: diagnosis for diagnosis in diagnose(conductor.history)}


@pytest.mark.parametrize("method", ["v1", "v2"])
def test_rates_near_zero_leave_prompts_where_they_were_and_those_that_are_advised_move_them(
    tmp_path, tiny_backbone, method
):
    found = diagnoses(tmp_path / "first", tiny_backbone("bert"), method, 1e-8, 1e-7)
    assert list(found) == ["standstill"]
    standstill = found["standstill"]
    assert (standstill.severity, standstill.trials) == ("problem", [0, 1])
    assert 0.0 < standstill.evidence["farthest"] < 1e-3
    low, high = (float(part.partition("=")[2]) for part in standstill.typed.partition("{")[2].split(", ")[:2])
    assert 1e-4 < low < high
    assert "standstill" not in diagnoses(tmp_path / "then", tiny_backbone("bert"), method, low, high)


@pytest.mark.parametrize("method", ["v1", "v2"])
def test_rates_beyond_all_measure_give_losses_that_are_not_finite_or_learn_nothing(tmp_path, tiny_backbone, method):
    found = diagnoses(tmp_path, tiny_backbone("bert"), method, 1e30, 1e32)
    assert list(found) in (["divergence"], ["majority"])
    (diagnosis,) = found.values()
    assert diagnosis.severity == "problem"
    assert diagnosis.typed == "--set 'space.parameters.lr={low=0.001, high=0.1, log=true}'"
