"""Errors become messages and exit codes."""

import subprocess
import sys

import click
import pytest

from ptune import errors
from ptune.cli.main import COMMANDS, cli, run


@pytest.fixture
def failing():
    """A command that raises what it is given."""

    def make(error):
        @click.command("fails")
        def fails():
            raise error

        cli.add_command(fails)

    yield make
    cli.commands.pop("fails", None)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.SpecError("x"), 2),
        (errors.DataError("x"), 2),
        (errors.BackboneError("x"), 2),
        (errors.ArtifactError("x"), 2),
        (errors.JournalError("x"), 1),
        (errors.TrackingError("x"), 1),
        (errors.ClusterError("x"), 1),
        (errors.DivergedError("x"), 1),
    ],
)
def test_an_error_on_purpose_is_one_message(ptune, failing, error, code):
    failing(error)
    result = ptune("fails")
    assert (result.code, result.out, result.err) == (code, "", "ptune: x\n")


def test_an_interruption_is_130(ptune, failing):
    failing(KeyboardInterrupt())
    assert ptune("fails").code == 130


def test_debugging_lets_errors_through(ptune, failing, monkeypatch):
    failing(errors.SpecError("x"))
    monkeypatch.setenv("PTUNE_DEBUG", "1")
    with pytest.raises(errors.SpecError):
        run(["fails"])


def test_wrong_usage_is_2_and_says_what_is_allowed(ptune):
    result = ptune("serach")
    assert result.code == 2
    assert "serach" in result.err
    assert ptune("search").code == 2


@pytest.mark.parametrize("debug", ["", "1"])
def test_an_accident_is_one_line_unless_debugging(debug):
    program = (
        "import ptune.cli.main as m, ptune.cli.listing as l\n"
        "def broken(**_): return 1 / 0\n"
        "l.listing.callback = broken\nm.main(['list'])"
    )
    environment = {"PTUNE_DEBUG": debug, "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert ("Traceback" in done.stderr) == bool(debug)
    assert "ZeroDivisionError" in done.stderr


def test_each_command_has_a_module_of_its_own():
    names = [command.callback.__module__.rpartition(".")[2] for command in COMMANDS]
    assert len(set(names)) == len(names)


def test_python_m_ptune_is_the_command():
    done = subprocess.run([sys.executable, "-m", "ptune", "--version"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("ptune, version ")
