"""What keeps a search from training, in words that name the node."""

from __future__ import annotations

from collections.abc import Iterable

from ptune.raytune.member import Member
from ptune.raytune.placement import Fleet
from ptune.spec.resources import Resources


def missing(members: Iterable[Member], fleet: Fleet, resources: Resources) -> str:
    """What a search without an engine that can train waits for.

    Args:
        members: the engines that are there or have been asked for; at least one.
        fleet: the nodes that suit the job.
        resources: what the job asks for.
    """
    asked_for = list(members)
    for member in asked_for:
        if member.engine.node is not None:
            beat = member.watchdog.beat
            doing = "does not answer" if member.watchdog.is_quiet else (beat.doing if beat else None) or "starts"
            return f"engine {member.number} on node {fleet.address(member.engine.node)}, which {doing}"
    placement = asked_for[0].placement
    gpus = f" and {placement.gpus} {'GPU' if placement.gpus == 1 else 'GPUs of one node'}" if placement.gpus else ""
    needs = [f"{placement.cpus:g} CPUs{gpus}"]
    needs += [f"label {key}={value}" for key, value in resources.labels.items()]
    needs += [f"{amount:g} {name}" for name, amount in resources.reserve.items()]
    needs += [resources.accelerator_type] if resources.accelerator_type else []
    offered = f"{sum(node.cpus for node in fleet.nodes):g} CPUs and {fleet.gpus} GPUs"
    return (
        f"room for an engine, which needs {', '.join(needs)} ({len(asked_for)} asked for; nodes that suit the job: "
        f"{len(fleet.nodes)}, with {offered}, which others may use)"
    )


def blocked_storage(members: Iterable[Member], fleet: Fleet) -> str | None:
    """The file that an engine has been writing for a while, and its node."""
    for member in members:
        beat = member.watchdog.beat
        if beat is not None and beat.writes is not None:
            return f"the storage that should take {beat.writes} from node {fleet.address(member.engine.node)}"
    return None
