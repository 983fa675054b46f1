"""The benchmark of the driver: its simulated search comes to its end, and every tenth of it is accounted for."""

from itertools import pairwise

from overhead import FEWEST, TENTHS, search, stock


def test_a_simulated_search_is_timed_tenth_by_tenth(tmp_path):
    rows, after = search(tmp_path / "s", FEWEST)
    assert len(rows) == TENTHS
    assert rows[-1]["trials"] == FEWEST
    assert all(row["trials"] < later["trials"] for row, later in pairwise(rows))
    assert all(row["trial_ms"] >= row["report_ms"] > 0 for row in rows)
    assert all(seconds > 0 for seconds in after.values())
    assert (tmp_path / "s" / "report.html").is_file()


def test_stock_optuna_searches_as_many_trials_as_it_is_told():
    about = stock(12)
    assert about["trials"] == 12
    assert about["trial_ms"] > 0
