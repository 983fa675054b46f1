"""ptune beside what a user would write by hand: the same searches, data and machine, in the same run, as ratios.

    python tests/benchmarks/against_peft.py [--data FOLDER] [--only RUN …] [--out results.json]

Every search gives the same number of trials, and every trial all its epochs, to the same backbone on SST-2. ptune runs
two: `all-layers`, prompts in all layers, and `depth`, which also searches whether the top sixth, third or half of the
layers hold the prompt, with unshifted positions, so that the layers below are computed once for all trials. Shallower
prompts may be less accurate: what `depth` gains in time is to be read beside its accuracy, which nothing here demands.
peft_search.py runs in two forms, `tuned` and `plain`. PEFT puts prefixes in all layers and cannot search depth, so its
one search is what both of ptune's are compared with: in the second comparison, PEFT's user spends the same trials on
prompts in all layers.

Times are those of whole programs, start-up included, and nothing is kept from one program to the next. Ratios are of
seconds a trial, so that the slow `plain`, minutes a trial on two cores, may run fewer of them (--plain-trials); its
start-up then counts more in each.

FOLDER holds SST-2 as `train_full.tsv` and `dev.tsv` (columns sentence, label); default: PTUNE_SHARED_DATA/sst2, or
`../shared/data/sst2` beside the repository. With GPUs, peft_search.py gives every trial its share of them:

    python tests/benchmarks/against_peft.py --backbone roberta-large --trials 32 --slots 16 --concurrent 4
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import programs
import results
from results import default_data, say

HERE = Path(__file__).resolve().parent
JOBS = {"all-layers": "sst2.toml", "depth": "sst2_depth.toml"}
NAMES = {
    "all-layers": "ptune, all layers",
    "depth": "ptune, depth searched",
    "tuned": "PEFT tuned, all layers",
    "plain": "PEFT plain, all layers",
}


def trials(run: str, options: argparse.Namespace) -> int:
    """How many trials a run has."""
    return options.plain_trials or options.trials if run == "plain" else options.trials


def depths(layers: int) -> list[int]:
    """The top sixth, third and half of a backbone's layers, as in sst2_depth.toml."""
    return sorted({max(1, round(layers / part)) for part in (6, 3, 2)})


def command(run: str, options: argparse.Namespace) -> list[str]:
    """The program of one run."""
    from ptune.backbone.locate import locate
    from ptune.backbone.profile import read_profile

    data, each = options.data.resolve(), {"trials": trials(run, options), "epochs": options.epochs}
    if run in JOBS:
        values = {f"budget.{name}": value for name, value in each.items()}
        values |= {"task.data.train": data / "train_full.tsv", "task.data.dev": data / "dev.tsv"}
        values |= {"task.data.limit_train": options.limit, "backbone.id": options.backbone}
        if run == "depth":
            values["space.parameters.depth"] = f"{{choices={depths(read_profile(locate(options.backbone)).layers)}}}"
        shares = {"resources.engines": options.engines, "resources.slots": options.slots}
        values |= {key: value for key, value in shares.items() if value is not None}
        sets = [flag for key, value in values.items() for flag in ("--set", f"{key}={value}")]
        return [sys.executable, "-m", "ptune", "search", str(HERE / JOBS[run]), *sets, "--json"]
    values = {**each, "form": run, "limit": options.limit, "backbone": locate(options.backbone)}
    values |= {"train": data / "train_full.tsv", "dev": data / "dev.tsv"}
    values |= {} if options.concurrent is None else {"concurrent": options.concurrent}
    flags = [flag for key, value in values.items() for flag in (f"--{key}", str(value))]
    return [sys.executable, str(HERE / "peft_search.py"), *flags]


def follow(program: list[str]) -> tuple[dict[str, Any], float]:
    """Run a program to its end: the last JSON object that it prints, and its wall seconds.

    Trials are shown as they end. Runs, kept states and tokenised data go to a folder of its own.
    """
    answer: dict[str, Any] = {}

    def look(printed: str) -> None:
        for line in printed.splitlines():
            if line.startswith("{"):
                answer.clear()
                answer.update(json.loads(line))
                if "trial" in answer:
                    say(f"    trial {answer['trial']}: {answer['accuracy']:.3f} after {answer['seconds']:.0f} s")

    with tempfile.TemporaryDirectory() as folder:
        seconds = programs.run(program, Path(folder), look)
    return answer, seconds


