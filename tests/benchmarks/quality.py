"""How long a search takes to the quality that a careful user's own search ends with, start-up included.

    python tests/benchmarks/quality.py [--data FOLDER] [--tasks sst2 whose_job] [--seeds 1] [--out results.json]

The user's own search is peft_search.py in its tuned form: Ray Tune, OptunaSearch, ASHAScheduler, the Trainer of
transformers and PEFT, with the type of weights and the attention that are fastest on the machine at hand, which is
measured beforehand and not counted. ptune runs the job that `ptune init` writes for the data, as
`ptune search JOB --local`. Both have the same trials, epochs, data, seeds, batch sizes, and bounds of prompt length and
rate. ptune also searches whether an MLP makes the prompt, at lower rates, and its prompts lie in the last layers, where
PEFT has them in all. What ptune tries first was recorded on the other task alone, so it knows as little of a task as it
does of a user's.

At each moment, a search has a leader (`leaders.py`): the prompt that it would give if it ended then. The test split
scores every leader afterwards; only the search is timed. The level is what the other search's last leader scores. The
time of either search is that until a leader of its own first scores the level. A search that never does takes no less
than all of its time, which is what its ratio then says. Who runs a search does not know beforehand when it has what it
ends with, so the whole time of the other search, by ptune's time to its level, is printed, too.

What a part of ptune contributes is found by leaving it out: `engine` (one slot, so that no trials share a pass),
`stopping` (every trial trains to the horizon), `sampler` (random), `prior` (nothing is tried first), `depth` (prompts
in all layers) and `init` (random numbers instead of words; left out only where the job has another start).

FOLDER holds SST-2 as `train_full.tsv`, `dev.tsv` and `test-labeled.tsv`, see against_peft.py.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import programs
import results
from leaders import Moment, OwnLeaders, TheirLeaders, reached
from results import default_data, say

from ptune.data.builtin import split_file
from ptune.record import shipped_tables
from ptune.spec.job import Job
from ptune.spec.load import load_job
from ptune.spec.prompt import METHODS

HERE = Path(__file__).resolve().parent
RIVAL, WHOLE = "PEFT, Ray Tune", "ptune"
PARTS = {
    "engine": "resources.slots=1",
    "stopping": 'budget.stopping={type="none"}',
    "sampler": "budget.sampler=random",
    "prior": None,
    "depth": 'space.parameters.depth={low="layers", high="layers"}',
    "init": 'space.parameters.init={value="normal"}',
}
"""What leaves a part out; what is tried first is a table of the job, which is not written then."""
_PRIOR = re.compile(r"\n\[prior\].*", re.DOTALL)  # the last table of a job
LENGTHS, RATES, BATCHES = ("4", "32"), ("1e-3", "1e-1"), ("8", "16", "32")
"""What the other search chooses among; the same as in the job that `ptune init` writes."""


@dataclass(frozen=True)
class Task:
    """Three tables with a column of labels."""

    text: str
    files: Mapping[str, Path]


@dataclass(frozen=True)
class Ran:
    """One search from its start to its end, and its leaders."""

    task: str
    seed: int
    search: str
    seconds: float
    moments: Sequence[Moment]

    @property
    def final(self) -> Moment:
        """What it ends with."""
        return self.moments[-1]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run every search on every task and seed; print a table and the ratios, leave JSON and plots."""
    options = _options(arguments)
    ran: list[Ran] = []
    for task, seed in product(options.tasks, range(1, options.seeds + 1)):
        with tempfile.TemporaryDirectory() as folder:
            for one in searched(task, seed, options, Path(folder)):
                ran.append(one)
                path = record(ran, options)  # what is measured stays if a later search fails
    for line in [*table(ran), *conclusions(ran)]:
        say(line)
    say(str(path))


