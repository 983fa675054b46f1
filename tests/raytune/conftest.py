"""One embedded Ray for all tests of this folder."""

import pytest


@pytest.fixture(scope="session")
def embedded_ray():
    """A cluster on this machine; runners that find it use it and leave it."""
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
