"""Why MLflow does not take a search, in words. Passwords are left out. Imports no MLflow."""

from __future__ import annotations

import os

from ptune.spec.tracking import without_password

USER, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
"""The variables in which MLflow looks for who writes."""


def describe(error: Exception, experiment: str) -> str:
    """What MLflow, a database driver or the network says, in one line.

    Args:
        error: whatever they raised.
        experiment: the name of the experiment that was to take the search.
    """
    match getattr(error, "error_code", None):
        case "UNAUTHENTICATED":
            return unknown_user(os.environ.get(USER))
        case "PERMISSION_DENIED":
            user = os.environ.get(USER)
            return (
                f"{f'user {user!r}' if user else 'this user'} may not write to the experiment {experiment!r}: "
                "ask an administrator of the server for the permission EDIT, or set tracking.experiment to another one"
            )
        case _:
            return without_password((str(error) or type(error).__name__).splitlines()[0])


def unknown_user(user: str | None) -> str:
    """That a server asks who writes, and is told nothing or what it does not know."""
    if user is None:
        return f"the server wants to know who writes: set {USER} and {PASSWORD}"
    return f"the server does not know user {user!r} with this password: correct {USER} or {PASSWORD}"


def deleted_experiment(name: str) -> str:
    """That an experiment takes no runs any more."""
    return f"the experiment {name!r} is deleted: restore it, or set tracking.experiment to another one"


def describe_refusals(refused: dict[int | None, str]) -> str:
    """One line for runs that the store will never accept as they are."""
    trial, reason = next(iter(refused.items()))
    run = "the search's run" if trial is None else f"trial {trial}"
    further = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    return f"MLflow refuses {run}{further}: {reason}"
