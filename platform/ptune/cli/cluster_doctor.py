"""`ptune doctor --address`: the nodes of a cluster, what differs among them, and what to mend."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from ptune.cli.cluster import is_dashboard
from ptune.cli.faults import print_faults
from ptune.report.said import say_json

if TYPE_CHECKING:
    from ptune.raytune.survey import NodeFacts

_DECIDING = ("python", "ptune", "torch", "transformers", "ray")


def examine_cluster(address: str, *, as_json: bool) -> int:
    """Print what the nodes of a cluster have; return the exit code.

    Args:
        address: of the head or of the dashboard.
        as_json: whether to print one JSON object.
    """
    from ptune.raytune.survey import NodeFacts, survey
    from ptune.run.folders import runs_folder
    from ptune.storage.local_copy import url_of

    if is_dashboard(address):
        from ptune.raytune.submission import ask

        answer = ask(["doctor", "--address", "auto", "--json"], os.environ.get("PTUNE_RUNS") or None, address)
        runs, nodes = answer["runs"], [NodeFacts(**node) for node in answer["nodes"]]
    else:
        folder = runs_folder()
        runs, nodes = url_of(folder) or str(folder), survey(address, folder)
    faults = list(cluster_problems(nodes))
    if as_json:
        content = {"runs": runs, "nodes": [asdict(node) for node in nodes], "problems": faults}
        say_json(content)
    else:
        _print(runs, nodes, faults)
    return 1 if faults else 0


def cluster_problems(nodes: Sequence[NodeFacts]) -> Iterator[str]:
    """What keeps a search from running on these nodes, or alike on all of them, each with how to mend it."""
    for node in nodes:
        name = f"{node.name} ({node.address})"
        if not node.answers:
            yield f"{name} gives {node.runs}; see its raylet's log"
        elif node.runs != "shared":
            yield f"{name}: {node.runs}; set PTUNE_RUNS to a folder that every node shares"
        if node.answers and len(node.devices) < 1 <= node.gpus:
            yield f"{name} offers {node.gpus:g} GPUs, and its torch sees none; install torch for CUDA"
        for library, version in node.versions.items():
            if version == "not installed":
                yield f"{name} lacks {library}; name it in cluster.pip of the job, or install it there"
    for library in _DECIDING:
        seen = {node.versions[library] for node in nodes if library in node.versions}
        if len(seen) > 1:
            yield f"the nodes differ in {library}: {', '.join(sorted(seen))}; trials would not be comparable"


def _print(runs: str, nodes: Sequence[NodeFacts], faults: Sequence[str]) -> None:
    from rich.table import Table

    from ptune.report.console import Terminal

    table = Table(box=None, padding=(0, 1), header_style="dim", show_edge=False)
    for column in ("node", "cores", "GPUs", *_DECIDING, "runs"):
        table.add_column(column, no_wrap=True)
    for node in nodes:
        seen = [node.versions.get(name, "-") for name in _DECIDING]
        state = node.runs if node.runs == "shared" else "not usable" if node.answers else "no answer"
        gpus = f"{node.gpus:g}" + (f" ({', '.join(node.devices)})" if node.devices else "")
        table.add_row(node.name, f"{node.cpus:g}", gpus, *seen, state)
    console = Terminal(highlight=False)
    console.print(table)
    console.print(f"\nruns  {runs}", markup=False, soft_wrap=True)
    print_faults(console, faults)
