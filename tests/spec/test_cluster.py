"""What a job may say of a cluster."""

import pytest

from ptune.errors import SpecError
from ptune.spec.cluster import Cluster, is_secret
from ptune.spec.load import load_job
from support.tiny_job import write_job


def test_a_cluster_needs_nothing_said():
    assert Cluster().upload_mb == 32.0


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("pip = ['torch']\nuv = ['torch']", "[cluster].uv: state pip or uv, not both, got 1 and 1 of them"),
        ("env = ['HF_TOKEN']", "[cluster.env].1: would be shown by Ray; name it in secrets, got 'HF_TOKEN'"),
        ("env = ['A']\nsecrets = ['A']", "[cluster.env].1: would be shown by Ray; name it in secrets, got 'A'"),
        ("secrets = ['NOT A NAME']", "[cluster.secrets].1: String should match pattern"),
        ("shared = ['data']", "[cluster.shared].1: must be an absolute path, the same on every node, got 'data'"),
        ("upload_mb = 500.0", "[cluster].upload_mb: Input should be less than or equal to 90, got 500.0"),
        ("pips = []", "[cluster].pips: unknown key; did you mean 'pip'?"),
        (
            "pip = ['--index-url https://ann:secret@h']",
            "[cluster.pip].1: must hold no password, which the cluster would show, got '--index-url https://ann:***@h'",
        ),
    ],
)
def test_a_broken_law_is_told_with_its_place(tmp_path, table, problem):
    with pytest.raises(SpecError) as refused:
        load_job(write_job(tmp_path, f"\n[cluster]\n{table}\n"))
    assert problem in str(refused.value)


def test_secrets_are_known_by_their_names():
    assert all(map(is_secret, ["HF_TOKEN", "MLFLOW_TRACKING_PASSWORD", "AWS_SECRET_ACCESS_KEY", "api_key"]))
    assert not any(map(is_secret, ["HF_HOME", "MLFLOW_TRACKING_USERNAME", "KEYBOARD", "PTUNE_CACHE"]))
