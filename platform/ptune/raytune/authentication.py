"""A Ray cluster's token: where Ray's own tools look for it, and whether a cluster lets it in.

Every command that reaches a cluster takes the token from here.
"""

from __future__ import annotations

import os
from pathlib import Path

from ptune.errors import ClusterError

ADVICE = (
    "the cluster's token belongs in ~/.ray/auth_token, in RAY_AUTH_TOKEN or in the file that RAY_AUTH_TOKEN_PATH names"
)

_MODE, _TOKEN, _TOKEN_PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
_PATIENCE_S = 30.0


def find_token() -> str | None:
    """The token that Ray's own tools use: RAY_AUTH_TOKEN, the file RAY_AUTH_TOKEN_PATH, or ~/.ray/auth_token.

    Raises:
        ClusterError: the file cannot be read, or RAY_AUTH_TOKEN_PATH names one that is not there.
    """
    if token := os.environ.get(_TOKEN, "").strip():
        return token
    named = os.environ.get(_TOKEN_PATH)
    path = Path(named) if named else default_path()
    if not named and not path.is_file():
        return None
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        origin = f" ({_TOKEN_PATH})" if named else ""
        raise ClusterError(f"{path}{origin}: the cluster's token cannot be read: {error}") from None


def default_path() -> Path:
    """Where Ray's own tools keep the token of a user."""
    return Path.home() / ".ray" / "auth_token"


def authenticate(address: str, token: str | None) -> None:
    """Let this process show its token to the head at `host:port` if that head asks for one.

    A head says within moments whether it does; Ray itself would try for 20 seconds and give no reason. A head that
    does not ask is not shown the token: a process that does would ask the head's workers for theirs. RAY_AUTH_MODE
    is the user's word, and is kept where it is set.

    Raises:
        ClusterError: the head asks for a token, and there is none, or another one; or what answers there is no head.
    """
    if not _refuses(address, None):
        return
    mode = os.environ.get(_MODE)
    if mode is not None and mode.lower() != "token":
        raise ClusterError(f"the Ray cluster at {address!r} asks for a token, and {_MODE}={mode} withholds it")
    if token is None:
        raise ClusterError(f"the Ray cluster at {address!r} asks for a token, and there is none here; {ADVICE}")
    if _refuses(address, token):
        raise ClusterError(f"the Ray cluster at {address!r} refuses the token that is here; {ADVICE}")
    _show_token()


def _refuses(address: str, token: str | None) -> bool:
    """Whether the head at an address turns a caller with this token away.

    Raises:
        ClusterError: what listens there does not speak as a head does; Ray itself would try for three minutes.
    """
    import grpc
    from ray.core.generated.gcs_service_pb2 import GetClusterIdRequest
    from ray.core.generated.gcs_service_pb2_grpc import NodeInfoGcsServiceStub

    metadata = [("authorization", f"Bearer {token}")] if token else []
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            NodeInfoGcsServiceStub(channel).GetClusterId(GetClusterIdRequest(), timeout=_PATIENCE_S, metadata=metadata)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNAUTHENTICATED:
                raise ClusterError(
                    f"something listens at {address!r}, and it is no Ray head: it does not answer as one "
                    f"({error.code().name.lower()}); the head's port is 6379 unless `ray start` was told another"
                ) from None
            return True
    return False


def _show_token() -> None:
    """Switch Ray's token authentication on for this process and its children."""
    from ray._raylet import Config  # type: ignore[attr-defined]  # its stub leaves the class out

    os.environ[_MODE] = "token"
    Config.initialize("")  # Ray has read the variable when it was imported