def searched(name: str, seed: int, options: argparse.Namespace, folder: Path) -> Iterator[Ran]:
    """Every search on a task, one after the other."""
    task = _limited(tasks(options.data)[name], options.limit, seed, folder)
    job = _job(name, task, options, folder)
    searches: dict[str, list[str]] = {WHOLE: []} | {
        part: [change] if (change := PARTS[part]) else [] for part in options.without
    }
    if "init" in searches and starts_at_random(load_job(job)):
        say(f"{name}: ptune init's job starts at random numbers already, so leaving out init changes nothing")
        del searches["init"]
    yield theirs(name, seed, task, options, folder)
    for search, changes in searches.items():
        title = search if search == WHOLE else f"ptune without {search}"
        yield ours(name, seed, title, without_prior(job) if search == "prior" else job, changes, options, folder)


def tasks(data: Path) -> dict[str, Task]:
    """The tasks by name; `data` is the folder of SST-2."""
    sst2 = {"train": data / "train_full.tsv", "dev": data / "dev.tsv", "test": data / "test-labeled.tsv"}
    whose_job = {split: split_file("builtin:whose_job", split) for split in sst2}
    return {"sst2": Task("sentence", sst2), "whose_job": Task("text", whose_job)}


def ours(
    task: str, seed: int, title: str, job: Path, changes: Sequence[str], options: argparse.Namespace, folder: Path
) -> Ran:
    """ptune's search of a job with some changes, in a process of its own."""
    own = folder / title.replace(" ", "-")
    own.mkdir()
    sets = [word for setting in (f"seed={seed}", *changes) for word in ("--set", setting)]
    place = [] if options.ray else ["--local"]
    program = [sys.executable, "-m", "ptune", "search", str(job), "--name", "search", *sets, *place, "--json"]
    say(f"{task}, seed {seed}: {title} ...")
    leaders = OwnLeaders(own / "PTUNE_RUNS" / "search", own / "kept", time.time(), _tell)
    seconds = programs.run(program, own, lambda _: leaders.look())
    return _told(Ran(task, seed, title, seconds, leaders.score()))


def theirs(name: str, seed: int, task: Task, options: argparse.Namespace, folder: Path) -> Ran:
    """The user's own search, in a process of its own."""
    import peft_fastest
    import peft_scores
    import peft_search
    import torch

    from ptune.backbone.locate import locate

    own, backbone = folder / "rival", str(locate(options.backbone))
    (own / "saved").mkdir(parents=True)
    files = {split: str(path) for split, path in task.files.items()}
    sets = peft_search.tokenised("tuned", files, task.text, backbone, None)
    concurrent = options.concurrent or os.cpu_count() or 1
    gpus = torch.cuda.device_count()
    given = peft_search.scheduling("tuned", gpus=gpus, cores=os.cpu_count() or 1, concurrent=concurrent)
    config = {
        "form": "tuned",
        "backbone": backbone,
        "gpu": bool(gpus),
        "threads": given["resources"]["cpu"],
        "seed": seed,
        "length": 16,
        "lr": 0.01,
        "batch": int(BATCHES[-1]),
        "epochs": options.epochs,
    }
    say(f"{name}, seed {seed}: what {RIVAL} is fastest with ...")
    fastest, took = peft_fastest.fastest(config, sets)
    say("    " + "; ".join(f"{choice}: {seconds:.1f} s" for choice, seconds in took.items()))
    values = {**{split: files[split] for split in ("train", "dev")}, "text": task.text, "backbone": backbone}
    values |= {"form": "tuned", "trials": options.trials, "epochs": options.epochs, "seed": seed, **fastest}
    values |= {"concurrent": concurrent, "save": own / "saved"}
    flags = [word for key, value in values.items() for word in (f"--{key}", str(value))]
    bounds = ["--length", *LENGTHS, "--lr", *RATES, "--batch", *BATCHES]
    say(f"{name}, seed {seed}: {RIVAL}, {fastest['dtype']}, {fastest['attention']} attention ...")
    leaders = TheirLeaders(time.time(), _tell)

    def look(printed: str) -> None:
        for line in printed.splitlines():
            if line.startswith("{"):
                leaders.take(json.loads(line))

    seconds = programs.run([sys.executable, str(HERE / "peft_search.py"), *flags, *bounds, "--asha"], own, look)
    tested = leaders.score(lambda chosen, state: peft_scores.accuracy(config | fastest | chosen, sets, state))
    return _told(Ran(name, seed, RIVAL, seconds, tested))


