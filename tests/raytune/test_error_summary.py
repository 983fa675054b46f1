import pytest

from ptune.errors import EngineError
from ptune.raytune.error_summary import error_summary


class RemoteError(Exception):
    def __init__(self, text, cause=None):
        super().__init__(text)
        self.cause = cause


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RemoteError("a\nlong\ntraceback", EngineError("slot 3 is broken")), "slot 3 is broken"),
        (RemoteError("a\nlong\ntraceback", KeyError("lr")), "KeyError: 'lr'"),
        (RemoteError("It died.\n  name: x\nIt was killed. Some common causes include: (1) ..."), "It was killed."),
        (ValueError("no such actor"), "no such actor"),
        (ValueError(), "ValueError"),
    ],
)
def test_a_summary_is_one_line_that_says_what_happened(error, said):
    assert error_summary(error) == said
