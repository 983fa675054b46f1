"""ptune beside what a user would write by hand: the same search, data and machine, in the same run, as ratios.

    python tests/benchmarks/against_peft.py [--data FOLDER] [--out results.json]

FOLDER holds SST-2 as `train_full.tsv` and `dev.tsv` (columns sentence, label); default: PTUNE_SHARED_DATA/sst2, or
`../shared/data/sst2` beside the repository.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REPO = HERE.parent.parent
TRIALS, ENOUGH = 8, 0.77


def default_data() -> Path:
    """Where SST-2 is expected."""
    return Path(os.environ.get("PTUNE_SHARED_DATA", REPO.parent / "shared" / "data")) / "sst2"


def run(command: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """Run a program to its end; its last line of output is a JSON object, to which the whole wall time is added."""
    began = time.monotonic()
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-4000:]}")
    return {**json.loads(done.stdout.strip().splitlines()[-1]), "process_s": time.monotonic() - began}


def ptune_search(data: Path) -> dict[str, Any]:
    """The search through ptune, on embedded Ray and SQLite MLflow, everything included."""
    with tempfile.TemporaryDirectory() as runs:
        sets = [f"task.data.train={data / 'train_full.tsv'}", f"task.data.dev={data / 'dev.tsv'}"]
        flags = [flag for each in sets for flag in ("--set", each)]
        command = [sys.executable, "-m", "ptune", "search", str(HERE / "sst2.toml"), *flags, "--json"]
        result = run(command, {"PTUNE_RUNS": runs})
    best = result["best"]["metrics"]["accuracy"]
    return {"finished": result["statuses"].get("complete", 0), "best": best, "wall_s": result["process_s"]}


def peft_search(data: Path) -> dict[str, Any]:
    """The search through Ray Tune, OptunaSearch, HF Trainer and PEFT."""
    from ptune.backbone.locate import locate

    program = [sys.executable, str(HERE / "peft_search.py"), "--data", str(data), "--backbone"]
    result = run([*program, str(locate("packaged:minilm"))], {})
    return {"finished": result["trials"], "best": result["best"], "wall_s": result["process_s"]}


def main() -> None:
    """Run both, print both, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    data = arguments.data.resolve()
    results = {"ptune": ptune_search(data), "ray+optuna+trainer+peft": peft_search(data)}
    print(f"{'SST-2, MiniLM, 8 trials x 3 epochs':38}{'finished':>10}{'best dev accuracy':>20}{'seconds':>10}")  # noqa: T201
    for name, result in results.items():
        print(f"{name:38}{result['finished']:10d}{result['best']:20.3f}{result['wall_s']:10.0f}")  # noqa: T201
    ratio = results["ray+optuna+trainer+peft"]["wall_s"] / results["ptune"]["wall_s"]
    print(f"{'speed-up of ptune':38}{'':30}{ratio:9.2f}x")  # noqa: T201
    if arguments.out:
        arguments.out.write_text(json.dumps({**results, "speedup": ratio}, indent=2) + "\n", encoding="utf-8")
    if results["ptune"]["finished"] < TRIALS or results["ptune"]["best"] < ENOUGH:
        sys.exit(f"ptune must finish {TRIALS} trials and reach {ENOUGH} on dev")


if __name__ == "__main__":
    main()
