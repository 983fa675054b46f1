"""Which variables of an environment a job is sent."""

from ptune.cli import entry
from ptune.raytune import variables
from ptune.raytune.variables import sent, withheld
from ptune.spec.cluster import Cluster

HERE = {
    "HF_HOME": "/cache",
    "HF_TOKEN": "secret",
    "MLFLOW_TRACKING_URI": "http://ann:secret@mlflow",
    "MLFLOW_TRACKING_USERNAME": "ann",
    "PTUNE_CACHE": "/states",
    "OMP_NUM_THREADS": "1",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "HOME": "/home/ann",
}


def test_what_matters_is_sent_and_secrets_are_not():
    assert sent(HERE, Cluster()).keys() == {"HF_HOME", "MLFLOW_TRACKING_USERNAME", "PTUNE_CACHE"}
    assert withheld(HERE, Cluster()) == ["HF_TOKEN", "MLFLOW_TRACKING_URI"]
    assert "secret" not in " ".join(sent(HERE, Cluster()).values())


def test_a_job_may_name_more_and_what_its_nodes_have():
    cluster = Cluster(env=["OMP_NUM_THREADS"], secrets=["HF_TOKEN", "AWS_SECRET_ACCESS_KEY"])
    assert sent(HERE, cluster)["OMP_NUM_THREADS"] == "1"
    assert sent(HERE, cluster)[variables.SECRETS] == "HF_TOKEN,AWS_SECRET_ACCESS_KEY"
    assert withheld(HERE, cluster) == ["MLFLOW_TRACKING_URI"]


def test_a_job_finds_out_what_its_node_lacks(monkeypatch):
    assert variables.SECRETS == entry.SECRETS
    monkeypatch.delenv(entry.SECRETS, raising=False)
    assert entry.lacking() == []
    monkeypatch.setenv(entry.SECRETS, "HF_TOKEN,OTHER_KEY")
    monkeypatch.setenv("HF_TOKEN", "set")
    monkeypatch.delenv("OTHER_KEY", raising=False)
    monkeypatch.setattr("importlib.metadata.requires", lambda _: ["numpy>=2", "no-such-library>=1; python_version>'3'"])
    libraries, secrets = entry.lacking()
    assert "lacks no-such-library; name them in cluster.pip" in libraries
    assert "cluster.secrets names OTHER_KEY" in secrets
