"""The variables of this environment that a Ray job is sent, and those that must not leave it.

Ray keeps a job's variables in its metadata and shows them to everyone who reads the dashboard. Secrets are therefore
never among them.
"""

from __future__ import annotations

from collections.abc import Mapping

from ptune.spec.cluster import Cluster, is_secret
from ptune.spec.tracking import without_password

_PREFIXES = ("HF_", "MLFLOW_", "PTUNE_")
SECRETS = "PTUNE_SECRETS"
"""The variable that names, to the job, those that its node must have; see `ptune.cli.entry`."""


def sent(environment: Mapping[str, str], cluster: Cluster) -> dict[str, str]:
    """What is sent: variables of Hugging Face, MLflow and ptune, and those that the job names, without secrets."""
    secret = {*withheld(environment, cluster), *cluster.secrets}
    chosen = {name: value for name, value in environment.items() if _wanted(name, cluster) and name not in secret}
    return chosen | ({SECRETS: ",".join(cluster.secrets)} if cluster.secrets else {})


def withheld(environment: Mapping[str, str], cluster: Cluster) -> list[str]:
    """Names of what would be sent if it were no secret, or held none; without those that the nodes have anyway."""
    return sorted(
        name
        for name, value in environment.items()
        if _wanted(name, cluster) and name not in cluster.secrets
        if is_secret(name) or without_password(value) != value
    )


def _wanted(name: str, cluster: Cluster) -> bool:
    return name.startswith(_PREFIXES) or name in cluster.env
