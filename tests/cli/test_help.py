"""The help of every command, as people see it on a terminal of 80 columns."""

import inspect
import re
import shlex

import click
import pytest

from ptune.cli.main import COMMANDS, cli

EVERY = [cli, *COMMANDS]
EXAMPLE = re.compile(r"^(?:[A-Z_]+=\S+ |cat \S+ \| )?ptune (?P<arguments>.+)$")


def rendered(command: click.Command) -> list[str]:
    parent = None if command is cli else click.Context(cli, info_name="ptune")
    context = click.Context(command, info_name=command.name, parent=parent, terminal_width=80, max_content_width=80)
    return command.get_help(context).splitlines()


def examples(lines: list[str]) -> list[str]:
    """The lines that are command lines, without the indentation that help has."""
    return [line.strip() for line in lines if EXAMPLE.match(line.strip())]


def parse(arguments: list[str]) -> None:
    """Read arguments as the command that they name does, without looking at files or running anything."""
    name, *rest = arguments
    command = cli.get_command(click.Context(cli), name)
    assert command is not None, f"there is no command {name!r}"
    command.make_parser(click.Context(command, info_name=name)).parse_args(rest)


@pytest.fixture(params=EVERY, ids=lambda command: command.name)
def command(request) -> click.Command:
    return request.param


def test_help_has_no_control_characters_and_no_traces_of_them(command):
    text = "\n".join(rendered(command))
    assert r"\b" not in text
    assert text.replace("\n", "").isprintable()


def test_no_line_of_help_is_wider_than_the_terminal(command):
    assert max(map(len, rendered(command))) <= 80


def test_examples_stand_on_lines_of_their_own_as_written(command):
    written = examples(inspect.getdoc(command.callback).splitlines())
    assert written, "every command shows how it is called"
    assert examples(rendered(command)) == written


def test_examples_name_commands_and_options_that_exist(command):
    for example in examples(rendered(command)):
        arguments = shlex.split(EXAMPLE.match(re.split(r" {2,}| > ", example)[0])["arguments"])
        parse(arguments)


def test_commands_named_in_running_text_exist():
    for command in EVERY:
        text = re.sub(r"\s+", " ", "\n".join(rendered(command)))
        for arguments in re.findall(r"`ptune ([^`]+)`", text):
            parse(shlex.split(arguments))


def test_an_option_that_does_not_exist_is_noticed():
    with pytest.raises(click.NoSuchOption):
        parse(["search", "job.toml", "--adress", "head:6379"])
