"""A job's backbone is loaded with the fast paths that the job switches on and its device has."""

import pytest

from ptune.run.load import load_job_backbone
from ptune.spec.job import Job


@pytest.fixture
def job(tiny_backbone):
    """A job on a tiny BERT whose attention, too, is to compute without padding."""
    return Job.model_validate(
        {
            "name": "paths",
            "backbone": {"id": str(tiny_backbone("bert")), "dtype": "bfloat16"},
            "task": {"data": {"source": "builtin:none"}},
            "space": {"parameters": {"method": {"value": "v2"}}},
            "budget": {"trials": 1, "epochs": 1},
            "resources": {"unpadded": True, "unpadded_attention": True},
        }
    )


def test_cpus_leave_the_kernel_of_gpus_out(job):
    backbone = load_job_backbone(job, "cpu")
    assert backbone.unpadded
    assert backbone.kernel is None
