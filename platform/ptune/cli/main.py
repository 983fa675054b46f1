"""The `ptune` command: its subcommands, and how errors become messages and exit codes.

Exit codes: 0 done · 2 the input is wrong · 130 interrupted, and resumable · 1 anything else.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import NoReturn

import click

import ptune
from ptune.cli.compare import compare
from ptune.cli.confirm import confirm
from ptune.cli.convert import convert
from ptune.cli.doctor import doctor
from ptune.cli.exits import FAILED, INTERRUPTED, WRONG_INPUT
from ptune.cli.export import export
from ptune.cli.extend import extend
from ptune.cli.init import init
from ptune.cli.inspect import inspect
from ptune.cli.inspect_data import inspect_data
from ptune.cli.jobs import jobs
from ptune.cli.listing import listing
from ptune.cli.logs import logs
from ptune.cli.plan import plan
from ptune.cli.predict import predict
from ptune.cli.render import cluster
from ptune.cli.repair import repair
from ptune.cli.report import report
from ptune.cli.resume import resume
from ptune.cli.search import search
from ptune.cli.serve import serve
from ptune.cli.simulate import simulate
from ptune.cli.stop import stop
from ptune.cli.submit import submit
from ptune.cli.sync import sync
from ptune.cli.tabulate import tabulate
from ptune.cli.trial import trial
from ptune.cli.ui import ui
from ptune.cli.validate import validate
from ptune.errors import ArtifactError, BackboneError, DataError, NotFoundError, PtuneError, SpecError
from ptune.report.said import prepare_streams, say

_INPUT_ERRORS = (SpecError, DataError, BackboneError, ArtifactError, NotFoundError)
_NO_NAMES = (errno.ENAMETOOLONG, errno.ELOOP)
"""What a system says of a name that leads nowhere, whatever there is on its disks."""
SECTIONS = {
    "Search": (init, inspect_data, convert, validate, plan, simulate, search, resume, stop, trial, extend, listing),
    "Compare": (report, compare, confirm, tabulate, ui, sync),
    "Use the best prompt": (export, inspect, predict, serve),
    "Machines and clusters": (doctor, repair, submit, jobs, logs, cluster),
}
"""The commands, as the help shows them."""
COMMANDS = tuple(command for commands in SECTIONS.values() for command in commands)


class InSections(click.Group):
    """A group whose help lists commands by what they are for, in the order in which people meet them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The commands' names, as they were added."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands, in sections."""
        longest = max(map(len, self.commands))
        limit = formatter.width - longest - 6
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                lines = [(f"{command.name:<{longest}}", command.get_short_help_str(limit)) for command in commands]
                formatter.write_dl(lines)


@click.group(cls=InSections, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(ptune.__version__, prog_name="ptune")
@click.option("--debug", is_flag=True, envvar="PTUNE_DEBUG", help="Show tracebacks.  [env: PTUNE_DEBUG]")
def cli(debug: bool) -> None:
    """Search the hyperparameters of continuous prompts on a frozen transformer.

    \b
    ptune validate jobs/quickstart.toml      check a job before running it
    ptune search jobs/quickstart.toml        run it on this machine
    ptune predict ptune_runs/NAME/artifact --text "..."
    """
    if debug:
        os.environ["PTUNE_DEBUG"] = "1"


for command in COMMANDS:
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave the process; see the exit codes above."""
    sys.excepthook = _without_traceback
    prepare_streams()
    sys.exit(run(arguments, owns_process=True))


def run(arguments: Sequence[str] | None = None, *, owns_process: bool = False) -> int:
    """Run the command line; return the exit code. Errors that nobody raised on purpose pass through.

    Args:
        arguments: the words behind `ptune`; None takes those of the process.
        owns_process: whether the process does nothing else. The commands find this in their context's `obj`.
    """
    try:
        code = cli.main(args=arguments, prog_name="ptune", standalone_mode=False, obj=owns_process)
    except click.ClickException as error:
        message = io.StringIO()
        error.show(message)
        say(message.getvalue(), err=True, nl=False)
        return error.exit_code
    except PtuneError as error:
        if debugging():
            raise
        say(f"ptune: {error}", err=True)
        return WRONG_INPUT if isinstance(error, _INPUT_ERRORS) else FAILED
    except (KeyboardInterrupt, click.Abort):
        say("ptune: interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        if error.errno not in _NO_NAMES or debugging():
            raise
        name = str(error.filename)
        say(f"ptune: {name if len(name) <= 80 else name[:80] + '...'}: {error.strerror}", err=True)
        return WRONG_INPUT
    return code if isinstance(code, int) else 0


def debugging() -> bool:
    """Whether tracebacks are wanted."""
    return os.environ.get("PTUNE_DEBUG", "") not in ("", "0")


def _without_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Report an error that nobody raised on purpose in one line, unless tracebacks are wanted."""
    if debugging():
        sys.__excepthook__(kind, error, trace)
        return
    hint = "" if isinstance(error, OSError) else " (this should not happen; PTUNE_DEBUG=1 shows where)"
    say(f"ptune: {kind.__name__}: {error}{hint}", err=True)
