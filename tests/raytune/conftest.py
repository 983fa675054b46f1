"""One embedded Ray for the tests of a file, and a search's folder."""

import pytest


@pytest.fixture(scope="module")
def embedded_ray():
    """A cluster on this machine; runners that find it use it and leave it. Gone before another file has its own."""
    from ptune.raytune.cluster import connect, disconnect

    assert connect("local")
    yield
    disconnect()


@pytest.fixture
def folder(tmp_path):
    """A search's folder."""
    path = tmp_path / "search"
    path.mkdir()
    return path
