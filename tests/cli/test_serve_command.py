"""`ptune serve`: names, addresses and what is refused before anything is loaded."""

import socket

import pytest

from ptune.cli.serve import names
from ptune.errors import SpecError


def test_a_prompt_is_called_as_its_folder_its_search_or_as_one_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = names(["exports/topic", "ptune_runs/quickstart/artifact", "spam=exports/3"])
    assert {name: str(folder) for name, folder in named.items()} == {
        "topic": "exports/topic",
        "quickstart": "ptune_runs/quickstart/artifact",
        "spam": "exports/3",
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a/topic", "b/topic"], "a/topic and b/topic would both be called 'topic'; write NAME=DIR for one of them"),
        (["=a"], "a name must not be empty or hold '/'"),
        (["a/b=c"], "a name must not be empty or hold '/'"),
    ],
)
def test_names_that_cannot_be_asked_are_refused(words, message):
    with pytest.raises(SpecError, match=message):
        names(words)


def test_a_port_that_is_taken_is_refused_before_anything_is_loaded(ptune, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = ptune("serve", tmp_path / "nothing", "--port", port)
    assert result.code == 2
    assert f"127.0.0.1:{port} cannot be listened on: Address already in use; name another port" in result.err


def test_whoever_opens_the_server_to_others_is_warned(ptune, tmp_path):
    result = ptune("serve", tmp_path / "nothing", "--host", "0.0.0.0", "--port", 0)
    assert result.code == 2
    assert "can be reached from other machines" in result.err
    assert "SSH tunnel" in result.err
    assert "nothing does not exist" in result.err
    assert "other machines" not in ptune("serve", tmp_path / "nothing", "--port", 0).err