def without_prior(job: Path) -> Path:
    """The job in a file of its own, without what it tries first."""
    bare = job.with_stem(f"{job.stem}-bare")
    bare.write_text(_PRIOR.sub("", job.read_text(encoding="utf-8")), encoding="utf-8")
    return bare


def starts_at_random(job: Job) -> bool:
    """Whether all that a job searches starts at random numbers anyway."""
    parameters = job.space.parameters
    chosen = parameters.get("method", [])
    methods = {name for one in chosen for name in (one.choices or [one.value])} or {"v2"}
    defaults = {METHODS[method].model_fields["init"].default for method in methods}
    return "init" not in parameters and defaults == {"normal"}


def ratio(other: Ran, own: Ran, level: float) -> tuple[float, bool]:
    """How many times as long another search takes to a level, and whether both get there."""
    theirs, ours = reached(other.moments, level), reached(own.moments, level)
    return (theirs or other.seconds) / (ours or own.seconds), theirs is not None and ours is not None


def table(ran: Sequence[Ran]) -> list[str]:
    """One line for each search."""
    lines = [f"{'':42}{'in all':>10}{'final dev':>12}{'final test':>12}{'to the level':>15}"]
    for one in ran:
        seconds = reached(one.moments, _level(ran, one))
        there = "never" if seconds is None else f"{seconds:.1f} s"
        name = f"{one.task}, seed {one.seed}: {one.search}"
        lines.append(f"{name:42}{one.seconds:8.1f} s{one.final.dev:12.3f}{one.final.test:12.3f}{there:>15}")
    return lines


def conclusions(ran: Sequence[Ran]) -> list[str]:
    """The ratios, each the geometric mean over the seeds."""
    lines = []
    for task, search in dict.fromkeys((one.task, one.search) for one in ran if one.search != WHOLE):
        factors, there = _factors(ran, task, search)
        if not factors:
            continue
        mean, count = statistics.geometric_mean(factors), f" in {sum(there)} of {len(there)} seeds"
        reach = "" if all(there) else f"; both reach the level{count}"
        lines.append(f"{task}: {WHOLE} is {mean:.2f}x as fast as {search}{reach}")
        if search == RIVAL:
            mean = statistics.geometric_mean(_shorter(ran, task))
            lines.append(f"{task}: the whole of {search} takes {mean:.2f}x as long as {WHOLE} to its level")
    return lines


def record(ran: Sequence[Ran], options: argparse.Namespace) -> Path:
    """Write the JSON file and a plot for each task beside it; the path of the former."""
    about = {name: value for name, value in vars(options).items() if name not in ("data", "out")}
    rows = [
        {
            "task": one.task,
            "seed": one.seed,
            "search": one.search,
            "wall_s": round(one.seconds, 2),
            "level": _level(ran, one),
            "reached_s": reached(one.moments, _level(ran, one)),
            "leaders": [{**asdict(moment), "kept": None} for moment in one.moments],
        }
        for one in ran
    ]
    speedups = {
        f"{task}: {search}": statistics.geometric_mean(factors)
        for task, search in dict.fromkeys((one.task, one.search) for one in ran if one.search != WHOLE)
        if (factors := _factors(ran, task, search)[0])
    }
    path = results.write("quality", {"settings": about, "searches": rows, "speedups": speedups}, options.out)
    for task in dict.fromkeys(one.task for one in ran):
        series = {one.search: steps(one) for one in ran if (one.task, one.seed) == (task, 1)}
        title = f"What the leader gets wrong, {task} ({options.trials} trials x {options.epochs} epochs)"
        png = path.with_name(f"{path.stem}-{task}.png")
        results.lines(png, title, "seconds, start-up included", "test error [%]", series, log=True)
    return path


