import pytest

from ptune.raytune.clients import Clients


@pytest.fixture
def clients():
    return Clients(2)


def test_as_many_are_free_as_have_nothing_to_do(clients):
    clients.begin("a")
    assert clients.free
    clients.begin("b")
    assert not clients.free
    clients.end("a")
    assert clients.free


def test_they_have_started_when_each_has_answered(clients):
    assert not clients.started
    for _ in range(2):
        clients.hear("a")
        assert not clients.started
    clients.hear("b")
    assert clients.started
    clients.end("a")
    assert clients.started


def test_the_first_does_not_wait_for_ever_for_one_that_never_starts(clients, monkeypatch):
    clients.hear("a")
    monkeypatch.setattr("ptune.raytune.clients._TOGETHER_S", 0.0)
    late = Clients(2)
    late.hear("a")
    assert late.started
    assert not clients.started


def test_many_at_rest_ask_no_more_often_than_few():
    asked = [count / Clients(count).rest()["seconds"] for count in (1, 4, 32)]
    assert asked == pytest.approx([asked[0]] * 3)


def test_the_end_of_a_search_does_not_wait_long_for_those_at_rest():
    assert Clients(10_000).rest()["seconds"] <= 2
