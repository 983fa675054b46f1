"""`ptune init`: a job file from a data file, a backbone and a kind of task."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ptune.cli.inspect_data import KINDS
from ptune.errors import SpecError
from ptune.report.said import say

if TYPE_CHECKING:
    from ptune.checks.file import CheckedFile

_REST = """
[space.parameters]
# method = {{ choices = ["v1", "v2"] }}     # prompts in the input, too; without it, keys and values (v2)
{depth}
length = {{ low = 4, high = 32, log = true }}
encoder = {{ choices = ["embedding", "mlp"] }}
lr = [
  {{ low = 1e-3, high = 1e-1, log = true, when = {{ encoder = "embedding" }} }},
  {{ low = 3e-4, high = 3e-2, log = true, when = {{ encoder = "mlp" }} }},
]
batch_size = {{ choices = [8, 16, 32] }}

[budget]
trials = {trials}
epochs = {epochs}
"""

_DEPTH = '# depth = { low = 1, high = "layers" }    # v2 in some layers; without it, in all'
_GPU = Path("/dev/nvidiactl")
"""What a machine with GPUs has; to ask torch for them takes seconds."""
_RESOURCES = """
[resources]
slots = 2            # trials at a time on CPUs, where more train hardly faster; leave it out on GPUs
"""
_PRIOR = "\n[prior]               # tried first\n"
_PUBLISHED = "published = true      # what is published for this kind of task and this backbone\n"
_RECORDED = "recorded = true       # what is best in the learning curves that ship with ptune\n"


@click.command(short_help="Write a job file for your data.")
@click.argument("job", type=click.Path(path_type=Path), metavar="JOB")
@click.option("--data", type=click.Path(path_type=Path), help="Data file to learn from.")
@click.option("--backbone", help="Folder or Hub id of the backbone.")
@click.option(
    "--task",
    "kind",
    type=click.Choice(KINDS),
    metavar="KIND",
    help=f"One of {', '.join(KINDS)}.  [default: guessed from the data]",
)
@click.option("--trials", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--epochs", type=click.IntRange(min=1), default=5, show_default=True)
def init(job: Path, data: Path | None, backbone: str | None, kind: str | None, trials: int, epochs: int) -> int:
    """Write the job file JOB: a search over v2 prompts for a data file. A terminal is asked for what is missing.

    The columns, the kind of task and the splits are guessed from the data, as `ptune inspect-data` shows them. A job
    that is wrong for its data or its backbone is not kept. A file that exists is never replaced.

    \b
    ptune init jobs/reviews.toml --data reviews.csv --backbone bert-base-uncased
    ptune init jobs/names.toml --data names.conll --task tokens
    """
    from ptune.data.proposal import propose
    from ptune.report.proposed import task_tables

    if job.suffix != ".toml":
        raise SpecError(f"{job}: the name of a job file ends with .toml")
    if job.exists():
        raise SpecError(f"{job}: exists, and is not replaced")
    if not job.parent.is_dir():
        raise SpecError(f"{job}: there is no folder {job.parent}")
    if data is None:
        data = Path(_asked("--data", "Data file"))
    proposal = propose(data, kind)
    if backbone is None:
        backbone = _asked("--backbone", "Backbone (a folder or Hub id)", "packaged:minilm")
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", job.stem).strip("-._")[:80] or "search"
    folder = job.parent.resolve()
    head = f'name = "{name}"\n\n[backbone]\nid = {_written(backbone, folder)}\n\n'
    text = head + task_tables(proposal, folder) + _REST.format(trials=trials, epochs=epochs, depth=_DEPTH)
    return _kept(job, text + _RESOURCES * (not _GPU.exists()))


def _known(text: str, checked: CheckedFile) -> str:
    """A valid job with what is known of its kind of task: the table [prior], and how many layers are enough.

    Where its backbone is not here, what is published is a comment. Prompts that are published lie in all layers.
    """
    from ptune.searching.best_recorded import tables_for
    from ptune.spec.published_settings import published_points

    if checked.job is None:
        return text
    kind, profile = checked.job.task.kind, checked.profile
    recorded = _RECORDED if tables_for(kind) else ""
    if profile is None:
        return text + (_PRIOR + recorded + f"# {_PUBLISHED}" if recorded else f"\n# {_PRIOR.strip()}\n# {_PUBLISHED}")
    published = published_points(kind, profile.model, checked.job.space.resolved(profile.layers))
    lines = (_PUBLISHED if published else "") + recorded
    if recorded and not published and profile.family.layers is not None:
        text = text.replace(_DEPTH, _depth(profile.layers))
    return text + _PRIOR + lines if lines else text


def _depth(layers: int) -> str:
    """Prompts in the last two thirds of the layers.

    In the recorded tables, no difference from prompts in all of them is to be seen (-0.5 ± 1.5 and -0.6 ± 0.8 points,
    the same configurations compared, standard errors). What the first third computes is the same in each epoch and
    kept, so training takes 0.6 of the time.
    """
    deep = max(1, round(2 / 3 * layers))
    why = f"the last of {layers} layers; without it, in all, as PEFT has prompts, but slower"
    return f"depth = {{ value = {deep} }}        # {why}"


def _asked(option: str, question: str, default: str | None = None) -> str:
    """What somebody at a terminal answers.

    Raises:
        SpecError: nobody is there.
    """
    if not sys.stdin.isatty():
        raise SpecError(f"{option} is missing, and there is no terminal to ask")
    answer: str = click.prompt(question, default=default, err=True)
    return answer


def _written(backbone: str, folder: Path) -> str:
    """The backbone as a job in a folder has it: a folder of the working directory by its whole path."""
    from ptune.spec.write import toml_value

    local = Path(backbone)
    return toml_value(str(local.resolve()) if local.is_dir() and folder != Path.cwd() else backbone)


def _kept(job: Path, text: str) -> int:
    """Write a job that has no problem; of any other one, say what is wrong and leave nothing behind."""
    from ptune.checks.file import check_file

    with job.open("x", encoding="utf-8") as stream:  # paths in it are relative to where it lies
        stream.write(text)
    checked = check_file(job, read_data=True)
    if checked.problems:
        job.unlink()
        for problem in checked.problems:
            say(problem, err=True)
        return 2
    job.write_text(_known(text, checked), encoding="utf-8")
    for note in [*checked.later, *checked.notes]:
        say(f"ptune: {note}", err=True)
    say(f"{job} is written; go on with `ptune validate {job} --data` and `ptune search {job}`")
    return 0
