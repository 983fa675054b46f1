"""What the drill counts, on made-up records."""

from costs import Costs, table


def test_only_time_is_nothing():
    assert Costs(injected=2, seconds=[1.0, 3.0]).is_nothing
    assert not Costs(injected=0).is_nothing, "what never came proves nothing"
    for cost in ({"lost": 1}, {"duplicated": 1}, {"retrained": 1}, {"broken": "it has ended"}):
        assert not Costs(injected=2, **cost).is_nothing


def test_the_table_shows_what_should_be_zero_and_is_not():
    played = {
        "a kill": Costs(injected=2, retrained=3, seconds=[1.0, 3.0]),
        "a cut": Costs(broken="no end"),
    }
    head, _, kill, cut = table(played).splitlines()
    assert [cell.strip() for cell in kill.strip("|").split("|")] == [
        "a kill",
        "2",
        "0",
        "0",
        "**3**",
        "2.0 (at most 3.0)",
    ]
    assert cut.endswith("| **broken**: no end |")
    assert len({len(line) for line in (head, kill, cut)}) == 1
