"""A search as a Ray job on a running cluster: started there, or gone on with, or found running.

What travels is a working directory, see `ptune.raytune.package`. The runs folder is named by a path or URL, which the
cluster's nodes must share.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptune.errors import ClusterError
from ptune.files import value_hash
from ptune.raytune.dashboard import NODES_WITHIN_S, is_this_machine, reaching, resolve
from ptune.raytune.jobs import NAME, QUESTION, RUNS, SEARCHED, info_of, jobs_of, tail
from ptune.raytune.package import JOB_FILE, Upload, megabytes, stage, uploads
from ptune.raytune.variables import sent, withheld
from ptune.spec.cluster import Cluster
from ptune.spec.job import Job
from ptune.spec.overrides import noted
from ptune.spec.same import identity

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

_NO_AGENT = "No available agent"
_TAKEN = "already exists"
_STOP = {"RAY_JOB_STOP_SIGNAL": "SIGINT", "RAY_JOB_STOP_WAIT_TIME_S": "60"}  # time to leave the search resumable


@dataclass(frozen=True)
class Submitted:
    """A job on a cluster.

    Attributes:
        id: the job's.
        known: whether it ran already, so that nothing was submitted.
    """

    id: str
    known: bool = False


@dataclass(frozen=True)
class _Entry:
    """How a job enters ptune.

    Attributes:
        words: of the `ptune` command.
        variables: that the job is sent.
        libraries: requirements, by `pip` or `uv`.
    """

    words: Sequence[str]
    variables: Mapping[str, str]
    libraries: Mapping[str, Sequence[str]]


def submit(
    job: Job,
    runs: str | None,
    address: str | None = None,
    overrides: Sequence[str] = (),
    say: Callable[[str], Any] = lambda _: None,
) -> Submitted:
    """Bring a job's search to a cluster and return at once: it is started, or goes on, or is found running.

    Args:
        job: the job, with absolute paths, as `ptune.spec.load.load_job` returns it.
        runs: the runs folder on storage that the cluster's nodes share. May be None if the cluster is this machine,
            where it is `ptune_runs` in the working directory.
        address: the cluster's dashboard, `http://HOST:8265`; None is RAY_API_SERVER_ADDRESS, else this machine's.
        overrides: settings that the job holds in place of its file's; noted in the text that travels.
        say: is told, before anything is sent, which files and variables are, and which variables are not.

    Raises:
        ClusterError: nothing answers there, it refuses the job, the runs folder must be named, files of this machine
            cannot be reached, or another job runs under this name.
    """
    with reaching(address) as client:
        here = is_this_machine(client)
        folder = _runs(runs, resolve(address), here=here)
        labels = {NAME: job.name, RUNS: folder, SEARCHED: identity(job)}
        if (running := _running(client, labels)) is not None:
            return running
        files = [] if here else uploads(job)
        variables = _variables(job.cluster, folder)
        _announce(say, files, variables, withheld(os.environ, job.cluster))
        words = ["search", JOB_FILE, "--resume-if-exists", "--json", *(["--keep-data"] if files else [])]
        libraries = {"pip": job.cluster.pip, "uv": job.cluster.uv}
        with tempfile.TemporaryDirectory(prefix="ptune-job-") as upload:
            stage(Path(upload), job, files, noted(overrides))
            return _submitted(client, labels, upload, _Entry(words, variables, libraries))


def resume(name: str, runs: str | None, address: str | None = None, *, changed_libraries: bool = False) -> Submitted:
    """Go on with a search of a runs folder as a Ray job; return at once.

    If the cluster remembers the search's last job, its libraries and variables are taken from there.

    Args:
        name: the search.
        runs: as for `submit`.
        address: as for `submit`.
        changed_libraries: see `ptune.run.search.resume_search`.

    Raises:
        ClusterError: as for `submit`. Whether there is such a search is found out on the cluster.
    """
    with reaching(address) as client:
        labels = {NAME: name, RUNS: _runs(runs, resolve(address), here=is_this_machine(client))}
        if (running := _running(client, labels)) is not None:
            return running
        last = ([{}] + [job.runtime_env or {} for job in jobs_of(client, labels)])[-1]
        libraries = {key: _packages(last[key]) for key in ("pip", "uv") if last.get(key)}
        variables = {**(last.get("env_vars") or {}), **_variables(Cluster(), labels[RUNS])}
        with tempfile.TemporaryDirectory(prefix="ptune-job-") as upload:
            stage(Path(upload))
            words = ["resume", name, "--json", *(["--changed-libraries"] if changed_libraries else [])]
            return _submitted(client, labels, upload, _Entry(words, variables, libraries))


def ask(words: Sequence[str], runs: str | None, address: str | None = None) -> Any:
    """Run a `ptune` command that prints one JSON object on the cluster, and return the object.

    Args:
        words: the command, which has `--json`.
        runs: the runs folder, as for `submit`; None leaves it to the cluster's own PTUNE_RUNS.
        address: as for `submit`.

    Raises:
        ClusterError: nothing answers there, or the command fails.
    """
    with reaching(address) as client:
        folder = None if runs is None else _runs(runs, resolve(address), here=False)
        question = f"{QUESTION}{os.urandom(6).hex()}"
        pieces: list[str] = []
        with tempfile.TemporaryDirectory(prefix="ptune-job-") as upload:
            stage(Path(upload))
            _send(client, question, {}, upload, _Entry(words, _variables(Cluster(), folder), {}))
        asyncio.run(tail(client, question, pieces.append))
        client.delete_job(question)
    lines = "".join(pieces).strip().splitlines()
    try:
        return json.loads(lines[-1])
    except (IndexError, ValueError):
        told = " ".join(lines[-3:]) or "nothing"
        raise ClusterError(f"`ptune {shlex.join(words)}` failed on the cluster; it said: {told}") from None


def _runs(runs: str | None, address: str, *, here: bool) -> str:
    """The runs folder as the cluster finds it."""
    if runs is None and not here:
        raise ClusterError(
            f"set PTUNE_RUNS to a folder that every node of the cluster at {address} shares: "
            "the search's journal, states and artifact are kept there"
        )
    return runs if runs is not None and "://" in runs else str(Path(runs or "ptune_runs").resolve())


def _variables(cluster: Cluster, runs: str | None) -> dict[str, str]:
    """The variables of a job."""
    return {**sent(os.environ, cluster), **_STOP, **({} if runs is None else {"PTUNE_RUNS": runs})}


def _announce(
    say: Callable[[str], Any], files: Sequence[Upload], variables: Mapping[str, str], kept_here: Sequence[str]
) -> None:
    """Say what is sent with a job and what is not."""
    if files:
        total = megabytes(sum(upload.size for upload in files))
        say(f"sends {total} of data: {', '.join(str(upload) for upload in files)}")
    say(f"sends the variables {', '.join(sorted(variables.keys() - _STOP.keys()))}")
    if kept_here:
        say(
            f"does not send {', '.join(kept_here)}, because Ray shows the variables of a job; "
            "what the job needs of these has to be set on the cluster's nodes, and named in cluster.secrets"
        )


def _submitted(client: JobSubmissionClient, labels: Mapping[str, str], folder: str, entry: _Entry) -> Submitted:
    """Submit a search's job. Its id follows from the ids before it, so that of two at once Ray takes one."""
    ids = [job.submission_id for job in jobs_of(client, labels)]
    numbers = [int(ending[1]) for job_id in ids if (ending := re.search(r"-(\d+)$", job_id))]
    job_id = f"ptune-{labels[NAME]}-{value_hash(labels[RUNS])[:6]}-{max(numbers, default=0) + 1}"
    try:
        return Submitted(_send(client, job_id, labels, folder, entry))
    except RuntimeError as error:
        running = _running(client, labels) if _TAKEN in str(error) else None
        if running is None:
            raise
        return running