def measure(run: str, options: argparse.Namespace) -> dict[str, Any]:
    """One run: finished trials, best accuracy on dev, wall seconds in all and for each trial."""
    answer, wall = follow(command(run, options))
    if run in JOBS:
        answer = {"trials": answer["statuses"].get("complete", 0), "best": answer["best"]["metrics"]["accuracy"]}
    return {
        "finished": answer["trials"],
        "best": answer["best"],
        "wall_s": round(wall, 2),
        "trial_s": round(wall / max(1, answer["trials"]), 2),
    }


def speedups(measured: dict[str, dict[str, Any]]) -> dict[str, float]:
    """How many times as long a trial of PEFT's searches took as one of ptune's."""
    pairs = [(ours, theirs) for ours in JOBS for theirs in ("tuned", "plain") if {ours, theirs} <= set(measured)]
    return {f"{ours}/{theirs}": measured[theirs]["trial_s"] / measured[ours]["trial_s"] for ours, theirs in pairs}


def title(options: argparse.Namespace) -> str:
    """What is searched."""
    return f"SST-2 ({options.limit:,} / 872), {options.backbone}, {options.trials} trials x {options.epochs} epochs"


def record(measured: dict[str, dict[str, Any]], options: argparse.Namespace) -> Path:
    """Write the JSON file and the plot beside it; the path of the former."""
    about = {name: value for name, value in vars(options).items() if name not in ("data", "out")}
    content = {"settings": about, "runs": measured, "speedups": speedups(measured)}
    path = results.write("against_peft", content, options.out)
    times = {NAMES[run]: row["trial_s"] for run, row in measured.items()}
    results.bars(path.with_suffix(".png"), title(options), "wall seconds a trial, start-up included", times)
    return path


def conclude(measured: dict[str, dict[str, Any]], options: argparse.Namespace) -> None:
    """Print the table and the ratios."""
    say(f"\n{title(options)}\n{'':26}{'finished':>10}{'best dev accuracy':>20}{'seconds':>10}{'a trial':>10}")
    for run, row in measured.items():
        numbers = f"{row['finished']:10d}{row['best']:20.3f}{row['wall_s']:10.1f}{row['trial_s']:10.1f}"
        say(f"{NAMES[run]:26}{numbers}")
    for pair, ratio in speedups(measured).items():
        ours, theirs = pair.split("/")
        say(f"{NAMES[ours]} is {ratio:.2f}x as fast as {NAMES[theirs]}")
    if trials("plain", options) < options.trials and "plain" in measured:
        say(f"{NAMES['plain']} ran {trials('plain', options)} trials: its accuracy is the best of fewer.")
    if "depth" in measured and len(measured) > 1:
        say("PEFT cannot search depth: its trials all have prompts in all layers, in both comparisons.")


def main() -> None:
    """Run what is asked for, one after the other; fail if ptune did not do what it must."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--backbone", default="packaged:minilm", help="packaged:minilm, a folder or a Hub id")
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--limit", type=int, default=2000, help="training sentences")
    parser.add_argument("--engines", type=int, help="ptune's engines; default: as many as ptune takes")
    parser.add_argument("--slots", type=int, help="trials that train together on one of them; default: the job's")
    parser.add_argument("--concurrent", type=int, help="PEFT's trials at a time; default: one per core")
    parser.add_argument("--plain-trials", type=int, help="trials of the plain form alone; default: as the others")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES), metavar="RUN", help=" | ".join(NAMES))
    parser.add_argument("--enough", type=float, default=0.77, help="dev accuracy that all-layers must reach")
    parser.add_argument("--out", type=Path, help="default: build/bench/against_peft.json")
    options = parser.parse_args()
    measured = {}
    for run in options.only:
        say(f"{NAMES[run]}: {trials(run, options)} trials x {options.epochs} epochs ...")
        measured[run] = measure(run, options)
        say(f"{NAMES[run]}: {measured[run]['best']:.3f} after {measured[run]['wall_s']:.1f} s")
        path = record(measured, options)  # what is measured stays if a later run fails
    conclude(measured, options)
    say(f"{path}\n{path.with_suffix('.png')}")
    short = [NAMES[run] for run in JOBS if run in measured and measured[run]["finished"] < options.trials]
    if short:
        sys.exit(f"{', '.join(short)}: all {options.trials} trials must finish")
    if "all-layers" in measured and measured["all-layers"]["best"] < options.enough:
        sys.exit(f"{NAMES['all-layers']} must reach {options.enough} on dev")


if __name__ == "__main__":
    main()
