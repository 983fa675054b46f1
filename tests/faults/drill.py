"""Injects faults into real searches and says what each has cost: `make faults`, or some of them with FAULTS="a b".

    python tests/faults/drill.py [--seed 1] [--most 20] [--list] [FAULT ...]

Each fault is played on a stage of its own, one after another, with a tiny backbone. The table goes to standard output
and, as JSON and Markdown, to `build/faults/`. The exit code is 1 if anything was lost, doubled or
trained again in vain.
"""

from __future__ import annotations

import argparse
import importlib
import json
import shutil
import sys
import tempfile
import traceback
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from random import Random

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "benchmarks")]

import results  # noqa: E402 - the folders above come first
from costs import Costs, Fault, table  # noqa: E402
from stage import Stage  # noqa: E402

from ptune.files import write_json, write_text  # noqa: E402

OUT = HERE.parents[1] / "build" / "faults"


def faults() -> dict[str, Fault]:
    """Every fault by its name, in the order of the files and of the faults in them."""
    modules = [importlib.import_module(f"kinds.{path.stem}") for path in sorted((HERE / "kinds").glob("*.py"))]
    return {fault.name: fault for module in modules for fault in module.FAULTS}


def play(fault: Fault, seed: int, most: int, backbone: Path, database: Path) -> Costs:
    """Play one fault on a fresh stage. Whatever goes wrong becomes a line of the table, and the stage is kept."""
    scratch = Path(tempfile.mkdtemp(prefix="f-", dir="/tmp"))  # Ray's sockets need a short path
    stage = Stage(scratch, backbone, database, Random(f"{seed} {fault.name}"), most)
    with stage.environment():
        try:
            costs = fault.play(stage)
        except Exception as error:  # noqa: BLE001 - one fault that breaks a search keeps no other from its turn
            traceback.print_exc()
            costs = stage.broken(error)
    if costs.is_nothing:
        shutil.rmtree(scratch, ignore_errors=True)
    else:
        say(f"    {scratch} holds what was left")
    return costs


def prepare(folder: Path) -> tuple[Path, Path]:
    """Make a tiny backbone and an empty database of MLflow."""
    from ptune.tracking.location import create_database
    from support.families import make_backbone

    create_database(f"sqlite:///{folder / 'mlflow.db'}")
    return make_backbone("bert", folder / "bert"), folder / "mlflow.db"


def machine() -> str:
    """The machine in words."""
    here = results.machine()
    libraries = ", ".join(f"{name} {version(name)}" for name in ("ray", "mlflow", "torch"))
    return f"{here['cores']} cores of {here['cpu']}, {here['gpu'] or 'no GPU'}, {libraries}"


def main() -> int:
    """Play the faults that the command names; return the exit code."""
    known = faults()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faults", nargs="*", metavar="FAULT", choices=[[], *known], help="all by default")
    parser.add_argument("--seed", type=int, default=1, help="decides when faults come")
    parser.add_argument("--most", type=int, default=20, help="inject each fault at most so often")
    parser.add_argument("--list", action="store_true", help="only say which faults there are")
    asked = parser.parse_args()
    if asked.list:
        say("\n".join(f"{name:24} {fault.what}" for name, fault in known.items()))
        return 0
    names = asked.faults or list(known)
    with tempfile.TemporaryDirectory(prefix="ptune-drill-") as folder:
        backbone, database = prepare(Path(folder))
        played = {}
        for name in names:
            say(f"{name}: {known[name].what}")
            played[name] = play(known[name], asked.seed, asked.most, backbone, database)
            say(f"    {played[name]}")
            keep({name: played[name]}, asked.seed, known)
    say(f"\n{table({known[name].what: costs for name, costs in played.items()})}\n")
    return 0 if all(costs.is_nothing for costs in played.values()) else 1


def keep(played: dict[str, Costs], seed: int, known: dict[str, Fault]) -> None:
    """Write what has been played. The rows of other faults stay as an earlier run left them."""
    path = OUT / "faults.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["faults"] if path.exists() else {}
    rows |= {name: asdict(costs) for name, costs in played.items()}
    write_json(
        path, {"machine": machine(), "seed": seed, "faults": {name: rows[name] for name in known if name in rows}}
    )
    costs = {known[name].what: Costs(**rows[name]) for name in known if name in rows}
    write_text(OUT / "faults.md", f"{table(costs)}\n\nOn {machine()}, seed {seed}.\n")


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the drill's output


if __name__ == "__main__":
    sys.exit(main())