def steps(one: Ran) -> tuple[list[float], list[float]]:
    """The test error of a search's leader over time, in percent, to the end of the search."""
    errors = [max(0.1, 100 * (1 - (moment.test or 0.0))) for moment in one.moments]
    ends = [*(moment.seconds for moment in one.moments[1:]), one.seconds]
    xs = [x for moment, end in zip(one.moments, ends, strict=True) for x in (moment.seconds, end)]
    return xs, [error for error in errors for _ in range(2)]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--tasks", nargs="+", choices=("sst2", "whose_job"), default=["sst2", "whose_job"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--limit", type=int, default=2000, help="most training sentences")
    parser.add_argument("--backbone", default="packaged:minilm", help="packaged:minilm, a folder or a Hub id")
    parser.add_argument("--without", nargs="*", choices=PARTS, default=list(PARTS), help="parts to leave out in turn")
    parser.add_argument("--ray", action="store_true", help="let ptune train on Ray instead of in its own process")
    parser.add_argument("--concurrent", type=int, help="the other search's trials at a time; default: one per core")
    parser.add_argument("--out", type=Path, help="default: build/bench/quality.json")
    return parser.parse_args(arguments)


def _limited(task: Task, limit: int, seed: int, folder: Path) -> Task:
    """A task's files in a folder, the rows of train drawn from all of them."""
    files = {split: folder / f"{split}.tsv" for split in task.files}
    for split, path in task.files.items():
        head, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
        if split == "train" and len(rows) > limit:
            rows = random.Random(seed).sample(rows, limit)
        files[split].write_text("".join([head, *rows]), encoding="utf-8")
    return Task(task.text, files)


def _job(name: str, task: Task, options: argparse.Namespace, folder: Path) -> Path:
    """The job that `ptune init` writes for a task; dev and test lie beside train, where it finds them.

    Of the recorded curves, it begins with those of the other tasks.
    """
    job = folder / "job.toml"
    counts = ["--trials", str(options.trials), "--epochs", str(options.epochs)]
    program = [sys.executable, "-m", "ptune", "init", str(job), "--data", str(task.files["train"])]
    subprocess.run([*program, "--backbone", options.backbone, *counts], check=True, capture_output=True)
    text, others = job.read_text(encoding="utf-8"), [table for table in shipped_tables.names() if table != name]
    assert _PRIOR.search(text), "ptune init writes what a job tries first"
    job.write_text(_PRIOR.sub(f"\n[prior]\nrecorded = {json.dumps(others)}\n", text), encoding="utf-8")
    return job


def _level(ran: Sequence[Ran], one: Ran) -> float:
    """The test score that the other search of the same task and seed ends with."""
    test = next(
        other.final.test for other in ran if (other.task, other.seed, other.search) == (one.task, one.seed, RIVAL)
    )
    assert test is not None, "leaders are scored"
    return test


def _factors(ran: Sequence[Ran], task: str, search: str) -> tuple[list[float], list[bool]]:
    """By seed, how many times as long a search takes as the whole of ptune, and whether both reach the level."""
    pairs = [
        ratio(other, own, _level(ran, own))
        for own in ran
        for other in ran
        if (own.task, own.search, other.task, other.search, own.seed) == (task, WHOLE, task, search, other.seed)
    ]
    return [factor for factor, _ in pairs], [there for _, there in pairs]


def _shorter(ran: Sequence[Ran], task: str) -> list[float]:
    """By seed, the whole time of the other search by that of ptune to its level."""
    whole = {search.seed: search.seconds for search in ran if (search.task, search.search) == (task, RIVAL)}
    searches = [search for search in ran if (search.task, search.search) == (task, WHOLE)]
    return [
        whole[search.seed] / (reached(search.moments, _level(ran, search)) or search.seconds) for search in searches
    ]


def _tell(moment: Moment) -> None:
    say(f"    {moment.seconds:6.1f} s  trial {moment.trial} leads after {moment.epoch} epochs: dev {moment.dev:.3f}")


def _told(ran: Ran) -> Ran:
    say(f"    {ran.seconds:6.1f} s  in all; dev {ran.final.dev:.3f}, test {ran.final.test:.3f}")
    return ran


if __name__ == "__main__":
    main()
