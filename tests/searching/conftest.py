"""A journal for each simulated search."""

import pytest


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.jsonl"