def _send(client: JobSubmissionClient, job_id: str, labels: Mapping[str, str], folder: str, entry: _Entry) -> str:
    """Submit a job and return its id; a head that has just started needs a while before it takes one."""
    libraries = {name: list(packages) for name, packages in entry.libraries.items() if packages}
    until = time.monotonic() + NODES_WITHIN_S
    while True:
        try:
            return str(
                client.submit_job(
                    entrypoint=f'exec "{_python(own=not libraries)}" -m ptune.cli.entry {shlex.join(entry.words)}',
                    submission_id=job_id,
                    runtime_env={"working_dir": folder, "env_vars": dict(entry.variables), **libraries},
                    metadata=dict(labels),
                )
            )
        except RuntimeError as error:
            if _NO_AGENT not in str(error) or time.monotonic() > until:
                raise
        time.sleep(1.0)


def _running(client: JobSubmissionClient, labels: Mapping[str, str]) -> Submitted | None:
    """The job that runs a search, if one does.

    Raises:
        ClusterError: it searches something else.
    """
    for job in jobs_of(client, labels):
        if info_of(job).over:
            continue
        if SEARCHED in labels and job.metadata.get(SEARCHED, labels[SEARCHED]) != labels[SEARCHED]:
            raise ClusterError(
                f"{labels[NAME]} runs on this cluster as {job.submission_id}, and that job searches something else; "
                f"give this one another --name, or stop that one: ptune stop {job.submission_id}"
            )
        return Submitted(job.submission_id, known=True)
    return None


def _packages(installed: Any) -> list[str]:
    """The requirements in what Ray makes of `pip` or `uv`."""
    return list(installed["packages"] if isinstance(installed, dict) else installed)


def _python(*, own: bool) -> str:
    """A job's interpreter, as shell text: this one, if the cluster has it, else the cluster's.

    Args:
        own: whether this machine's interpreter may run it, because nothing is installed for it.
    """
    this = [sys.executable] if own and sys.prefix != sys.base_prefix else []
    return "$(" + " || ".join(f"command -v {shlex.quote(name)}" for name in (*this, "python", "python3")) + ")"
