"""Why MLflow does not take a search, in words. Passwords are left out. Imports no MLflow."""

from __future__ import annotations

import os

from ptune.spec.tracking import without_password

_USER, _PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"


def describe(error: Exception, experiment: str) -> str:
    """What MLflow, a database driver or the network says, in one line.

    Args:
        error: whatever they raised.
        experiment: the name of the experiment that was to take the search.
    """
    match getattr(error, "error_code", None):
        case "UNAUTHENTICATED":
            return _unknown_user(os.environ.get(_USER))
        case "PERMISSION_DENIED":
            user = os.environ.get(_USER)
            return (
                f"{f'user {user!r}' if user else 'this user'} may not write to the experiment {experiment!r}: "
                "ask an administrator of the server for the permission EDIT, or set tracking.experiment to another one"
            )
        case _:
            return without_password((str(error) or type(error).__name__).splitlines()[0])


def _unknown_user(user: str | None) -> str:
    if user is None:
        return f"the server wants to know who writes: set {_USER} and {_PASSWORD}"
    return f"the server does not know user {user!r} with this password: correct {_USER} or {_PASSWORD}"


def describe_refusals(refused: dict[int | None, str]) -> str:
    """One line for runs that the store will never accept as they are."""
    trial, reason = next(iter(refused.items()))
    run = "the search's run" if trial is None else f"trial {trial}"
    further = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    return f"MLflow refuses {run}{further}: {reason}"
