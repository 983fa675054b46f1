"""How metrics are called in MLflow. Pure."""

from __future__ import annotations

from ptune.record.objective import Objective


def metric_key(name: str) -> str:
    """A metric's name in MLflow, which takes no `+`: `accuracy+f1` is `accuracy and f1`."""
    return name.replace("+", " and ")


def best_key(objective: Objective) -> str:
    """The name of the best value of a search's metric."""
    return f"best_{metric_key(objective.metric)}"


def usage_key(engine: int, name: str) -> str:
    """The name under which MLflow's page for system metrics shows what an engine takes of its machine."""
    return f"system/engine_{engine}/{name}"


def shown(value: float) -> float:
    """A value with the six digits for which a column of MLflow's tables has room; whole numbers stay whole."""
    return value if value.is_integer() else float(f"{value:.6g}")
